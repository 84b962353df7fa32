package connections

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
	"github.com/rtcollector/rtcollector/outputs/sqlite"
)

// BenchmarkReport reports 24 hours with 864,000 events from a file, which it makes once.
func BenchmarkReport(b *testing.B) {
	c := sqlite.Config{Path: filepath.Join(b.TempDir(), "events.db")}
	w, err := sqlite.New(outputs.Env{Instance: "inst0001"}, c)
	if err != nil {
		b.Fatal(err)
	}
	if err := w.Open(b.Context()); err != nil {
		b.Fatal(err)
	}
	r, seq := rand.New(rand.NewPCG(1, 2)), uint64(0)
	for hour := range 24 {
		var events []telemetry.Event
		for _, e := range randomEvents(r, 36_000, time.Hour) {
			e.Time = e.Time.Add(time.Duration(hour) * time.Hour)
			t := e.Telemetry()
			seq++
			t.Seq = seq
			events = append(events, t)
		}
		if err := w.WriteEvents(b.Context(), events); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	q := Query{Top: 10, ConnectionQuery: outputs.ConnectionQuery{Since: start.Add(time.Millisecond)}} // the whole first hour is read from its events
	servicetest.LoopWithCPU(b, func() {
		s := NewStore(c.NewEventReader(nil))
		report, err := NewReport(context.Background(), s, q, Seen{})
		if err != nil || report.IsEmpty() {
			b.Fatal(err)
		}
		_ = s.Close()
	})
}
