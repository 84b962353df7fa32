package sqlite_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/connlog"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/outputs"
)

// dayEvents is the number of events of a day with 10 events per second.
const dayEvents = 864_000

// writeDay writes a day of events that ends now.
func writeDay(b *testing.B, f *fixture) (written int) {
	b.Helper()
	m, from := newMaker(), time.Now().Add(-24*time.Hour)
	for i := 0; written < dayEvents; i++ {
		part := m.connections(from.Add(time.Duration(i)*90*time.Second), 90*time.Second, 450)
		f.write(b, toTelemetry(part)...)
		written += len(part)
	}
	return written
}

// BenchmarkDay writes a day of 864,000 events, then reads it. The file is made once.
func BenchmarkDay(b *testing.B) {
	c := config(b)
	c.KeepEvents, c.KeepTotals = 0, 0
	f := open(b, c)
	cpu, began := servicetest.CPUTime(), time.Now()
	n := writeDay(b, f)
	cpu, took := servicetest.CPUTime()-cpu, time.Since(began)
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
	info, err := os.Stat(f.path)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("write", func(b *testing.B) {
		for b.Loop() { //nolint:revive // written above
		}
		b.ReportMetric(float64(info.Size())/float64(n), "B/event")
		b.ReportMetric(float64(cpu.Microseconds())/float64(n), "µs-CPU/event")
		b.ReportMetric(float64(n)/took.Seconds(), "events/s")
	})
	since := time.Now().Add(-24*time.Hour + time.Minute) // an edge of almost a whole hour, at most
	b.Run("totals", func(b *testing.B) {
		for b.Loop() {
			r := c.NewEventReader(nil).(outputs.ConnectionReader)
			_, err := r.ReadTotals(context.Background(), outputs.ConnectionQuery{Since: since.Truncate(time.Hour).Add(time.Millisecond)}, func(connlog.Group, connlog.Totals) error { return nil })
			if err != nil {
				b.Fatal(err)
			}
			_ = r.(outputs.EventReader).Close()
		}
	})
	b.Run("run", func(b *testing.B) {
		for b.Loop() {
			_, err := f.reader.ReadTotals(context.Background(), outputs.ConnectionQuery{RunID: "k3zq7abc"}, func(connlog.Group, connlog.Totals) error { return nil })
			if err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("events", func(b *testing.B) {
		read := 0
		for b.Loop() {
			err := f.reader.ReadConnections(context.Background(), outputs.ConnectionQuery{Since: since, Until: since.Add(time.Hour)}, func(connlog.Event) error { read++; return nil })
			if err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(read)/float64(b.N), "events")
	})
}
