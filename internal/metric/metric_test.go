package metric

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

func TestNameReplacesUnsafeCharacters(t *testing.T) {
	for text, want := range map[string]string{
		"a_b:c.d-e": "a_b:c.d-e", "a b\t(c),{d}": "a_b__c___d_", "ä\xff\x7f�": "ä___", strings.Repeat("x", 30): strings.Repeat("x", 20),
		strings.Repeat("x", 19) + "ä": strings.Repeat("x", 19), "": "",
	} {
		if got := Name(text, 20); got != want || IsName(got) != (got != "") {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	for _, text := range []string{"", "a b", "a(b", "a,b", "a{b", "a}", "\x7f", "a\xff"} {
		if IsName(text) {
			t.Errorf("%q is a name", text)
		}
	}
}

func TestLabelValueIsCleanAndShort(t *testing.T) {
	for text, want := range map[string]string{
		" a\tb (c), d ": "a b (c), d", "\xffä\n": "_ä", strings.Repeat("x", 30): strings.Repeat("x", 20), strings.Repeat("x", 19) + "ä": strings.Repeat("x", 19), "\x00": "",
		strings.Repeat("x", 19) + " y": strings.Repeat("x", 19),
	} {
		if got := LabelValue(text, 20); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestSortLabelsKeepsTheLastOfAKey(t *testing.T) {
	got := SortLabels([]telemetry.Label{{Key: "b", Value: "1"}, {Key: "a", Value: "2"}, {Key: "b", Value: "3"}, {Key: "", Value: "4"}, {Key: "c", Value: ""}})
	if diff := cmp.Diff([]telemetry.Label{{Key: "a", Value: "2"}, {Key: "b", Value: "3"}}, got); diff != "" {
		t.Error(diff)
	}
}

func FuzzText(f *testing.F) {
	f.Add("a\xffä{b}\x00", 3)
	f.Fuzz(func(t *testing.T, text string, limit int) {
		limit = max(limit, 0)
		if name := Name(text, limit); name != "" && !IsName(name) || len(name) > limit {
			t.Errorf("name %q", name)
		}
		if value := LabelValue(text, limit); !utf8.ValidString(value) || strings.ContainsAny(value, "\n\x00\x7f") || len(value) > limit {
			t.Errorf("value %q", value)
		}
	})
}

func ExampleName() {
	fmt.Println(Name("Disk usage (root)", 200))
	// Output: Disk_usage__root_
}

func ExampleLabelValue() {
	fmt.Println(LabelValue("line one\nline two\n", 200))
	// Output: line one line two
}

func ExampleBool() {
	connected := true
	fmt.Println(Bool(connected))
	// Output: 1
}

func ExampleSortLabels() {
	fmt.Println(SortLabels([]telemetry.Label{{Key: "tag", Value: "b"}, {Key: "room", Value: "attic"}}))
	// Output: [{room attic} {tag b}]
}

func TestInfoEndsTheSeriesWithOldDetails(t *testing.T) {
	info := NewInfo(telemetry.NewFactory("h", "s", nil), "server_info", telemetry.Label{Key: "server", Value: "a"})
	var last *telemetry.Series
	for i, c := range []struct {
		version string
		ended   int
	}{{"1", 0}, {"1", 0}, {"2", 1}, {"2", 0}} {
		b := telemetry.NewBatch(time.Unix(int64(i), 0), time.Unix(int64(i), 0), 0)
		info.Add(b, telemetry.Label{Key: "version", Value: c.version})
		s, _, v := b.Sample(0)
		if v != 1 || s.BareKey() != "server_info_a" || !slices.Contains(s.Labels(), telemetry.Label{Key: "version", Value: c.version}) {
			t.Errorf("%v is %v", s, v)
		}
		if ended := b.Ended(); len(ended) != c.ended || c.ended > 0 && ended[0] != last {
			t.Errorf("%s: %v ended", c.version, ended)
		}
		last = s
	}
}

func TestInfoAllocatesNothingWhileNothingChanges(t *testing.T) {
	info := NewInfo(telemetry.NewFactory("h", "s", nil), "server_info")
	b := telemetry.NewBatch(time.Unix(0, 0), time.Unix(0, 0), 0)
	if n := testing.AllocsPerRun(100, func() { info.Add(b, telemetry.Label{Key: "version", Value: "1"}) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func ExampleInfo() {
	f := telemetry.NewFactory("myhost", "myinput", nil)
	info := NewInfo(f, "server_info", telemetry.Label{Key: "server", Value: "db1"})
	b := telemetry.NewBatch(time.Now(), time.Now(), 0)
	info.Add(b, telemetry.Label{Key: "version", Value: "8.0"}) // at every gather
	s, _, v := b.Sample(0)
	fmt.Println(s, v)
	// Output: server_info{host="myhost",server="db1",source="myinput",version="8.0"} 1
}
