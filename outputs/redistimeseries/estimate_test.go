package redistimeseries_test

import (
	"math"
	"strconv"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
	"github.com/rtcollector/rtcollector/outputs/redistimeseries"
)

func estimate(t *testing.T, c redistimeseries.Config, interval time.Duration, n int) outputs.Estimate {
	t.Helper()
	f := newFixture(t, c, "h1", nil).every(interval)
	return f.Estimate(many(f, n))
}

func near(a, b float64) bool { return math.Abs(a-b) < 1 }

// The figures follow from what a series costs; see docs/adr/0008-memory.md.
func TestEstimate(t *testing.T) {
	const labels = 4 // __name__, host, source, n
	empty := func(labels int, chunk float64) float64 { return 190 + 60*float64(labels) + 570 + chunk }
	c := redistimeseries.Defaults()
	if got, want := estimate(t, c, 10*time.Second, 3), (outputs.Estimate{Empty: 3 * empty(labels, 4096), Full: 3 * empty(labels, 4096), PerDay: 3 * (8640*2/4096. - 0.5) * (4096 + 570)}); !near(got.PerDay, want.PerDay) || got.Empty != want.Empty || got.Full != want.Full {
		t.Errorf("for ever: %+v, want %+v", got, want)
	}
	c.Retention = 86_400_000
	day := estimate(t, c, 10*time.Second, 1)
	if want := empty(labels, 4096) + 8640*2/4096.*(4096+570); !near(day.Full, want) || day.PerDay != 0 {
		t.Errorf("a day: %+v, want %v", day, want)
	}
	c.Labels = false
	if got := estimate(t, c, 10*time.Second, 1); !near(day.Full-got.Full, 60*labels) {
		t.Errorf("labels make a difference of %v", day.Full-got.Full)
	}
	c.Labels, c.Encoding = true, "uncompressed"
	if got := estimate(t, c, 10*time.Second, 1); got.Full < 5*day.Full {
		t.Errorf("uncompressed: %+v", got)
	}
	c.Encoding = ""
	c.Compactions = []redistimeseries.Compaction{{Every: 3_600_000, Aggregations: []redistimeseries.Aggregation{"avg", "max"}}}
	tiers := estimate(t, c, 10*time.Second, 1)
	if got, want := tiers.Empty-day.Empty, 2*empty(labels+2, 4096); got != want || tiers.PerDay != 0 {
		t.Errorf("two tiers: %+v on top of %+v", tiers, day) // 24 samples of 8 bytes a day fit into a chunk
	}
}

// Against a server that tells the truth about its memory, the estimate of empty series is exact to 5 %, and that of full
// ones is of the right size.
func TestEstimateIsTrue(t *testing.T) {
	s := newServer(t)
	if s.Embedded != nil {
		t.Skip("the embedded server stores series in another way: RTC_TEST_REDIS names a real one")
	}
	for _, chunk := range []redistimeseries.ChunkSize{128, 1024, 4096} {
		s.Empty(t)
		c := s.config()
		c.Retention, c.ChunkSize = 3_600_000, chunk
		f := open(t, c).every(10 * time.Second)
		series := many(f, 50)
		write(t, f, batch(0, series...))
		guess := f.Estimate(series)
		if real := s.memory(t, series); math.Abs(real-guess.Empty)/real > 0.05 {
			t.Errorf("chunks of %d: empty %.0f, estimate %.0f", chunk, real, guess.Empty)
		}
		for tick := range 720 {
			b := telemetry.NewBatch(start.Add(time.Duration(tick)*10*time.Second), start, len(series))
			for i, g := range series {
				b.Add(g, float64(tick/(i+1))) // some move all the time, some hardly
			}
			write(t, f, b)
		}
		if real := s.memory(t, series); real < guess.Full/2.5 || real > guess.Full*2.5 {
			t.Errorf("chunks of %d: full %.0f, estimate %.0f", chunk, real, guess.Full)
		}
	}
}

func (s *testServer) memory(t *testing.T, series []*telemetry.Series) float64 {
	t.Helper()
	sum := 0.0
	for i := range series {
		sum += float64(s.attributes(t, "h1:g_"+strconv.Itoa(i), "memoryUsage")["memoryUsage"].(int64))
	}
	return sum
}
