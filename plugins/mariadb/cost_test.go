//go:build unix

package mariadbinput

import (
	"syscall"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// cpu is the time that this process has used, on all cores.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkGather reports the CPU time of a gather of the default set, the server's own not included.
func BenchmarkGather(b *testing.B) {
	p := servers(b)
	for name, config := range map[string]string{"default": "", "all": "metrics: ['*']\nvariables: ['*']\nuser_statistics: true"} {
		b.Run(name, func(b *testing.B) {
			in := plugintest.Start(b, Plugin, p.primary.config(config), plugintest.Env("postgres", ""))
			gather := func() int {
				now := time.Now()
				out := telemetry.NewBatch(now, now, 1024)
				if err := in.Input.Gatherer.Gather(b.Context(), out); err != nil {
					b.Fatal(err)
				}
				return out.Len()
			}
			gather()
			before, samples := cpu(b), 0
			for b.Loop() {
				samples = gather()
			}
			b.ReportMetric(float64((cpu(b)-before).Microseconds())/float64(b.N), "cpu-µs/gather")
			b.ReportMetric(float64(samples), "samples")
		})
	}
}
