package telemetry

import (
	"slices"
	"strings"
	"time"
)

// Kind tells how the values of a series develop over time.
type Kind uint8

// The kinds.
const (
	Gauge   Kind = iota // a value that goes up and down
	Counter             // a total that only grows, until its source restarts
)

// String returns "gauge" or "counter".
func (k Kind) String() string {
	if k == Counter {
		return "counter"
	}
	return "gauge"
}

// Unit is the value of the label "unit". It is empty for plain counts.
type Unit string

// Units in use. The rate of a counter of unit u has the unit [Unit.PerSecond].
const (
	None         Unit = ""
	Percent      Unit = "percent"
	Bytes        Unit = "bytes"
	Bits         Unit = "bits"
	Seconds      Unit = "seconds"
	Milliseconds Unit = "milliseconds"
	Microseconds Unit = "microseconds"
	Nanoseconds  Unit = "nanoseconds"
	Packets      Unit = "packets"
	Operations   Unit = "operations"
	Pages        Unit = "pages"
	Celsius      Unit = "celsius"
	Hertz        Unit = "hertz"
	RPM          Unit = "rpm"
	Volts        Unit = "volts"
	Amperes      Unit = "amperes"
	Watts        Unit = "watts"
	Joules       Unit = "joules"
)

// PerSecond returns the unit of a rate of this unit: "bytes_per_second", or "per_second" for plain counts.
func (u Unit) PerSecond() Unit {
	if u == None {
		return "per_second"
	}
	return u + "_per_second"
}

// Label is one dimension of a series.
type Label struct{ Key, Value string }

// Series is a metric of one entity: a name and labels. It is immutable. Outputs cache what they derive from it in its memos,
// which are freed with it.
type Series struct {
	name     string
	kind     Kind
	unit     Unit
	host     string
	labels   []Label
	instance []Label
	interval time.Duration
	idle     *idle // nil if every sample is written
	memos    memos

	bounds   Bounds
	index    int  // of the last sample in its batch; only for [Batch.has]
	reported bool // a rejected sample was described to the user
	begun    bool // it has had a sample since it was made or ended
	ended    bool // it has ended
	ttl      time.Duration
}

// Name returns the name of the metric, such as "net_rx_bytes".
func (s *Series) Name() string { return s.name }

// Kind returns whether the series is a gauge or a counter.
func (s *Series) Kind() Kind { return s.kind }

// Unit returns the unit of the values.
func (s *Series) Unit() Unit { return s.unit }

// Host returns the host that the series belongs to. It is never empty.
func (s *Series) Host() string { return s.host }

// Labels returns all labels except __name__, sorted by key. The slice must not be changed.
func (s *Series) Labels() []Label { return s.labels }

// Instance returns the labels that distinguish the entities of one metric (core, iface, mount, …), in the plugin's order. The
// slice must not be changed.
func (s *Series) Instance() []Label { return s.instance }

// Interval returns the time between two samples, or 0 if it is unknown.
func (s *Series) Interval() time.Duration { return s.interval }

// BareKey returns the metric name with the instance values, as the predecessor named its Redis keys: "net_rx_bytes_eth0",
// "disk_used_boot_efi", "disk_used_root". Two label sets can have the same bare key ("/a/b" and "/a_b"), so an output that
// uses it as an identity must check.
func (s *Series) BareKey() string {
	var b strings.Builder
	b.WriteString(s.name)
	for _, l := range s.instance {
		b.WriteByte('_')
		b.WriteString(keyPart(l.Value))
	}
	return b.String()
}

// keyPart returns a label value as part of a key: path separators and white space become '_' and are trimmed at the ends; the
// root directory is called root.
func keyPart(v string) string {
	if v == "/" {
		return "root"
	}
	mapped := strings.Map(func(r rune) rune {
		if r == '/' || r <= ' ' || r == 0x7f {
			return '_'
		}
		return r
	}, v)
	if mapped == v {
		return v
	}
	return strings.Trim(mapped, "_")
}

// String returns the series as name{key="value",…}, for logs and tests.
func (s *Series) String() string {
	var b strings.Builder
	b.WriteString(s.name)
	b.WriteByte('{')
	for i, l := range s.labels {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(l.Key + "=\"" + l.Value + "\"")
	}
	b.WriteByte('}')
	return b.String()
}

// Factory makes the series of one input. It adds their common labels (host, source, the user's tags) and makes none that the
// user does not want.
type Factory struct {
	host     string
	base     []Label
	interval time.Duration
	choice   Choice

	unbounded bool
	ttl       time.Duration
	owned     *ownedSeries // records the series if they belong to an entity of a [Vec]
}

// Choice holds the settings of the user for all series of an input.
type Choice struct {
	Prefix   string                 // precedes every name
	Wants    func(name string) bool // reports whether a metric is wanted, by its name without the prefix; nil: all are
	Counters Counters
	NoRates  bool // do not make the rates of counters
}

// NewFactory returns a factory for the input called source on host. Tags are the labels of the user. A tag never replaces
// host, source, unit or an instance label.
func NewFactory(host, source string, tags map[string]string) *Factory {
	f := &Factory{host: host}
	f.base = append(f.base, Label{"host", host}, Label{"source", source})
	for k, v := range tags {
		if !Reserved(k) {
			f.base = append(f.base, Label{k, v})
		}
	}
	return f
}

// Host returns the host of the series, for events of the same input.
func (f *Factory) Host() string { return f.host }

// Every sets the time between two samples of the series that are made from now on.
func (f *Factory) Every(d time.Duration) *Factory {
	f.interval = d
	return f
}

// Choose applies the user's settings to the series that are made from now on.
func (f *Factory) Choose(c Choice) *Factory {
	f.choice = c
	return f
}

// With returns a factory whose series have further labels. Like the user's tags, they are not part of a key and do not replace
// host, source, a tag or an instance label.
func (f *Factory) With(labels ...Label) *Factory {
	more := *f
	more.base = slices.Clone(f.base)
	for _, l := range labels {
		if !Reserved(l.Key) && !hasLabel(more.base, l.Key) {
			more.base = append(more.base, l)
		}
	}
	return &more
}

// On returns a factory for the series of another host, which the input reports about.
func (f *Factory) On(host string) *Factory {
	other := *f
	other.host = host
	other.base = slices.Clone(f.base)
	for i, l := range other.base {
		if l.Key == "host" {
			other.base[i].Value = host
		}
	}
	return &other
}

// Reserved reports whether we set a label on every series, so that it cannot be a tag.
func Reserved(label string) bool {
	switch label {
	case "", "__name__", "host", "source", "unit":
		return true
	}
	return false
}

// New returns a series, or nil if the user does not want it; callers need no nil check, because [Batch.Add] ignores nil
// series. Instance labels distinguish the entities of one metric; their order is the order in keys. Labels with an empty
// value are left out, because Redis refuses them.
func (f *Factory) New(name string, k Kind, u Unit, instance ...Label) *Series {
	return f.make(name, k, u, instance, nil)
}

func (f *Factory) make(name string, k Kind, u Unit, instance, details []Label) *Series {
	if f.choice.Wants != nil && !f.choice.Wants(name) {
		return nil
	}
	s := &Series{name: f.choice.Prefix + name, kind: k, unit: u, host: f.host, interval: f.interval, ttl: f.ttl}
	if f.owned != nil {
		f.owned.add(s)
	}
	s.bounds = u.Bounds(k)
	if f.unbounded {
		s.bounds = finite()
	}
	if k == Counter && f.choice.Counters == MovingCounters {
		s.idle = newIdle(k)
	}
	s.instance = slices.DeleteFunc(slices.Clone(instance), func(l Label) bool { return l.Value == "" })
	s.labels = make([]Label, 0, len(f.base)+len(s.instance)+len(details)+1)
	s.labels = append(s.labels, s.instance...)
	if u != None {
		s.labels = append(s.labels, Label{"unit", string(u)})
	}
	for _, l := range append(slices.Clone(details), f.base...) {
		if l.Value != "" && !hasLabel(s.labels, l.Key) {
			s.labels = append(s.labels, l)
		}
	}
	slices.SortFunc(s.labels, func(a, b Label) int { return strings.Compare(a.Key, b.Key) })
	return s
}

func hasLabel(ls []Label, key string) bool {
	return slices.ContainsFunc(ls, func(l Label) bool { return l.Key == key })
}

// Gauge returns a gauge.
func (f *Factory) Gauge(name string, u Unit, instance ...Label) *Series {
	return f.New(name, Gauge, u, instance...)
}

// Info returns a series whose value is always 1 and whose labels are details, such as the release of a kernel or the version of
// a server. The details are not part of its key, so it stays one series when they change.
func (f *Factory) Info(name string, instance []Label, details ...Label) *Series {
	return f.make(name, Gauge, None, instance, details)
}

// Counter returns a counter that is written raw under name and as a rate per second under name_rate.
func (f *Factory) Counter(name string, u Unit, instance ...Label) *Total {
	t := &Total{rate: *f.Rate(name+"_rate", u.PerSecond(), instance...)}
	if f.choice.Counters != NoCounters || t.rate.series == nil {
		t.raw = f.New(name, Counter, u, instance...)
	}
	return t
}

// Rate returns the rate of a counter that is not written itself.
func (f *Factory) Rate(name string, u Unit, instance ...Label) *Rate {
	if f.choice.NoRates {
		return &Rate{}
	}
	r := &Rate{series: f.Gauge(name, u, instance...)}
	if r.series != nil && f.choice.Counters == MovingCounters {
		r.series.idle = newIdle(Gauge)
	}
	return r
}
