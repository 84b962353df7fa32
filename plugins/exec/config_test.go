package execinput

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

func TestConfig(t *testing.T) {
	plugintest.Configs(t, Plugin, map[string]string{
		"commands: [a]": "",
		"{commands: [a], timeout: 5, data_format: metrics, ignore_error: true, working_dir: /, shell: true, max_output_size: 1048576, add_hostname: true, environment: [A=b]}": "",
		"{}":               "",
		"commands: ['']":   "is empty",
		"commands: [a, a]": "appears twice",
		"commands: [{command: a, name: b}, {command: a, name: c}, a b]": "",
		"commands: [{command: a, name: b}, {command: c, name: b}]":      `an earlier command has the name "b"`,
		"commands: [{command: a, name: 'b,c'}]":                         `"b,c": a name must not contain commas`,
		"commands: [{name: a}]":                                         "is empty",
		"commands: [{comand: a}]":                                       `commands[0]: unknown key "comand" (did you mean "command"?)`,
		"commands: [[a]]":                                               "must be",
		"{commands: [a], data_format: jsno}":                            `must be one of json, metrics, influx, prometheus, logfmt, nagios, text (did you mean "json"?)`,
		"{commands: [a], environment: [A]}":                             "must be NAME=value",
		"{commands: [a], environment: [1=b]}":                           "must be NAME=value",
		`{commands: ["a 'b"], shell: false}`:                            "has an unterminated quote",
		`{commands: ["a 'b"]}`:                                          "",
		"{commands: [a], max_output_size: 1}":                           "must be at least 1024",
		"{commands: ['secret:a']}":                                      "secret",
	})
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

func TestNamesAreUniqueAndStable(t *testing.T) {
	for text, want := range map[string]string{
		"echo x":                            "echo",
		"/usr/local/bin/room.sh --json | a": "room.sh",
		"A=1 B='x y' /opt/my\\ tool/run -x": "run",
		"'/opt/my tool/check (new)' 1":      "check _new_",
		"$(date)":                           "$_date_",
		"A=1":                               "A=1",
		"/":                                 "/",
		"it's":                              "it's",
		"\xff\x01":                          "_",
		strings.Repeat("x", 500):            strings.Repeat("x", maxCommandLabel),
	} {
		if got := programName(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	commands := []Command{{Command: "sh a"}, {Command: "sh b"}, {Command: "ls"}, {Command: "sh c", Name: "c"}, {Command: "ls", Name: "my ls"}}
	got := nameCommands(commands)
	if !strings.HasPrefix(got[0], "sh~") || !strings.HasPrefix(got[1], "sh~") || got[0] == got[1] || !slices.Equal(got[2:], []string{"ls", "c", "my ls"}) {
		t.Errorf("%q", got)
	}
	slices.Reverse(commands)
	again := nameCommands(commands)
	slices.Reverse(again)
	if !slices.Equal(got, again) {
		t.Errorf("in another order: %q, %q", got, again)
	}
	if got := nameCommands([]Command{{Command: "a x"}, {Command: "b", Name: "a"}}); !strings.HasPrefix(got[0], "a~") || got[1] != "a" {
		t.Errorf("%q", got)
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{`{"metrics": {"a": 1, "b": true}, "logs": [{"message": "m", "timestamp": 1}, "x"]}`, "a 1 k=v ts=1700000000000\n", `m,t=\ a f=1i,g="x,\" y",value=t 1700000000000000000`,
		`a=1 b="c d" msg=x ts=1`, "OK | 'a b'=1ms;2;3;4;5 c=U\nx|y=1%\nz=3", "OK | ' '=1 \x01=0", "a nan\n# c\n{}", "a=\"\\", "\\", "'", "m, =,"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var p parsedOutput
		parseJSON(text, &p)
		parseLines(text, &p, parseMetric)
		parseLines(text, &p, parseInflux)
		parseLines(text, &p, parseLogfmt)
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

// A shell runs the commands that need one, and no others.
func TestShellRunsOnlyWhatNeedsOne(t *testing.T) {
	for command, want := range map[string]bool{
		"true": false, "echo 'a b' c": false, `sh -c "exit 3"`: false, "/bin/ls -l /": false,
		"echo a | wc": true, "echo $HOME": true, "ls *.txt": true, "A=1 env": true, "a; b": true, "exec true": true, "no-such-program x": true,
		`echo a\nb`: true, "echo `date`": true, "echo 'a": true, "true > /dev/null": true, "echo a\necho b": true,
	} {
		if got := shellAuto.needsShell(command); got != want {
			t.Errorf("%q: %v", command, got)
		}
		if !shellAlways.needsShell(command) || shellNever.needsShell(command) {
			t.Error("the configured shell setting is ignored")
		}
	}
}
