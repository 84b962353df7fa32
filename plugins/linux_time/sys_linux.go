package linuxtime

import "syscall"

// readClock asks the kernel how it keeps time: adjtimex(2) with modes 0, which changes nothing and needs no privilege.
func readClock() (clock, error) {
	var t syscall.Timex // its fields are 32 or 64 bits wide, as the architecture has it
	state, err := syscall.Adjtimex(&t)
	if err != nil {
		return clock{}, err
	}
	return clock{
		state: state, status: uint32(t.Status), offset: int64(t.Offset), frequency: int64(t.Freq),
		maxError: int64(t.Maxerror), estimatedError: int64(t.Esterror), constant: int64(t.Constant),
		tick: int64(t.Tick), tai: int64(t.Tai),
		ppsFrequency: int64(t.Ppsfreq), ppsJitter: int64(t.Jitter), ppsShift: t.Shift, ppsStability: int64(t.Stabil),
		ppsCalibrations: int64(t.Calcnt), ppsErrors: int64(t.Errcnt), ppsJitterExceeded: int64(t.Jitcnt), ppsStabilityExceed: int64(t.Stbcnt),
	}, nil
}
