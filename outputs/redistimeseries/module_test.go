package redistimeseries_test

import (
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/redisconn/redistest"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs/redistimeseries"
)

func TestServerWithoutModule(t *testing.T) {
	s := redistest.StartPlain(t, "")
	c := redistimeseries.Defaults()
	c.Host, c.Port = servicetest.HostPort(t, s.Addr())
	err := newFixture(t, c, "h1", nil).Open(t.Context())
	want := "redis " + s.Addr() + " has no TimeSeries module: use Redis 8 or Redis Stack, or load redistimeseries.so: "
	if err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("error %v\nwant %s", err, want)
	}
}

// For a while, another Redis without the module listens at the address.
func TestServerIsReplacedByOneWithoutModule(t *testing.T) {
	s := newServer(t)
	if s.Embedded == nil {
		t.Skip("a server that RTC_TEST_REDIS names cannot be replaced")
	}
	f := open(t, s.config())
	g := f.gauge("g")
	write(t, f, batch(1, g))
	s.Restart(t, func() {
		t.Run("meanwhile", func(t *testing.T) {
			redistest.StartPlain(t, servicetest.PortOf(s.Addr()))
			var err error
			for range 3 { // the first finds the connection broken
				err = f.WriteMetrics(t.Context(), []*telemetry.Batch{batch(2, g)})
			}
			if err == nil || !strings.Contains(err.Error(), "has no TimeSeries module") {
				t.Errorf("error %v", err)
			}
		})
	})
	retry(t, f, batch(2, g))
	if got := s.samples(t, "h1:g"); got != "2=2" {
		t.Error(got)
	}
}

// Errors about a server must name its address.
func TestUnreachable(t *testing.T) {
	c := redistimeseries.Defaults()
	c.Host, c.Port = "127.0.0.1", 1
	err := newFixture(t, c, "h1", nil).Open(t.Context())
	if err == nil || !strings.HasPrefix(err.Error(), "redis 127.0.0.1:1 cannot be reached: start it, or correct its address") || !strings.Contains(err.Error(), "refused") {
		t.Errorf("error %v", err)
	}
}
