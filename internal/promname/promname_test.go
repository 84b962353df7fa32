package promname_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rtcollector/rtcollector/internal/promname"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

func TestMetric(t *testing.T) {
	for in, want := range map[string]string{
		"net_rx_bytes": "net_rx_bytes", "a.b-c": "a_b_c", "job:rate": "job:rate", "9x": "_9x", "": "_", "é.x": "__x", "a b\n": "a_b_", "\xff": "_", "__name__": "__name__",
	} {
		if got := promname.Metric(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

func TestLabels(t *testing.T) {
	for _, c := range []struct {
		in      []telemetry.Label
		want    string
		renamed bool
	}{
		{nil, "[]", false},
		{[]telemetry.Label{{Key: "b", Value: "2"}, {Key: "a", Value: "1"}}, "[{a 1} {b 2}]", false},
		{[]telemetry.Label{{Key: "empty"}, {Key: "a", Value: "\xff"}}, "[{a \uFFFD}]", false},
		{[]telemetry.Label{{Key: "a-b", Value: "1"}, {Key: "a_b", Value: "2"}, {Key: "a.b", Value: "3"}}, "[{a_b 2} {a_b2 1} {a_b22 3}]", true},
		{[]telemetry.Label{{Key: "__name__", Value: "x"}}, "[{label__name__ x}]", true},
		{[]telemetry.Label{{Key: "", Value: "x"}, {Key: "9x", Value: "y"}, {Key: "a:b", Value: "z"}}, "[{_ x} {_9x y} {a_b z}]", true},
		{[]telemetry.Label{{Key: "a", Value: "1"}, {Key: "a", Value: "2"}}, "[{a 1} {a2 2}]", true},
	} {
		got, renamed := promname.Labels(c.in)
		if fmt.Sprint(got) != c.want || renamed != c.renamed {
			t.Errorf("%v becomes %v (%v), want %v (%v)", c.in, got, renamed, c.want, c.renamed)
		}
	}
}

func FuzzLabels(f *testing.F) {
	name := regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)
	f.Add("a-b", "a_b", "x\xff")
	f.Fuzz(func(t *testing.T, first, second, value string) {
		labels, _ := promname.Labels([]telemetry.Label{{Key: first, Value: value}, {Key: second, Value: value}})
		for _, l := range labels {
			if !name.MatchString(l.Key) || !utf8.ValidString(l.Value) || l.Value == "" || strings.HasPrefix(l.Key, "__") {
				t.Errorf("%q and %q give %q", first, second, labels)
			}
		}
		if !slices.IsSortedFunc(labels, func(a, b telemetry.Label) int {
			if a.Key >= b.Key {
				return 1
			}
			return -1
		}) {
			t.Errorf("%q: not sorted, or not unique", labels)
		}
	})
}
