package linuxtime

import "syscall"

// readClock calls adjtimex(2) with modes 0, which changes nothing and needs no privilege.
func readClock() (clockState, error) {
	var t syscall.Timex // the width of its fields depends on the architecture
	state, err := syscall.Adjtimex(&t)
	if err != nil {
		return clockState{}, err
	}
	return clockState{
		state: state, status: uint32(t.Status), offset: float64(t.Offset), frequency: float64(t.Freq),
		maxError: float64(t.Maxerror), estimatedError: float64(t.Esterror), constant: float64(t.Constant),
		tick: float64(t.Tick), tai: float64(t.Tai),
		ppsFrequency: float64(t.Ppsfreq), ppsJitter: float64(t.Jitter), ppsShift: t.Shift, ppsStability: float64(t.Stabil),
		ppsCalibrations: float64(t.Calcnt), ppsErrors: float64(t.Errcnt), ppsJitterExceeded: float64(t.Jitcnt), ppsStabilityExceeded: float64(t.Stbcnt),
	}, nil
}
