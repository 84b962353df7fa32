package telemetry

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSeriesLabels(t *testing.T) {
	f := NewFactory("atila", "linux_net", map[string]string{
		"env": "lab", "iface": "from a tag", "host": "no", "source": "no", "unit": "no", "__name__": "no", "empty": "",
	})
	s := f.New("net_rx_bytes", Counter, Bytes, Label{"iface", "eth0"}, Label{"gone", ""})
	want := []Label{{"env", "lab"}, {"host", "atila"}, {"iface", "eth0"}, {"source", "linux_net"}, {"unit", "bytes"}}
	if diff := cmp.Diff(want, s.Labels()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]Label{{"iface", "eth0"}}, s.Instance()); diff != "" {
		t.Error(diff)
	}
	if s.Name() != "net_rx_bytes" || s.Host() != "atila" || s.Kind() != Counter || s.Unit() != Bytes {
		t.Errorf("%s %s %v %s", s.Name(), s.Host(), s.Kind(), s.Unit())
	}
	for _, l := range f.Gauge("plain", None).Labels() {
		if l.Key == "unit" {
			t.Errorf("a tag became the unit: %v", l)
		}
	}
	const text = `net_rx_bytes{env="lab",host="atila",iface="eth0",source="linux_net",unit="bytes"}`
	if s.String() != text {
		t.Errorf("String is %s", s)
	}
}

func TestSeriesDoNotShareLabels(t *testing.T) {
	f := NewFactory("h", "s", nil)
	instance := []Label{{"device", "sda"}}
	s := f.Gauge("m", None, instance...)
	instance[0].Value = "changed"
	other := f.Gauge("m", None, Label{"device", "sdb"})
	if s.BareKey() != "m_sda" || other.BareKey() != "m_sdb" || s.String() == other.String() {
		t.Errorf("%s, %s", s, other)
	}
}

func TestBareKey(t *testing.T) {
	f := NewFactory("h", "s", map[string]string{"env": "not in the key"})
	for _, tt := range []struct {
		instance []Label
		want     string
	}{
		{nil, "m"},
		{[]Label{{"mount", "/"}}, "m_root"},
		{[]Label{{"mount", "/boot/efi"}}, "m_boot_efi"},
		{[]Label{{"mount", "/my data\t/"}}, "m_my_data"},
		{[]Label{{"mount", "/é/ü"}}, "m_é_ü"},
		{[]Label{{"mount", "/a\x7fb"}}, "m_a_b"},
		{[]Label{{"core", "cpu-total"}}, "m_cpu-total"},
		{[]Label{{"iface", "_x_"}}, "m__x_"},
		{[]Label{{"z", "first"}, {"a", "second"}}, "m_first_second"},
		{[]Label{{"a", ""}, {"b", "x"}}, "m_x"},
	} {
		if got := f.Gauge("m", Bytes, tt.instance...).BareKey(); got != tt.want {
			t.Errorf("%v is %q, want %q", tt.instance, got, tt.want)
		}
	}
}

func TestUnitPerSecond(t *testing.T) {
	if Bytes.PerSecond() != "bytes_per_second" || None.PerSecond() != "per_second" {
		t.Errorf("%s, %s", Bytes.PerSecond(), None.PerSecond())
	}
	if Gauge.String() != "gauge" || Counter.String() != "counter" {
		t.Error(Gauge, Counter)
	}
}

// Metrics that the user does not want have no series. Their samples are left out without the input noticing.
func TestUnwantedMetricsHaveNoSeries(t *testing.T) {
	f := NewFactory("h", "s", nil).Choose(Choice{Prefix: "lab_", Wants: func(name string) bool { return name != "b" && name != "c_rate" }})
	b := NewBatch(time.UnixMilli(0), time.Now(), 0)
	b.Add(f.Gauge("a", None), 1)
	b.Add(f.Gauge("b", None), 2)
	b.AddAt(f.Gauge("b", None), 3, 1)
	for _, total := range []*Total{f.Counter("c", Bytes), f.Counter("b", None)} {
		total.Add(b, 4)
		total.Add(&Batch{}, 5)
	}
	var names []string
	for i := range b.Len() {
		s, _, _ := b.Sample(i)
		names = append(names, s.BareKey())
	}
	if want := []string{"lab_a", "lab_c"}; !slices.Equal(names, want) {
		t.Errorf("wrote %v, want %v", names, want)
	}
}

func TestWithoutRates(t *testing.T) {
	f := NewFactory("h", "s", nil).Choose(Choice{NoRates: true})
	total, rate := f.Counter("c", None), f.Rate("r", None)
	for second := range 3 {
		b := NewBatch(time.Unix(int64(second), 0), time.Unix(int64(second), 0), 0)
		total.Add(b, float64(second))
		rate.Add(b, float64(second))
		if s, _, _ := b.Sample(0); b.Len() != 1 || s.Name() != "c" {
			t.Errorf("%d samples, the first of %v", b.Len(), s)
		}
	}
}

// The details of an info series are labels, but not part of its key.
func TestInfoDetailsAreNotInKey(t *testing.T) {
	f := NewFactory("h", "s", map[string]string{"release": "tag", "lab": "x"})
	s := f.Info("uname", []Label{{"cpu", "0"}}, Label{"release", "6.1"}, Label{"empty", ""})
	if got, want := s.String(), `uname{cpu="0",host="h",lab="x",release="6.1",source="s"}`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := s.BareKey(); got != "uname_0" {
		t.Errorf("its key is %q", got)
	}
}

func TestFactoryHost(t *testing.T) {
	if got := NewFactory("atila", "x", nil).Host(); got != "atila" {
		t.Error(got)
	}
}

func TestFactoryWith(t *testing.T) {
	f := NewFactory("h", "s", map[string]string{"room": "a"})
	with := f.With(Label{"team", "x"}, Label{"room", "b"}, Label{"host", "other"}, Label{"disk", "no"}, Label{"none", ""})
	s := with.Gauge("m", Bytes, Label{"disk", "sda"})
	if want := `m{disk="sda",host="h",room="a",source="s",team="x",unit="bytes"}`; s.String() != want || s.BareKey() != "m_sda" {
		t.Errorf("%s with the key %s, want %s", s, s.BareKey(), want)
	}
	if s := f.Gauge("m", None); s.String() != `m{host="h",room="a",source="s"}` {
		t.Errorf("the first factory makes %s", s)
	}
}
