package tskey_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/internal/tskey"
)

func series(host, name string, instance ...telemetry.Label) *telemetry.Series {
	f := telemetry.NewFactory(host, "linux_disk", map[string]string{"room": "a(1), north "})
	return f.Gauge(name, telemetry.Bytes, instance...)
}

func TestKey(t *testing.T) {
	s := series("atila", "disk_used", telemetry.Label{Key: "mount", Value: "/boot/efi"})
	for _, tc := range []struct {
		naming tskey.Naming
		want   string
	}{
		{tskey.Naming{Format: tskey.Host}, "atila:disk_used_boot_efi"},
		{tskey.Naming{Format: tskey.Bare}, "disk_used_boot_efi"},
		{tskey.Naming{Format: tskey.Bare, Prefix: "lab:"}, "lab:disk_used_boot_efi"},
		{tskey.Naming{Format: tskey.Tagged}, "{atila}:disk_used_boot_efi"},
		{tskey.Naming{Format: tskey.Tagged, Prefix: "lab:"}, "lab:{atila}:disk_used_boot_efi"},
	} {
		if got := tc.naming.Key(s); got != tc.want {
			t.Errorf("%+v: %q, want %q", tc.naming, got, tc.want)
		}
	}
	if got := (tskey.Naming{Format: tskey.Tagged}).Liveness("atila"); got != "rtcollector:hosts:{atila}" {
		t.Errorf("tagged: %s", got)
	}
	if got := (tskey.Naming{Prefix: "lab:"}).Liveness("atila"); got != "lab:rtcollector:hosts:atila" {
		t.Errorf("liveness key %q", got)
	}
}

func TestLabels(t *testing.T) {
	s := series("atila", "disk_used", telemetry.Label{Key: "mount", Value: " /mnt/a,b (old)"}, telemetry.Label{Key: "x", Value: " "})
	want := []telemetry.Label{
		{Key: "__name__", Value: "disk_used"}, {Key: "host", Value: "atila"}, {Key: "mount", Value: "/mnt/a_b _old_"},
		{Key: "room", Value: "a_1__ north"}, {Key: "source", Value: "linux_disk"}, {Key: "unit", Value: "bytes"},
	}
	if diff := cmp.Diff(want, tskey.Labels(s)); diff != "" {
		t.Error(diff)
	}
	identity := []telemetry.Label{
		{Key: "__name__", Value: "disk_used"}, {Key: "host", Value: "atila"}, {Key: "mount", Value: "/mnt/a_b _old_"},
	}
	if diff := cmp.Diff(identity, tskey.Identity(s)); diff != "" {
		t.Error(diff)
	}
}

// TestOddIdentities has a host that Redis would not take as a label, instances out of order, and one that names a host
// of its own, or the metric.
func TestOddIdentities(t *testing.T) {
	for _, tc := range []struct {
		host     string
		instance []telemetry.Label
		want     string
	}{
		{"a(1)", nil, "__name__=m host=a_1_"},
		{"h", []telemetry.Label{{Key: "z", Value: "1"}, {Key: "a", Value: "2"}}, "__name__=m a=2 host=h z=1"},
		{"h", []telemetry.Label{{Key: "host", Value: "guest"}}, "__name__=m host=guest"},
	} {
		var got []string
		for _, l := range tskey.Identity(series(tc.host, "m", tc.instance...)) {
			got = append(got, l.Key+"="+l.Value)
		}
		if diff := cmp.Diff(tc.want, strings.Join(got, " ")); diff != "" {
			t.Error(diff)
		}
	}
	for i, l := range tskey.Labels(series("h", "m", telemetry.Label{Key: "__name__", Value: "other"})) {
		if (l.Key == "__name__") != (i == 0) || l.Value == "other" {
			t.Errorf("label %d is %v", i, l)
		}
	}
	want := []telemetry.Label{{Key: "__name__", Value: "rtcollector_up"}, {Key: "type", Value: "host"}, {Key: "host", Value: "a_1_"}}
	if diff := cmp.Diff(want, tskey.LivenessLabels("a(1)")); diff != "" {
		t.Errorf("labels of the liveness sample: %s", diff)
	}
}

// Eight digits always, also of a small hash.
func TestAlternativeHasEightDigits(t *testing.T) {
	for i := range 1000 {
		key := tskey.Alternative("k", []telemetry.Label{{Key: "n", Value: strconv.Itoa(i)}})
		if len(key) != len("k~00000000") {
			t.Fatalf("%d: %s", i, key)
		}
	}
}

// The alternative keys stand in databases: they must never change.
func TestAlternativeIsStable(t *testing.T) {
	a := series("h", "disk_used", telemetry.Label{Key: "mount", Value: "/a/b"})
	b := series("h", "disk_used", telemetry.Label{Key: "mount", Value: "/a_b"})
	if got, want := tskey.Alternative("h:disk_used_a_b", tskey.Identity(a)), "h:disk_used_a_b~834a0dfe"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if tskey.Alternative("k", tskey.Identity(a)) == tskey.Alternative("k", tskey.Identity(b)) {
		t.Error("two identities have one alternative")
	}
}

func TestFormat(t *testing.T) {
	var f tskey.Format
	if err := f.UnmarshalScalar("tagged"); err != nil || f != tskey.Tagged {
		t.Error(f, err)
	}
	if err := f.UnmarshalScalar("both"); err == nil {
		t.Error("accepted an unknown format")
	}
}
