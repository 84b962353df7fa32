package redistimeseries_test

import (
	"testing"

	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/internal/tskey"
)

// collision returns two mounts with the same key and the same alternative key. With 32 bits of hash, they are found soon.
func collision(t *testing.T, f *fixture) (a, b *telemetry.Series) {
	t.Helper()
	seen := map[string]string{}
	for n := range 1 << 20 {
		mount := []byte("/a")
		for bit := range 20 {
			mount = append(mount, "/_"[n>>bit&1], 'x')
		}
		s := f.gauge("disk_used", "mount", string(mount))
		key := tskey.Alternative("", tskey.Identity(s))
		if other, ok := seen[key]; ok {
			return f.gauge("disk_used", "mount", other), s
		}
		seen[key] = string(mount)
	}
	t.Fatal("no collision")
	return nil, nil
}

// If the alternative key is taken as well, the series is refused.
func TestSeriesWithoutAKeyIsRefused(t *testing.T) {
	s := newServer(t)
	f := open(t, s.config())
	a, b := collision(t, f)
	plain := f.gauge("disk_used", "mount", "/a_x_x_x_x_x_x_x_x_x_x_x_x_x_x_x_x_x_x_x_x") // has the key of both
	write(t, f, batch(1, plain))
	write(t, f, batch(2, a))
	n, text := rejected(t, f.WriteMetrics(t.Context(), []*telemetry.Batch{batch(3, plain, a, b)}))
	if n != 1 || text != "1 of series that Redis refuses" {
		t.Errorf("%d rejected: %s", n, text)
	}
	if got := s.samples(t, alternative(a)); got != "2=2 3=3" {
		t.Errorf("the first of the two: %s", got)
	}
}

// The same, if both are in one write.
func TestSeriesWithoutAKeyIsRefusedAtOnce(t *testing.T) {
	s := newServer(t)
	f := open(t, s.config())
	a, b := collision(t, f)
	plain := f.gauge("disk_used", "mount", "/a_x_x_x_x_x_x_x_x_x_x_x_x_x_x_x_x_x_x_x_x")
	write(t, f, batch(1, plain))
	n, _ := rejected(t, f.WriteMetrics(t.Context(), []*telemetry.Batch{batch(2, a, b)}))
	if n != 1 {
		t.Errorf("%d rejected", n)
	}
	if got := s.samples(t, alternative(a)); got != "2=2" {
		t.Errorf("the one that has it: %s", got)
	}
}
