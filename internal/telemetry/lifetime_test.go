package telemetry

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func endedNames(b *Batch) (names []string) {
	for _, s := range b.Ended() {
		names = append(names, s.BareKey())
	}
	return names
}

// containerGatherer gathers from a Vec of containers, each with a Vec of interfaces.
type containerGatherer struct {
	containers *Vec[string, *container]
	second     int
}

type container struct {
	cpu        *Total
	interfaces *Vec[string, *Series]
}

func newGatherer() *containerGatherer {
	return &containerGatherer{containers: NewVec(NewFactory("h", "test", nil), func(f *Factory, name string) *container {
		label := Label{"container", name}
		return &container{
			cpu: f.Counter("cpu", Seconds, label),
			interfaces: NewVec(f, func(f *Factory, name string) *Series {
				return f.Gauge("rx", Bytes, label, Label{"iface", name})
			}),
		}
	})}
}

func (g *containerGatherer) gatherContainers(containers ...string) *Batch {
	g.second++
	at := time.Unix(int64(g.second), 0)
	b := NewBatch(at, at, 0)
	for _, name := range containers {
		c := *g.containers.Get(name)
		c.cpu.Add(b, float64(g.second))
		b.Add(*c.interfaces.Get("eth0"), 1)
		c.interfaces.Sweep(b)
	}
	g.containers.Sweep(b)
	return b
}

func TestSeriesEndWithTheirEntity(t *testing.T) {
	g := newGatherer()
	g.gatherContainers("a", "b")
	g.gatherContainers("a", "b")
	for range keepUnseen - 1 {
		if b := g.gatherContainers("a"); len(b.Ended()) > 0 {
			t.Fatalf("ended too early: %v", endedNames(b))
		}
	}
	if diff := cmp.Diff([]string{"cpu_rate_b", "cpu_b", "rx_b_eth0"}, endedNames(g.gatherContainers("a"))); diff != "" {
		t.Error(diff)
	}
	if b := g.gatherContainers("a"); len(b.Ended()) > 0 {
		t.Errorf("ended twice: %v", endedNames(b))
	}
}

// A series that never had a sample does not end, because no output knows it.
func TestOnlyWrittenSeriesEnd(t *testing.T) {
	g := newGatherer()
	g.gatherContainers("once") // a rate needs two readings
	var names []string
	for range keepUnseen {
		names = append(names, endedNames(g.gatherContainers())...)
	}
	if diff := cmp.Diff([]string{"cpu_once", "rx_once_eth0"}, names); diff != "" {
		t.Error(diff)
	}
}

func TestEndedSeriesBeginsAgain(t *testing.T) {
	s := NewFactory("h", "test", nil).Gauge("m", None)
	b := NewBatch(time.Unix(1, 0), time.Unix(1, 0), 0)
	for range 2 {
		b.Add(s, 1)
		b.End(s)
		b.End(s)
		b.End(nil)
		b = &Batch{Time: b.Time + 1000, ended: b.ended}
	}
	if len(b.Ended()) != 2 {
		t.Errorf("%d ends, want one per begin", len(b.Ended()))
	}
}

// The ended series of a batch stay with its last part, because they end after the last sample is delivered.
func TestEndsStayWithTheLastSlice(t *testing.T) {
	f := NewFactory("h", "test", nil)
	b := NewBatch(time.Unix(1, 0), time.Unix(1, 0), 0)
	for i := range 4 {
		b.Add(f.Gauge(fmt.Sprint("m", i), None), 1)
	}
	gone := f.Gauge("gone", None)
	b.AddAt(gone, 1, 1)
	b.End(gone)
	if head, rest := b.Slice(0, 3), b.Slice(3, b.Len()); len(head.Ended()) != 0 || len(rest.Ended()) != 1 {
		t.Errorf("%d and %d ends", len(head.Ended()), len(rest.Ended()))
	}
}

func TestVecLimit(t *testing.T) {
	made := 0
	v := NewVec(NewFactory("h", "test", nil), func(f *Factory, name string) *Total {
		made++
		return f.Counter("m", None, Label{"name", name})
	}).Limit(2)
	gather := func(names ...string) *Batch {
		b := NewBatch(time.Unix(1, 0), time.Unix(1, 0), 0)
		for _, name := range names {
			(*v.Get(name)).Add(b, 1)
		}
		v.Sweep(b)
		return b
	}
	b := gather("a", "b", "c", "d")
	if entities, limit := b.RefusedEntities(); b.Len() != 2 || entities != 2 || limit != 2 || v.Len() != 2 || made != 3 {
		t.Errorf("%d samples, %d refused of limit %d, %d kept, %d made", b.Len(), entities, limit, v.Len(), made)
	}
	for range keepUnseen {
		b = gather("c")
	}
	if entities, _ := b.RefusedEntities(); entities != 1 {
		t.Errorf("%d refused while the limit is still reached", entities)
	}
	if b = gather("c"); b.Len() != 1 {
		t.Error("a new entity is refused although another one has gone")
	}
}

func TestEphemeralSeriesHaveTTL(t *testing.T) {
	f := NewFactory("h", "test", nil)
	if s := f.Gauge("m", None); s.TTL() != 0 {
		t.Errorf("a permanent series has TTL %v", s.TTL())
	}
	c := f.Ephemeral(time.Hour).With(Label{"a", "b"}).Counter("m", None)
	if c.raw.TTL() != time.Hour || c.rate.series.TTL() != time.Hour {
		t.Errorf("TTL %v, %v", c.raw.TTL(), c.rate.series.TTL())
	}
}

// An entity that replaces its series at every gather does not accumulate them, and those that did not end yet end with it.
func TestReplacedSeriesAreForgotten(t *testing.T) {
	var current *Series
	var factory *Factory
	v := NewVec(NewFactory("h", "test", nil), func(f *Factory, _ string) *Series {
		factory = f
		return f.Gauge("kept", None)
	})
	var b *Batch
	for i := range 1000 {
		b = NewBatch(time.Unix(int64(i), 0), time.Unix(int64(i), 0), 0)
		b.Add(*v.Get("a"), 1)
		b.End(current)
		current = factory.Info("version", nil, Label{"version", fmt.Sprint(i)})
		b.Add(current, 1)
		v.Sweep(b)
	}
	if n := len(v.entries["a"].owned.series); n > 40 {
		t.Errorf("%d series are recorded", n)
	}
	var names []string
	for range keepUnseen {
		b = NewBatch(time.Unix(2000, 0), time.Unix(2000, 0), 0)
		v.Sweep(b)
		names = append(names, endedNames(b)...)
	}
	if diff := cmp.Diff([]string{"kept", "version"}, names); diff != "" {
		t.Error(diff)
	}
}
