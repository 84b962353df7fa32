package eventdoc

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// reference returns a text as encoding/json writes it.
func reference(t *testing.T, s string) string {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func FuzzAppendString(f *testing.F) {
	for _, s := range []string{
		"", "plain", `"\`, "\x00\x1f\x7f", "\b\f\n\r\t", "<&>", "é日😀", "\u2028\u2029\u2027\u202a", "\ufffd", "\xff", "a\xc3", "\xed\xa0\x80", "\xf4\x90\x80\x80",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := AppendString([]byte("x"), s)
		if want := "x" + reference(t, s); string(got) != want {
			t.Errorf("%q became %s, encoding/json writes %s", s, got, want)
		}
		if ok != utf8.ValidString(s) {
			t.Errorf("%q: valid %v", s, ok)
		}
		if v := toValidUTF8(s); reference(t, v) != reference(t, s) && reference(t, s) != strings.ReplaceAll(reference(t, v), "\ufffd", `\ufffd`) {
			t.Errorf("%q as a name is %q", s, v)
		}
	})
}

// The document of any event is one JSON object with one member per value.
func FuzzDocument(f *testing.F) {
	f.Add("h", "app", "message", "key", "value", "key", "x", int64(1_700_000_000_000), uint8(3))
	f.Add("\xff", "", "\x00", "message", "\"", "facility", "12", int64(-1), uint8(255))
	f.Fuzz(func(t *testing.T, host, app, message, k1, v1, k2, v2 string, ms int64, severity uint8) {
		e := telemetry.Event{Host: host, App: app, Message: message, Severity: telemetry.Severity(severity)}
		e.Fields = []telemetry.Field{telemetry.Text(k1, v1), telemetry.Text(k2, v2), telemetry.Text(k1, v2)}
		d := Document{}.Fill(&e)
		text := d.AppendJSON(nil)
		var object map[string]any
		if err := json.Unmarshal(text, &object); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		delete(object, Invalid)
		if !utf8.Valid(text) || len(object) != len(d) {
			t.Errorf("%d values became %s", len(d), text)
		}
	})
}
