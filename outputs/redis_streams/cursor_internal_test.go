package redisstreams

import (
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// After a redirection, samples may be requested in any order.
func TestCursor(t *testing.T) {
	f := telemetry.NewFactory("h1", "test", nil)
	g, h := f.Gauge("g", telemetry.None), f.Gauge("h", telemetry.None)
	var batches []*telemetry.Batch
	for i := range 3 {
		b := telemetry.NewBatch(time.UnixMilli(int64(i)), time.Time{}, 2)
		b.Add(g, float64(2*i))
		b.Add(h, float64(2*i+1))
		batches = append(batches, b)
	}
	c := sampleCursor{batches: batches}
	for _, i := range []int{0, 5, 1, 4, 2, 3, 0} {
		if _, _, v := c.sampleAt(i); v != float64(i) {
			t.Errorf("sample %d is %v", i, v)
		}
	}
}
