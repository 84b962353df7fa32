package linuxtime

import "github.com/rtcollector/rtcollector/internal/telemetry"

// clockState is the result of adjtimex(2), or of ntp_adjtime(2) of other systems, in the kernel's units.
type clockState struct {
	state  int    // what the call returned
	status uint32 // STA_…

	offset, frequency        float64 // microseconds, or nanoseconds with staNano; 2^-16 ppm
	maxError, estimatedError float64 // microseconds
	constant                 float64
	tick, tai                float64 // microseconds, seconds

	ppsFrequency, ppsStability              float64 // 2^-16 ppm
	ppsJitter                               float64 // as offset
	ppsShift                                int32   // 2^n seconds
	ppsCalibrations, ppsErrors              float64
	ppsJitterExceeded, ppsStabilityExceeded float64
}

// Bits of the status, and the last of the states: include/uapi/linux/timex.h.
const (
	staUnsync = 0x0040 // the clock has not been adjusted for a while
	staPPS    = 0x0100 // STA_PPSSIGNAL: a pulse per second is received
	staNano   = 0x2000
	timeError = 5
)

const (
	ppmDivisor      = 1 << 16
	microsPerSecond = 1e6
	nanosPerSecond  = 1e9
)

// synchronizedValue returns 1 if the clock is synchronized, otherwise 0.
func (c clockState) synchronizedValue() float64 {
	if c.status&staUnsync != 0 || c.state == timeError {
		return 0
	}
	return 1
}

// toSeconds converts an offset or a jitter to seconds.
func (c clockState) toSeconds(v float64) float64 {
	if c.status&staNano != 0 {
		return v / nanosPerSecond
	}
	return v / microsPerSecond
}

const ppm telemetry.Unit = "ppm"

// clockMetric is one metric of the clock.
type clockMetric struct {
	name  string
	unit  telemetry.Unit
	value func(c *clockState) float64
}

func clockGauges() []clockMetric {
	return []clockMetric{
		{"time_synchronized", telemetry.None, func(c *clockState) float64 { return c.synchronizedValue() }},
		{"time_offset_seconds", telemetry.Seconds, func(c *clockState) float64 { return c.toSeconds(c.offset) }},
		{"time_frequency", ppm, func(c *clockState) float64 { return c.frequency / ppmDivisor }},
		{"time_max_error_seconds", telemetry.Seconds, func(c *clockState) float64 { return c.maxError / microsPerSecond }},
		{"time_estimated_error_seconds", telemetry.Seconds, func(c *clockState) float64 { return c.estimatedError / microsPerSecond }},
		{"time_state", telemetry.None, func(c *clockState) float64 { return float64(c.state) }},
		{"time_status", telemetry.None, func(c *clockState) float64 { return float64(c.status) }},
		{"time_loop_constant", telemetry.None, func(c *clockState) float64 { return c.constant }},
	}
}

// linuxGauges are what adjtimex(2) has, but ntp_adjtime(2) of other systems does not.
func linuxGauges() []clockMetric {
	return []clockMetric{
		{"time_tick", telemetry.Microseconds, func(c *clockState) float64 { return c.tick }},
		{"time_tai_offset_seconds", telemetry.Seconds, func(c *clockState) float64 { return c.tai }},
	}
}

// ppsGauges exist only while a pulse per second is received.
func ppsGauges() []clockMetric {
	return []clockMetric{
		{"time_pps_frequency", ppm, func(c *clockState) float64 { return c.ppsFrequency / ppmDivisor }},
		{"time_pps_stability", ppm, func(c *clockState) float64 { return c.ppsStability / ppmDivisor }},
		{"time_pps_jitter_seconds", telemetry.Seconds, func(c *clockState) float64 { return c.toSeconds(c.ppsJitter) }},
		{"time_pps_interval_seconds", telemetry.Seconds, func(c *clockState) float64 { return float64(uint64(1) << (uint32(c.ppsShift) & 63)) }},
	}
}

// ppsCounters are counters of the pulse per second.
func ppsCounters() []clockMetric {
	return []clockMetric{
		{"time_pps_calibrations", telemetry.None, func(c *clockState) float64 { return c.ppsCalibrations }},
		{"time_pps_errors", telemetry.None, func(c *clockState) float64 { return c.ppsErrors }},
		{"time_pps_jitter_exceeded", telemetry.None, func(c *clockState) float64 { return c.ppsJitterExceeded }},
		{"time_pps_stability_exceeded", telemetry.None, func(c *clockState) float64 { return c.ppsStabilityExceeded }},
	}
}
