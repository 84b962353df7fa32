package processtop

import (
	"errors"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/procusage"
)

// use is something that processes use, by which they are compared.
type use uint8

const (
	cpu use = iota // percent of one core
	rss            // bytes
	pss
	read // bytes per second
	write
	rx
	tx
	numUses
)

func useNames() []string {
	return []string{cpu: "cpu", rss: "rss", pss: "pss", read: "read", write: "write", rx: "rx", tx: "tx"}
}

// UnmarshalScalar implements conf.Scalar.
func (u *use) UnmarshalScalar(text string) error {
	for i, name := range useNames() {
		if name == text {
			*u = use(i)
			return nil
		}
	}
	return errors.New("must be one of " + strings.Join(useNames(), ", "))
}

// String returns the name in the settings.
func (u use) String() string { return useNames()[u] }

// uses is what a process or a name uses.
type uses [numUses]float64

// unknown is the value of what is not known.
const unknown = -1

// setRates sets the rates of counters that have grown in this time. Without a time they are unknown.
func (u *uses) setRates(before, now *procusage.Counters, elapsed time.Duration, maxCPU float64) {
	for _, one := range []use{cpu, read, write, rx, tx} {
		u[one] = unknown
	}
	if elapsed <= 0 {
		return
	}
	growth := func(c procusage.Counter) float64 { return float64(now[c] - before[c]) }
	// Ticks of the clock may fall into the wrong interval.
	u[cpu] = min(100*(growth(procusage.UserCPU)+growth(procusage.SystemCPU))/float64(elapsed), maxCPU)
	seconds := elapsed.Seconds()
	u[read], u[write] = growth(procusage.ReadBytes)/seconds, growth(procusage.WriteBytes)/seconds
	u[rx], u[tx] = growth(procusage.RxBytes)/seconds, growth(procusage.TxBytes)/seconds
}
