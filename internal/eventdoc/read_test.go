package eventdoc_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/eventdoc"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// Written documents can be parsed again, in both forms.
func TestReadAgain(t *testing.T) {
	e := telemetry.Event{Time: time.UnixMilli(1_700_000_000_123), Severity: telemetry.Error, Host: "h", App: "a \"b\"", Message: "tab\t\x1b[31m ünd",
		Fields: []telemetry.Field{telemetry.Text("facility", "4"), telemetry.Text("x", "007")}}
	want := eventdoc.Document{}.Fill(&e)
	got, err := eventdoc.ParseJSON(want.AppendJSON(nil))
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n-want +got\n%s", err, diff)
	}
	if got := eventdoc.ParseHash([]string{"timestamp", "1700000000123", "message", "m", "severity", "x", "facility", "4", "odd"}); got.Int("timestamp") != 1_700_000_000_123 ||
		got.Text("message") != "m" || got.Text("severity") != "x" || got.Int("facility") != 4 || len(got) != 4 {
		t.Errorf("%+v", got)
	}
}

func TestReadWhatOthersWrote(t *testing.T) {
	got, err := eventdoc.ParseJSON([]byte(`{"message":"m","tags":{"a":[1]},"load":1.5,"ok":true,"none":null}`))
	want := eventdoc.Document{telemetry.Text("message", "m"), telemetry.Text("tags", `{"a":[1]}`), telemetry.Float("load", 1.5), telemetry.Bool("ok", true), telemetry.Text("none", "")}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	for _, bad := range []string{"", "[]", `"x"`, `{"a":`, `{"a" 1}`, `{1:2}`} {
		if d, err := eventdoc.ParseJSON([]byte(bad)); err == nil {
			t.Errorf("%s is read as %v", bad, d)
		}
	}
}

// FuzzParseJSON: a parsed document does not change when it is written and parsed again.
func FuzzParseJSON(f *testing.F) {
	for _, s := range []string{`{"message":"m","timestamp":1,"x":{"a":[1]}}`, `{"a":1e5,"b":-0,"c":"\u0000\ud800"}`, `{"":null}`, `[`, `{"a":1}{`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		first, err := eventdoc.ParseJSON(data)
		if err != nil || len(first) == 0 { // every written document has a message
			return
		}
		second, err := eventdoc.ParseJSON(first.AppendJSON(nil))
		if err != nil {
			t.Fatalf("%q is not read again: %v", data, err)
		}
		if diff := cmp.Diff(first, second); diff != "" {
			t.Errorf("%q\n%s", data, diff)
		}
	})
}
