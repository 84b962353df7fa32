package redistimeseries

// pace is how much is risked at once: how many samples travel in one command, and how many new series are looked at
// before the next step. The server answers a command as a whole, so what a broken connection costs is the command that
// it broke in.
type pace struct{ samples int }

const (
	// perCommand is how many samples one TS.MADD carries: beyond some hundred the server gains nothing from more, and a
	// command is what it executes in one go.
	perCommand = 500

	// leastPerCommand is how few it carries on a path on which next to nothing gets through.
	leastPerCommand = 16

	// cautious is how many series are looked at in one go after a failure.
	cautious = 64
)

// adapt learns from a write: an eighth of what got through in spite of a failure is a command that will get through. A
// write that succeeds doubles it again.
func (p *pace) adapt(settled int, err error) {
	switch {
	case err == nil:
		p.samples = min(2*p.samples, perCommand)
	case settled == 0:
		p.samples = max(p.samples/4, leastPerCommand)
	default:
		p.samples = min(max(settled/8, leastPerCommand), perCommand)
	}
}

// series returns how many of n new series are looked at in one go.
func (p *pace) series(n int) int {
	if p.samples == perCommand {
		return max(n, 1)
	}
	return cautious
}
