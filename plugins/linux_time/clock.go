package linuxtime

import "github.com/rtcollector/rtcollector/internal/telemetry"

// clock is what adjtimex(2) tells, in the kernel's units.
type clock struct {
	state  int    // what the call returned
	status uint32 // STA_…

	offset, frequency        float64 // microseconds, or nanoseconds with staNano; 2^-16 ppm
	maxError, estimatedError float64 // microseconds
	constant                 float64
	tick, tai                float64 // microseconds, seconds

	ppsFrequency, ppsStability            float64 // 2^-16 ppm
	ppsJitter                             float64 // as offset
	ppsShift                              int32   // 2^n seconds
	ppsCalibrations, ppsErrors            float64
	ppsJitterExceeded, ppsStabilityExceed float64
}

// Bits of the status, and the last of the states: include/uapi/linux/timex.h.
const (
	staUnsync = 0x0040 // nobody has set the clock right for a while
	staPPS    = 0x0100 // STA_PPSSIGNAL: there is a pulse every second
	staNano   = 0x2000
	timeError = 5
)

const (
	ppmScale = 1 << 16
	micro    = 1e6
	nano     = 1e9
)

func (c clock) synchronized() float64 {
	if c.status&staUnsync != 0 || c.state == timeError {
		return 0
	}
	return 1
}

// fine turns an offset or a jitter into seconds.
func (c clock) fine(v float64) float64 {
	if c.status&staNano != 0 {
		return v / nano
	}
	return v / micro
}

const ppm telemetry.Unit = "ppm"

// gauge is one series of the clock.
type gauge struct {
	name string
	unit telemetry.Unit
	of   func(c *clock) float64
}

func gauges() []gauge {
	return []gauge{
		{"time_synchronized", telemetry.None, func(c *clock) float64 { return c.synchronized() }},
		{"time_offset_seconds", telemetry.Seconds, func(c *clock) float64 { return c.fine(c.offset) }},
		{"time_frequency", ppm, func(c *clock) float64 { return c.frequency / ppmScale }},
		{"time_max_error_seconds", telemetry.Seconds, func(c *clock) float64 { return c.maxError / micro }},
		{"time_estimated_error_seconds", telemetry.Seconds, func(c *clock) float64 { return c.estimatedError / micro }},
		{"time_state", telemetry.None, func(c *clock) float64 { return float64(c.state) }},
		{"time_status", telemetry.None, func(c *clock) float64 { return float64(c.status) }},
		{"time_loop_constant", telemetry.None, func(c *clock) float64 { return c.constant }},
		{"time_tick", telemetry.Microseconds, func(c *clock) float64 { return c.tick }},
		{"time_tai_offset_seconds", telemetry.Seconds, func(c *clock) float64 { return c.tai }},
	}
}

// ppsGauges are those of a clock that gets a pulse every second.
func ppsGauges() []gauge {
	return []gauge{
		{"time_pps_frequency", ppm, func(c *clock) float64 { return c.ppsFrequency / ppmScale }},
		{"time_pps_stability", ppm, func(c *clock) float64 { return c.ppsStability / ppmScale }},
		{"time_pps_jitter_seconds", telemetry.Seconds, func(c *clock) float64 { return c.fine(c.ppsJitter) }},
		{"time_pps_interval_seconds", telemetry.Seconds, func(c *clock) float64 { return float64(uint64(1) << (uint32(c.ppsShift) & 63)) }},
	}
}

// ppsCounters are what the kernel counts about the pulses.
func ppsCounters() []gauge {
	return []gauge{
		{"time_pps_calibrations", telemetry.None, func(c *clock) float64 { return c.ppsCalibrations }},
		{"time_pps_errors", telemetry.None, func(c *clock) float64 { return c.ppsErrors }},
		{"time_pps_jitter_exceeded", telemetry.None, func(c *clock) float64 { return c.ppsJitterExceeded }},
		{"time_pps_stability_exceeded", telemetry.None, func(c *clock) float64 { return c.ppsStabilityExceed }},
	}
}
