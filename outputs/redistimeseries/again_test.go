package redistimeseries_test

import (
	"testing"

	"github.com/rtcollector/rtcollector/outputs/redistimeseries"
)

// Each setting alone is a reason for TS.ALTER.
func TestIgnoreAndChunkAlone(t *testing.T) {
	for name, change := range map[string]func(*redistimeseries.Config){
		"ignore": func(c *redistimeseries.Config) { c.Ignore = &redistimeseries.Ignore{MaxTimeDiff: 1000, MaxValDiff: 1} },
		"chunk":  func(c *redistimeseries.Config) { c.ChunkSize = 256 },
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			c := s.config()
			c.ChunkSize = 128
			first := open(t, c)
			write(t, first, batch(1, first.gauge("g")))
			change(&c)
			second := open(t, c)
			write(t, second, batch(2, second.gauge("g")))
			got := s.attributes(t, "h1:g", "chunkSize", "ignoreMaxTimeDiff")
			if name == "ignore" && got["ignoreMaxTimeDiff"] != int64(1000) || name == "chunk" && got["chunkSize"] != int64(256) {
				t.Error(got)
			}
		})
	}
}

// Each time that series are gone is logged once.
func TestEmptiedTwice(t *testing.T) {
	s := newServer(t)
	f := open(t, s.config())
	g := f.gauge("g")
	for tick := range 6 {
		if tick%3 == 1 {
			s.Empty(t)
		}
		write(t, f, batch(tick, g))
	}
	if n := f.log.Count("series are gone from redis"); n != 2 {
		t.Errorf("logged %d times", n)
	}
}

// For series with an unknown interval, the estimate is that of an empty series.
func TestEstimateWithoutInterval(t *testing.T) {
	c := redistimeseries.Defaults()
	if got := estimate(t, c, 0, 1); got.PerDay != 0 || got.Full != got.Empty {
		t.Errorf("%+v", got)
	}
}
