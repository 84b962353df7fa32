package redistimeseries_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/redisconn/redistest"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs/outputtest"
	"github.com/rtcollector/rtcollector/outputs/redistimeseries"
)

// through returns settings that connect through a network.
func through(t testing.TB, n *redistest.Network) redistimeseries.Config {
	t.Helper()
	c := redistimeseries.Defaults()
	c.Host, c.Port = servicetest.HostPort(t, n.Listen)
	return c
}

// load holds enough data for many chunks.
type load struct {
	series  []*telemetry.Series
	batches []*telemetry.Batch
}

func newLoad(f *fixture, series, ticks int) load {
	var l load
	for i := range series {
		l.series = append(l.series, f.gauge("m", "n", strconv.Itoa(i)))
	}
	for tick := 1; tick <= ticks; tick++ {
		l.batches = append(l.batches, batch(tick, l.series...))
	}
	return l
}

// complete checks that each series holds all of its samples, once.
func (l load) complete(t *testing.T, s *testServer) {
	t.Helper()
	var want []string
	for tick := 1; tick <= len(l.batches); tick++ {
		want = append(want, fmt.Sprintf("%d=%d", tick, tick))
	}
	for i := range l.series {
		if got := s.samples(t, "h1:m_"+strconv.Itoa(i)); got != strings.Join(want, " ") {
			t.Fatalf("series %d: %s", i, got)
		}
	}
}

// While the network drops one direction, a write ends with its context. The rest is written later.
func TestNetworkHangs(t *testing.T) {
	for _, stream := range []string{"upstream", "downstream"} {
		t.Run(stream, func(t *testing.T) {
			s := newServer(t)
			n := redistest.NewNetwork(t, s.Addr())
			f := open(t, through(t, n))
			l := newLoad(f, 300, 40)
			write(t, f, l.batches[0])
			n.Poison(t, "timeout", stream, map[string]int{"timeout": 0})
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			err := f.WriteMetrics(ctx, l.batches)
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error %v", err)
			}
			n.Heal(t)
			retry(t, f, outputtest.RestOfBatches(l.batches, err)...)
			l.complete(t, s)
		})
	}
}

// The connection is reset in the middle of a write, after some bytes of the replies.
func TestConnectionIsReset(t *testing.T) {
	for kind, attributes := range map[string]map[string]int{"reset_peer": {"timeout": 0}, "limit_data": {"bytes": 20_000}} {
		t.Run(kind, func(t *testing.T) {
			s := newServer(t)
			n := redistest.NewNetwork(t, s.Addr())
			f := open(t, through(t, n))
			l := newLoad(f, 300, 40)
			write(t, f, l.batches[0])
			n.Poison(t, kind, "downstream", attributes)
			err := f.WriteMetrics(t.Context(), l.batches)
			if err == nil || !strings.HasPrefix(err.Error(), "redis "+n.Listen) {
				t.Errorf("error %v", err)
			}
			n.Heal(t)
			retry(t, f, outputtest.RestOfBatches(l.batches, err)...)
			l.complete(t, s)
		})
	}
}

func TestSlowLink(t *testing.T) {
	s := newServer(t)
	n := redistest.NewNetwork(t, s.Addr())
	f := open(t, through(t, n))
	l := newLoad(f, 100, 100)
	n.Poison(t, "bandwidth", "upstream", map[string]int{"rate": 1000}) // KB/s; some 0.5 MB
	write(t, f, l.batches...)
	l.complete(t, s)
}
