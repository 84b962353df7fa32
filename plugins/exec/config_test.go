package execinput

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

func TestConfig(t *testing.T) {
	for config, want := range map[string]string{
		"commands: [a]": "",
		"{commands: [a], timeout: 5, data_format: metrics, ignore_error: true, working_dir: /, shell: true, max_output_size: 1048576, add_hostname: true, environment: [A=b]}": "",
		"{}":                                  "",
		"commands: ['']":                      "has an empty one",
		"commands: [a, a]":                    "has one twice",
		"{commands: [a], data_format: jsno}":  `must be one of json, metrics, influx, logfmt, nagios, text (did you mean "json"?)`,
		"{commands: [a], environment: [A]}":   "must be NAME=value",
		"{commands: [a], environment: [1=b]}": "must be NAME=value",
		`{commands: ["a 'b"], shell: false}`:  "has a quote without its end",
		`{commands: ["a 'b"]}`:                "",
		"{commands: [a], max_output_size: 1}": "must be at least 1024",
		"{commands: ['secret:a']}":            "secret",
	} {
		_, problems := plugintest.Decode(t, Plugin, config)
		err := problems.Err()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(problems.Error(), want) {
			t.Errorf("%s: %v, want %q", config, problems, want)
		}
	}
}

func TestSplitWords(t *testing.T) {
	for text, want := range map[string][]string{
		`a b  c`:                  {"a", "b", "c"},
		` a 'b c' "d \"e\" $f" `:  {"a", "b c", `d "e" $f`},
		`a\ b "c\d" 'e\f' '' ""g`: {"a b", `c\d`, `e\f`, "", "g"},
		`--x="a b"'c'd`:           {"--x=a bcd"},
		"a\tb\nc":                 {"a", "b", "c"},
		`$(a) *|;`:                {"$(a)", "*|;"},
		``:                        nil,
	} {
		got, err := splitWords(text)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%q: %v %s", text, err, diff)
		}
	}
	for text, want := range map[string]error{`a "b`: errQuote, `a 'b`: errQuote, `a\`: errEscape} {
		if _, err := splitWords(text); err != want { //nolint:errorlint // not wrapped
			t.Errorf("%q: %v", text, err)
		}
	}
}

// Labels are what Redis takes, and differ when the commands do.
func TestLabels(t *testing.T) {
	long := strings.Repeat("x", 500)
	got := labels([]string{"echo $(date),(a)", "echo $_date__(a)", "a\n  b", "a b", long + "1", long + "2", "é\xff"})
	seen := map[string]bool{}
	for _, name := range got {
		if seen[name] || strings.ContainsAny(name, "(),\n") || len(name) > maxLabel+9 || strings.ToValidUTF8(name, "") != name {
			t.Errorf("%q", name)
		}
		seen[name] = true
	}
	if got[0] != "echo $_date__a_"[:7]+"date___a_" && got[0] != "echo $_date___a_" || got[2] != "a b" {
		t.Errorf("%q", got)
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{`{"metrics": {"a": 1, "b": true}, "logs": [{"message": "m", "timestamp": 1}, "x"]}`, "a 1 k=v ts=1700000000000\n", `m,t=\ a f=1i,g="x,\" y",value=t 1700000000000000000`,
		`a=1 b="c d" msg=x ts=1`, "OK | 'a b'=1ms;2;3;4;5 c=U\nx|y=1%\nz=3", "a nan\n# c\n{}", "a=\"\\", "\\", "'", "m, =,"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var p parsed
		parseJSON(text, &p)
		eachLine(text, &p, parseMetric)
		eachLine(text, &p, parseInflux)
		eachLine(text, &p, parseLogfmt)
		parseNagios(text, 1, &p)
		for _, s := range p.samples {
			if s.name == "" || strings.ContainsAny(s.name, " (){},\n") || math.IsNaN(s.value) || math.IsInf(s.value, 0) || s.ms < 0 {
				t.Errorf("%+v", s)
			}
			for i, l := range s.labels {
				if l.Key == "" || l.Value == "" || i > 0 && s.labels[i-1].Key >= l.Key {
					t.Errorf("%+v", s)
				}
			}
		}
		if len(p.samples) > 5*len(text)+5 {
			t.Errorf("%d samples of %d bytes", len(p.samples), len(text))
		}
		words, err := splitWords(string(text))
		if err == nil && len(strings.Join(words, "")) > len(text) || bytes.Contains([]byte(firstLine(text)), []byte{'\n'}) {
			t.Errorf("%q", words)
		}
	})
}
