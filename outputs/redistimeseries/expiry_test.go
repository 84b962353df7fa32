package redistimeseries_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rtcollector/rtcollector/internal/redisconn/redistest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/internal/tskey"
	"github.com/rtcollector/rtcollector/outputs/redistimeseries"
)

// ephemeral makes a gauge that may be deleted after ttl without a sample.
func (f *fixture) ephemeral(ttl time.Duration, name string) *telemetry.Series {
	return f.factory.Ephemeral(ttl).Gauge(name, telemetry.None)
}

// expiryOf returns after how many seconds a key expires, -1 for a key that does not, and -2 for one that does not exist.
func expiryOf(t *testing.T, c redis.UniversalClient, key string) int {
	t.Helper()
	ms, err := c.Do(t.Context(), "PTTL", key).Int64()
	if err != nil {
		t.Fatal(err)
	}
	if ms < 0 {
		return int(ms)
	}
	return int((ms + 999) / 1000)
}

// checkExpiry accepts what may have passed since the expiry was set.
func checkExpiry(t *testing.T, c redis.UniversalClient, key string, want int) {
	t.Helper()
	if got := expiryOf(t, c, key); got > want || got < want-60 || want < 0 && got != want {
		t.Errorf("%s expires after %d s, want %d", key, got, want)
	}
}

func end(tick int, series ...*telemetry.Series) *telemetry.Batch {
	b := batch(tick)
	for _, s := range series {
		b.End(s)
	}
	return b
}

func until(condition func() bool) func(context.Context) error {
	return func(context.Context) error {
		if !condition() {
			return errors.New("not yet")
		}
		return nil
	}
}

const hour = 3600

func TestExpiry(t *testing.T) {
	compact := func(keep ...redistimeseries.Retention) (all []redistimeseries.Compaction) {
		for i, k := range keep {
			all = append(all, redistimeseries.Compaction{Every: redistimeseries.Retention(10_000 << i), Keep: k})
		}
		return all
	}
	for name, tc := range map[string]struct {
		retention   redistimeseries.Retention
		compactions []redistimeseries.Compaction
		ttl         time.Duration
		lifetime    int // seconds; -1: the series never expires
	}{
		"permanent":             {retention: 4 * hour * 1000, lifetime: -1},
		"retention":             {retention: 4 * hour * 1000, ttl: time.Hour, lifetime: 4 * hour},
		"ttl":                   {retention: 4 * hour * 1000, ttl: 8 * time.Hour, lifetime: 8 * hour},
		"unlimited":             {ttl: time.Hour, lifetime: -1},
		"compactions":           {retention: 4 * hour * 1000, ttl: time.Hour, compactions: compact(8*hour*1000, 2*hour*1000), lifetime: 8 * hour},
		"unlimited compactions": {retention: 4 * hour * 1000, ttl: time.Hour, compactions: compact(8*hour*1000, 0), lifetime: -1},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			c := s.config()
			c.Retention, c.Compactions = tc.retention, tc.compactions
			f := open(t, c)
			g := f.ephemeral(tc.ttl, "g")
			written := tc.lifetime
			if written > 0 {
				written = written * 5 / 4
			}
			check := func(want int) {
				t.Helper()
				for key := range s.keys(t) {
					if strings.HasPrefix(key, "h1:g") {
						checkExpiry(t, s, key, want)
					} else {
						checkExpiry(t, s, key, -1)
					}
				}
				if n := len(s.keys(t)); n != 2+len(tc.compactions) {
					t.Errorf("%d keys", n)
				}
			}
			write(t, f, batch(1, g))
			check(written)
			write(t, f, batch(2, g), end(3, g))
			check(tc.lifetime)
			if f.Remembers(g) {
				t.Error("the output still knows a series that ended")
			}
			write(t, f, batch(4, g)) // it begins again
			check(written)
			if got := s.samples(t, "h1:g"); got != "1=1 2=2 4=4" {
				t.Error(got)
			}
		})
	}
}

func retained(s *testServer) redistimeseries.Config {
	c := s.config()
	c.Retention = 4 * hour * 1000
	return c
}

// A renewal is one command per series, and rare.
func TestExpiryIsRenewedRarely(t *testing.T) {
	s := newServer(t)
	proxy := newProxy(t, s.Addr())
	c := proxy.config(t)
	c.Retention = 4 * hour * 1000
	f := open(t, c)
	g, h := f.ephemeral(time.Hour, "g"), f.ephemeral(time.Hour, "h")
	for tick := range 10 {
		write(t, f, batch(2*tick, g, h), batch(2*tick+1, g, h))
	}
	if n := proxy.count("PEXPIRE"); n != 2 {
		t.Errorf("%d times PEXPIRE for 40 samples of two new series", n)
	}
	s.Run(t, []any{"PEXPIRE", "h1:g", 600_000}, []any{"PEXPIRE", "h1:h", 600_000})
	f.MakeRenewalDue(g)
	write(t, f, batch(30, g, h), batch(31, g, h))
	checkExpiry(t, s, "h1:g", 5*hour)
	checkExpiry(t, s, "h1:h", 600)
	if n := proxy.count("PEXPIRE"); n != 3 {
		t.Errorf("%d times PEXPIRE", n)
	}
}

// Nothing that is no longer written accumulates in Redis. Permanent series stay.
func TestEphemeralSeriesLeaveNothing(t *testing.T) {
	s := newServer(t)
	c := s.config()
	c.Retention, c.Labels = 20, false
	c.Compactions = []redistimeseries.Compaction{{Every: 10, Keep: 20}}
	f := open(t, c)
	permanent := f.gauge("permanent")
	for _, name := range []string{"a", "b", "c"} {
		g := f.ephemeral(time.Millisecond, name)
		write(t, f, batch(1, permanent, g))
		write(t, f, end(2, g))
	}
	redistest.Until(t, "only permanent keys are left", until(func() bool { return len(s.keys(t)) == 3 }))
	for _, key := range []string{"h1:permanent", "h1:permanent:avg:10ms", "rtcollector:hosts:h1"} {
		checkExpiry(t, s, key, -1)
	}
}

// A series that expired is created again when it is written again, with everything that belongs to it.
func TestExpiredSeriesComesBack(t *testing.T) {
	for name, keys := range map[string][]string{"all": {"h1:g", "h1:g:avg:10s"}, "source": {"h1:g"}} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			c := retained(s)
			c.Compactions = []redistimeseries.Compaction{{Every: 10_000, Keep: 2 * hour * 1000}}
			f := open(t, c)
			g := f.ephemeral(time.Hour, "g")
			write(t, f, batch(1, g))
			for _, key := range keys {
				s.Run(t, []any{"PEXPIRE", key, 1})
				redistest.Until(t, key+" is gone", until(func() bool { return expiryOf(t, s, key) == -2 }))
			}
			for tick := 20; tick < 42; tick++ {
				write(t, f, batch(tick, g))
			}
			if got := s.samples(t, "h1:g"); !strings.HasPrefix(got, "20=20 21=21") {
				t.Error(got)
			}
			if got := s.samples(t, "h1:g:avg:10s"); !strings.HasSuffix(got, "20=24.5 30=34.5") {
				t.Error(got)
			}
			checkExpiry(t, s, "h1:g", 5*hour)
			checkExpiry(t, s, "h1:g:avg:10s", 5*hour)
		})
	}
}

// A user who makes the retention unlimited does not lose the series that are still written.
func TestUnlimitedRetentionEndsExpiry(t *testing.T) {
	s := newServer(t)
	c := retained(s)
	first := open(t, c)
	write(t, first, batch(1, first.ephemeral(time.Hour, "g")))
	checkExpiry(t, s, "h1:g", 5*hour)
	c.Retention = 0
	second := open(t, c)
	write(t, second, batch(2, second.ephemeral(time.Hour, "g")))
	checkExpiry(t, s, "h1:g", -1)
}

// A server that refuses PEXPIRE gets the samples, and the log says once what is missing.
func TestExpiryIsRefused(t *testing.T) {
	s := newServer(t)
	proxy := newProxy(t, s.Addr())
	c := proxy.config(t)
	c.Retention = 4 * hour * 1000
	refuse := func(refusal string) {
		proxy.set(func(args []string) string {
			if args[0] == "PEXPIRE" {
				return "-" + refusal + "\r\n"
			}
			return ""
		}, nil)
	}
	refuse("NOPERM User default has no permissions to run the 'pexpire' command")
	f := open(t, c)
	g := f.ephemeral(time.Hour, "g")
	for tick := range 5 {
		write(t, f, batch(tick, g))
	}
	if n := proxy.count("PEXPIRE"); n != 1 {
		t.Errorf("tried %d times", n)
	}
	f.Age()
	write(t, f, batch(5, g))
	if n := proxy.count("PEXPIRE"); n != 2 || f.log.Count("level=") != 1 || f.log.Count("grant +pexpire and +persist") != 1 {
		t.Errorf("tried %d times: %s", n, f.log)
	}
	if got := s.samples(t, "h1:g"); got != "0=0 1=1 2=2 3=3 4=4 5=5" {
		t.Error(got)
	}
	proxy.set(nil, nil)
	f.Age()
	write(t, f, batch(6, g))
	checkExpiry(t, s, "h1:g", 5*hour)
}

// A refusal that will pass is waited out, also for a series that ends.
func TestExpiryIsWaitedFor(t *testing.T) {
	s := newServer(t)
	proxy := newProxy(t, s.Addr())
	c := proxy.config(t)
	c.Retention = 4 * hour * 1000
	f := open(t, c)
	g := f.ephemeral(time.Hour, "g")
	write(t, f, batch(1, g))
	proxy.set(func(args []string) string {
		if args[0] == "PEXPIRE" {
			return "-LOADING Redis is loading the dataset in memory\r\n"
		}
		return ""
	}, nil)
	h := f.ephemeral(time.Hour, "h")
	last := batch(2, h)
	last.End(g)
	if err := f.WriteMetrics(t.Context(), []*telemetry.Batch{last}); err == nil {
		t.Error("no error")
	}
	proxy.set(nil, nil)
	write(t, f, last)
	checkExpiry(t, s, "h1:g", 4*hour)
	checkExpiry(t, s, "h1:h", 5*hour)
}

func TestExpiryInACluster(t *testing.T) {
	c := newCluster(t)
	config := c.config(tskey.Tagged)
	config.Retention = 4 * hour * 1000
	config.Compactions = []redistimeseries.Compaction{{Every: 10_000, Keep: 2 * hour * 1000}}
	f := open(t, config)
	first, second := f.ephemeral(time.Hour, "a"), f.ephemeral(time.Hour, "b")
	permanent := f.gauge("permanent")
	write(t, f, batch(1, first, second, permanent))
	check := func(want int, keys ...string) {
		t.Helper()
		for _, key := range keys {
			checkExpiry(t, c.all, key, want)
		}
	}
	check(5*hour, "{h1}:a", "{h1}:a:avg:10s", "{h1}:b", "{h1}:b:avg:10s")
	c.move("{h1}:a", func() {
		f.MakeRenewalDue(second)
		last := batch(2, second, permanent)
		last.End(first)
		write(t, f, last)
	})
	check(4*hour, "{h1}:a", "{h1}:a:avg:10s")
	check(5*hour, "{h1}:b", "{h1}:b:avg:10s")
	check(-1, "{h1}:permanent", "{h1}:permanent:avg:10s", "rtcollector:hosts:{h1}")
}
