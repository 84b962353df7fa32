package redistimeseries_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/internal/tskey"
)

// mounts returns two series with the same key.
func mounts(f *fixture) (slash, underscore *telemetry.Series) {
	return f.gauge("disk_used", "mount", "/a/b"), f.gauge("disk_used", "mount", "/a_b")
}

func alternative(s *telemetry.Series) string {
	return tskey.Alternative(tskey.Naming{Format: tskey.Host}.Key(s), tskey.Identity(s))
}

func TestTwoSeriesNeverShareAKey(t *testing.T) {
	for name, swap := range map[string]bool{"in order": false, "the other way round": true} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			f := open(t, s.config())
			slash, underscore := mounts(f)
			b := batch(1)
			pair := []*telemetry.Series{slash, underscore}
			if swap {
				slices.Reverse(pair)
			}
			for _, m := range pair {
				b.Add(m, map[*telemetry.Series]float64{slash: 10, underscore: 20}[m])
			}
			write(t, f, b)
			if got := s.samples(t, "h1:disk_used_a_b"); got != "1=10" {
				t.Errorf("the smaller label set does not have the plain key: %s", got)
			}
			if got := s.samples(t, alternative(underscore)); got != "1=20" {
				t.Errorf("the other: %s", got)
			}
			_, _, labels := s.describe(t, alternative(underscore))
			if labels["mount"] != "/a_b" {
				t.Errorf("labels %v", labels)
			}
		})
	}
}

// The series that came first keeps the plain key after a restart, even if both are in the first write.
func TestKeysSurviveARestart(t *testing.T) {
	s := newServer(t)
	first := open(t, s.config())
	_, underscore := mounts(first)
	write(t, first, batch(1, underscore))
	slash, _ := mounts(first)
	write(t, first, batch(2, slash))
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	before := s.keys(t)
	again := open(t, s.config())
	slash, underscore = mounts(again)
	write(t, again, batch(3, slash, underscore))
	if diff := cmp.Diff(before, s.keys(t)); diff != "" {
		t.Errorf("keys changed:\n%s", diff)
	}
	if got := s.samples(t, "h1:disk_used_a_b") + "; " + s.samples(t, alternative(slash)); got != "1=1 3=3; 2=2 3=3" {
		t.Error(got)
	}
}

func TestTwoHostsWithBareKeys(t *testing.T) {
	s := newServer(t)
	c := s.config()
	c.KeyFormat = tskey.Bare
	one, two := newFixture(t, c, "h1", nil), newFixture(t, c, "h2", nil)
	for i, f := range []*fixture{one, two} {
		if err := f.Open(t.Context()); err != nil {
			t.Fatal(err)
		}
		write(t, f, batch(i+1, f.gauge("load1")))
	}
	other := tskey.Alternative("load1", tskey.Identity(two.gauge("load1")))
	if got := s.samples(t, "load1") + "; " + s.samples(t, other); got != "1=1; 2=2" {
		t.Error(got)
	}
	want := []string{"load1", other, "rtcollector:hosts:h1", "rtcollector:hosts:h2"}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(s.keys(t)))); diff != "" {
		t.Error(diff)
	}
}

// Without labels in Redis, the process must remember which series has the plain key.
func TestUnlabelledSeriesNeverShareAKey(t *testing.T) {
	for name, together := range map[string]bool{"in one write": true, "in two writes": false} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			c := s.config()
			c.Labels = false
			f := open(t, c)
			slash, underscore := mounts(f)
			if together {
				write(t, f, batch(1, underscore, slash))
			} else {
				write(t, f, batch(1, slash))
				write(t, f, batch(1, underscore))
			}
			write(t, f, batch(2, slash), batch(3, underscore))
			if got := s.samples(t, "h1:disk_used_a_b") + "; " + s.samples(t, alternative(underscore)); got != "1=1 2=2; 1=1 3=3" {
				t.Error(got)
			}
		})
	}
}

// Two handles of the same thing are one series.
func TestSameSeriesTwice(t *testing.T) {
	s := newServer(t)
	f := open(t, s.config())
	write(t, f, batch(1, f.gauge("g", "n", "1")), batch(2, f.gauge("g", "n", "1")))
	write(t, f, batch(3, f.gauge("g", "n", "1")))
	if got := s.samples(t, "h1:g_1"); got != "1=1 2=2 3=3" || len(s.keys(t)) != 2 {
		t.Error(got, s.keys(t))
	}
}

func TestConfigChangesReachExistingSeries(t *testing.T) {
	s := newServer(t)
	old := newFixture(t, s.config(), "h1", map[string]string{"room": "north", "rack": "1"})
	if err := old.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	write(t, old, batch(1, old.gauge("g")))
	c := s.config()
	c.Retention = 7_200_000
	f := newFixture(t, c, "h1", map[string]string{"room": "south"})
	if err := f.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	write(t, f, batch(2, f.gauge("g")))
	retention, policy, labels := s.describe(t, "h1:g")
	want := map[string]string{"__name__": "g", "host": "h1", "room": "south", "source": "test"}
	if diff := cmp.Diff(want, labels); diff != "" || retention != 7_200_000 || policy != "last" {
		t.Errorf("retention %d, policy %s, labels:\n%s", retention, policy, diff)
	}
	if got := s.samples(t, "h1:g"); got != "1=1 2=2" {
		t.Errorf("samples %s", got)
	}
	if retention, _, _ := s.describe(t, "rtcollector:hosts:h1"); retention != 7_200_000 {
		t.Errorf("liveness sample has retention %d", retention)
	}
}

// Every series has its metric in the label __name__, also the one that shows that the agent writes, and the compactions. An older agent
// created the former without it.
func TestEverySeriesHasItsName(t *testing.T) {
	s := newServer(t)
	if err := s.Do(t.Context(), "TS.ADD", "rtcollector:hosts:h1", 1, 1, "LABELS", "type", "host", "host", "h1").Err(); err != nil {
		t.Fatal(err)
	}
	c := s.config()
	c = tiered(c)
	f := open(t, c)
	write(t, f, batch(2, f.gauge("g", "n", "1"), f.factory.New("c", telemetry.Counter, telemetry.None)))
	for key := range s.keys(t) {
		if _, _, labels := s.describe(t, key); labels["__name__"] == "" {
			t.Errorf("%s has the labels %v", key, labels)
		}
	}
	_, _, labels := s.describe(t, "rtcollector:hosts:h1")
	if diff := cmp.Diff(map[string]string{"__name__": "rtcollector_up", "type": "host", "host": "h1"}, labels); diff != "" {
		t.Error(diff)
	}
}

// A single difference is enough for TS.ALTER.
func TestEachDifferenceIsUpdated(t *testing.T) {
	labels := []any{"LABELS", "__name__", "g", "host", "h1", "room", "north", "source", "test"}
	for name, definition := range map[string][]any{
		"retention":     append([]any{"RETENTION", "1000", "DUPLICATE_POLICY", "LAST"}, labels...),
		"policy":        append([]any{"DUPLICATE_POLICY", "BLOCK"}, labels...),
		"label changed": {"DUPLICATE_POLICY", "LAST", "LABELS", "__name__", "g", "host", "h1", "room", "south", "source", "test"},
		"label removed": append(append([]any{"DUPLICATE_POLICY", "LAST"}, labels...), "rack", "1"),
		"label added":   {"DUPLICATE_POLICY", "LAST", "LABELS", "__name__", "g", "host", "h1", "source", "test"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			if err := s.Do(t.Context(), append([]any{"TS.CREATE", "h1:g"}, definition...)...).Err(); err != nil {
				t.Fatal(err)
			}
			f := newFixture(t, s.config(), "h1", map[string]string{"room": "north"})
			if err := f.Open(t.Context()); err != nil {
				t.Fatal(err)
			}
			write(t, f, batch(1, f.gauge("g")))
			retention, policy, got := s.describe(t, "h1:g")
			want := map[string]string{"__name__": "g", "host": "h1", "room": "north", "source": "test"}
			if diff := cmp.Diff(want, got); diff != "" || retention != 0 || policy != "last" {
				t.Errorf("retention %d, policy %s, labels:\n%s", retention, policy, diff)
			}
		})
	}
}

// The predecessor left series without labels, without a retention and with another policy. Their samples stay.
func TestPredecessorsSeriesAreAdopted(t *testing.T) {
	s := newServer(t)
	c := s.config()
	c.KeyFormat = tskey.Bare
	for _, command := range [][]any{
		{"TS.CREATE", "load1", "DUPLICATE_POLICY", "BLOCK"},
		{"TS.ADD", "load1", start.UnixMilli(), "7"},
		{"TS.CREATE", "load5", "LABELS", "host", "h1", "unit", "x"},
	} {
		if err := s.Do(t.Context(), command...).Err(); err != nil {
			t.Fatal(err)
		}
	}
	f := open(t, c)
	write(t, f, batch(1, f.gauge("load1"), f.gauge("load5")))
	if got := s.samples(t, "load1"); got != "0=7 1=1" {
		t.Error(got)
	}
	for _, key := range []string{"load1", "load5"} {
		_, policy, labels := s.describe(t, key)
		want := map[string]string{"__name__": key, "host": "h1", "source": "test"}
		if diff := cmp.Diff(want, labels); diff != "" || policy != "last" {
			t.Errorf("%s: %s %s", key, policy, diff)
		}
	}
}

// A series with the right settings gets no TS.ALTER, which would be replicated.
func TestUnchangedSeriesIsLeftAlone(t *testing.T) {
	s := newServer(t)
	f := open(t, s.config())
	write(t, f, batch(1, f.gauge("g", "n", "1")))
	again := open(t, s.config())
	if s.Embedded == nil {
		if err := s.Do(t.Context(), "CONFIG", "RESETSTAT").Err(); err != nil {
			t.Fatal(err)
		}
	}
	write(t, again, batch(2, again.gauge("g", "n", "1")))
	if s.Embedded != nil {
		t.Skip("the embedded server counts no commands by name; needs RTC_TEST_REDIS")
	}
	stats, err := s.Info(t.Context(), "commandstats").Result()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(strings.ToLower(stats), "ts.alter:calls") {
		t.Errorf("altered an unchanged series:\n%s", stats)
	}
}

func TestKeyOfAnotherType(t *testing.T) {
	s := newServer(t)
	if err := s.Set(t.Context(), "h1:g", "mine", 0).Err(); err != nil {
		t.Fatal(err)
	}
	f := open(t, s.config())
	g, h := f.gauge("g"), f.gauge("h")
	for tick := range 3 {
		n, text := rejected(t, f.WriteMetrics(t.Context(), []*telemetry.Batch{batch(tick, g, h)}))
		if n != 1 || text != "1 of series that Redis refuses" {
			t.Errorf("write %d: %d %s", tick, n, text)
		}
	}
	if got := s.samples(t, "h1:h"); got != "0=0 1=1 2=2" {
		t.Error(got)
	}
	if got := s.Get(t.Context(), "h1:g").Val(); got != "mine" {
		t.Errorf("the key was changed: %q", got)
	}
	if n := f.log.Count("key=h1:g"); n != 1 {
		t.Errorf("logged %d times:\n%s", n, f.log.String())
	}
}

// Another program replaces a series while the agent runs.
func TestKeyTurnsIntoAnotherType(t *testing.T) {
	s := newServer(t)
	f := open(t, s.config())
	g, h := f.gauge("g"), f.gauge("h")
	write(t, f, batch(1, g, h))
	if err := s.Set(t.Context(), "h1:g", "mine", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if n, _ := rejected(t, f.WriteMetrics(t.Context(), []*telemetry.Batch{batch(2, g, h)})); n != 1 {
		t.Errorf("%d rejected", n)
	}
	if got := s.samples(t, "h1:h"); got != "1=1 2=2" {
		t.Error(got)
	}
}

// After a lost connection, a refused series is tried again, because its key may be free by now.
func TestRefusedSeriesIsTriedAgain(t *testing.T) {
	s := newServer(t)
	if err := s.Set(t.Context(), "h1:g", "mine", 0).Err(); err != nil {
		t.Fatal(err)
	}
	f := open(t, s.config())
	g := f.gauge("g")
	again := func() {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := f.WriteMetrics(ctx, []*telemetry.Batch{batch(1, g)}); err == nil {
			t.Error("wrote under a context that has ended")
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		if err := f.Open(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for tick := range 3 {
		if n, _ := rejected(t, f.WriteMetrics(t.Context(), []*telemetry.Batch{batch(tick, g)})); n != 1 {
			t.Errorf("%d rejected", n)
		}
		again()
	}
	if n := f.log.Count("key=h1:g"); n != 1 {
		t.Errorf("logged %d times", n)
	}
	if err := s.Del(t.Context(), "h1:g").Err(); err != nil {
		t.Fatal(err)
	}
	again()
	write(t, f, batch(7, g))
	if got := s.samples(t, "h1:g"); got != "7=7" {
		t.Error(got)
	}
}

// A refused series is not tried again with every write, but after a write that failed.
func TestRefusedSeriesIsTriedAgainAfterAFailure(t *testing.T) {
	s := newServer(t)
	if s.Embedded == nil {
		t.Skip("commands cannot make a real server fail and go on")
	}
	if err := s.Set(t.Context(), "h1:g", "mine", 0).Err(); err != nil {
		t.Fatal(err)
	}
	f := open(t, s.config())
	g := f.gauge("g")
	rejectedAt := func(tick int) {
		t.Helper()
		if n, _ := rejected(t, f.WriteMetrics(t.Context(), []*telemetry.Batch{batch(tick, g)})); n != 1 {
			t.Errorf("%d rejected", n)
		}
	}
	rejectedAt(1)
	if err := s.Del(t.Context(), "h1:g").Err(); err != nil {
		t.Fatal(err)
	}
	rejectedAt(2)
	s.Embedded.SetError("LOADING Redis is loading the dataset in memory")
	if err := f.WriteMetrics(t.Context(), []*telemetry.Batch{batch(3, g)}); err == nil {
		t.Error("wrote to a server that is loading")
	}
	s.Embedded.SetError("")
	write(t, f, batch(3, g))
	if got := s.samples(t, "h1:g"); got != "3=3" {
		t.Error(got)
	}
}

// A refused series is also tried again after a while without failures, because a good connection may not fail for months.
func TestRefusedSeriesIsTriedAgainAfterAWhile(t *testing.T) {
	s := newServer(t)
	if err := s.Set(t.Context(), "h1:g", "mine", 0).Err(); err != nil {
		t.Fatal(err)
	}
	f := open(t, s.config())
	g := f.gauge("g")
	if n, _ := rejected(t, f.WriteMetrics(t.Context(), []*telemetry.Batch{batch(1, g)})); n != 1 {
		t.Errorf("%d rejected", n)
	}
	if err := s.Del(t.Context(), "h1:g").Err(); err != nil {
		t.Fatal(err)
	}
	f.Age()
	write(t, f, batch(2, g))
	if got := s.samples(t, "h1:g"); got != "2=2" {
		t.Error(got)
	}
}

// After a reload, an output may get the slot of an output that no longer exists.
func TestSlotOfAnotherOutput(t *testing.T) {
	s := newServer(t)
	old := open(t, s.config())
	g := old.gauge("g")
	write(t, old, batch(1, g))
	c := s.config()
	c.KeyPrefix = "new:"
	f := open(t, c)
	write(t, f, batch(2, g))
	if got := s.samples(t, "h1:g") + "; " + s.samples(t, "new:h1:g"); got != "1=1; 2=2" {
		t.Error(got)
	}
}
