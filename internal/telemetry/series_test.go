package telemetry

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSeriesLabels(t *testing.T) {
	f := NewFactory("atila", "linux_net", map[string]string{
		"env": "lab", "iface": "from a tag", "host": "no", "source": "no", "unit": "no", "__name__": "no", "empty": "",
	}, 1)
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
	f := NewFactory("h", "s", nil, 0)
	instance := []Label{{"device", "sda"}}
	s := f.Gauge("m", None, instance...)
	instance[0].Value = "changed"
	other := f.Gauge("m", None, Label{"device", "sdb"})
	if s.BareKey() != "m_sda" || other.BareKey() != "m_sdb" || s.String() == other.String() {
		t.Errorf("%s, %s", s, other)
	}
}

func TestBareKey(t *testing.T) {
	f := NewFactory("h", "s", map[string]string{"env": "not in the key"}, 0)
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

func TestMemosAreApart(t *testing.T) {
	f := NewFactory("h", "s", nil, 2)
	s, other := f.Gauge("a", None), f.Gauge("b", None)
	s.SetMemo(1, "x")
	if s.Memo(0) != nil || s.Memo(1) != "x" || other.Memo(1) != nil {
		t.Error(s.Memo(0), s.Memo(1), other.Memo(1))
	}
}
