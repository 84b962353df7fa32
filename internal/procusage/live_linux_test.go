package procusage

import (
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/procclass"
)

func BenchmarkLook(b *testing.B) {
	for name, needs := range map[string]Needs{"stat": {}, "all but memory": {Status: true, FDs: true, IO: true}, "all": {Status: true, FDs: true, IO: true, Memory: true}} {
		b.Run(name, func(b *testing.B) {
			rules, err := (&procclass.Config{}).Load()
			if err != nil {
				b.Fatal(err)
			}
			w := New(hostfs.FromEnv(os.Getenv), rules, slog.New(slog.DiscardHandler))
			w.Group(needs, func(m *Member) Key { return Key{Group: m.Class.Group, Subgroup: m.Class.Subgroup} })
			n := 0
			for b.Loop() {
				r, err := w.Look(b.Context(), time.Now(), 0)
				w.Unlock()
				if err != nil {
					b.Fatal(err)
				}
				n = r.Processes
			}
			b.ReportMetric(float64(n), "processes")
		})
	}
}
