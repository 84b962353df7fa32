package terminal

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

func escaped(t testing.TB, style Style, parts ...string) string {
	t.Helper()
	var b bytes.Buffer
	w := NewWriter(&b, style)
	for _, p := range parts {
		if n, err := w.Write([]byte(p)); n != len(p) || err != nil {
			t.Fatalf("%d, %v", n, err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestText(t *testing.T) {
	for text, want := range map[string]string{
		"plain\tText\n~":         "plain\tText\n~",
		"é日本語😀 العربية":          "é日本語😀 العربية",
		"می\u200cخواهم 👨\u200d👩": "می\u200cخواهم 👨\u200d👩", // joiners
		"a\u0605b":               "a\u0605b",               // a visible mark of numbers, of category Cf
		"\x1b[2J\x07\x00\x7f":    `\x1b[2J\x07\x00\x7f`,
		"over\rwritten\b\v\f":    `over\x0dwritten\x08\x0b\x0c`,
		"\u009b31m\u0085":        `\x9b31m\x85`,
		"\x9b31m\xff\xc3(":       `\x9b31m\xff\xc3(`, // C1 as bytes
		"a\u202eb\u2066c\ufeff":  `a\u202eb\u2066c\ufeff`,
		"\u2028\u2029\u200e":     `\u2028\u2029\u200e`,
		"\U000e0041":             `\U000e0041`, // a tag: invisible
		"cut \xe6\x97":           `cut \xe6\x97`,
	} {
		if got := escaped(t, Text, text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
	if got, want := Line("a\nb\tc\x1b\xffé"), `a\x0ab c\x1b\xffé`; got != want {
		t.Errorf("the line is %q, want %q", got, want)
	}
}

// Escaping JSON does not change its values.
func TestJSON(t *testing.T) {
	const value = "é\x1b\u009b\u202e\U000e0041\u007f\u2028😀\n\t\""
	var b bytes.Buffer
	w := NewWriter(&b, JSON)
	if err := json.NewEncoder(w).Encode(map[string]string{value: value}); err != nil {
		t.Fatal(err)
	}
	var got map[string]string
	if err := json.Unmarshal(b.Bytes(), &got); err != nil || got[value] != value {
		t.Errorf("%s: %q, %v", &b, got, err)
	}
	checkSafe(t, b.String())
	if !strings.Contains(b.String(), `\udb40\udc41`) {
		t.Errorf("no surrogates in %s", &b)
	}
}

func checkSafe(t *testing.T, text string) {
	t.Helper()
	if !utf8.ValidString(text) {
		t.Errorf("%q is not UTF-8", text)
	}
	for _, r := range text {
		if r != '\n' && r != '\t' && isUnsafe(r) {
			t.Errorf("%q holds %U", text, r)
		}
	}
}

type broken struct{}

var errBroken = errors.New("broken")

func (broken) Write([]byte) (int, error) { return 0, errBroken }

func TestWriteError(t *testing.T) {
	w := NewWriter(broken{}, Text)
	if n, err := w.Write([]byte("x")); n != 0 || !errors.Is(err, errBroken) {
		t.Errorf("%d, %v", n, err)
	}
	if w.Unwrap() != (broken{}) {
		t.Error("another writer below")
	}
}

// FuzzWriter writes a text in three parts. Where it is split makes no difference, the output is safe, and a safe text does not
// change.
func FuzzWriter(f *testing.F) {
	for _, s := range []string{"", "plain", "\x1b[31m", "é日😀", "\u009b", "\x9b", "\xe6\x97", "\xf0\x9f\x98", "a\u202eb", "\xed\xa0\x80", "\U000e0041x"} {
		f.Add([]byte(s), uint16(1), uint16(2))
	}
	f.Fuzz(func(t *testing.T, text []byte, a, b uint16) {
		i := int(a) % (len(text) + 1)
		j := i + int(b)%(len(text)-i+1)
		safe := utf8.Valid(text)
		for _, r := range string(text) {
			safe = safe && (r == '\n' || r == '\t' || !isUnsafe(r))
		}
		for _, style := range []Style{Text, JSON} {
			whole := escaped(t, style, string(text))
			if parts := escaped(t, style, string(text[:i]), string(text[i:j]), string(text[j:])); parts != whole {
				t.Errorf("cut at %d and %d: %q, whole: %q", i, j, parts, whole)
			}
			checkSafe(t, whole)
			if safe && whole != string(text) {
				t.Errorf("%q became %q", text, whole)
			}
		}
		line := Line(string(text))
		checkSafe(t, line)
		if strings.ContainsAny(line, "\n\t") {
			t.Errorf("%q is more than a line", line)
		}
	})
}

// FuzzJSON writes JSON through the writer, which must not change the values.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{"", "\x1b", "\u009b\u202e", "\U000e0041", "\"\\"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		value = strings.ToValidUTF8(value, "?")
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		var got string
		if err := json.Unmarshal([]byte(escaped(t, JSON, string(text))), &got); err != nil || got != value {
			t.Errorf("%q became %q, %v", value, got, err)
		}
	})
}
