package redisstreams_test

import (
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/outputs"
)

// BenchmarkWrite measures writes to a real server, each with the most events that the agent writes at once.
func BenchmarkWrite(b *testing.B) {
	for name, new := range map[string]func(testing.TB) *server{"real": newReal, "embedded": newEmbedded} {
		b.Run(name, func(b *testing.B) {
			s := new(b)
			out := open(b, at(b, s.Addr())).(outputs.EventWriter)
			list := someEvents(50_000)
			n := 0
			began := time.Now()
			for b.Loop() {
				if err := out.WriteEvents(b.Context(), list); err != nil {
					b.Fatal(err)
				}
				n += len(list)
			}
			b.ReportMetric(float64(n)/time.Since(began).Seconds(), "events/s")
			b.ReportMetric(0, "ns/op")
		})
	}
}
