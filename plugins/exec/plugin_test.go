//go:build unix

// The commands of these tests are for a shell of unix; elsewhere the parsers and the configuration are tested.

package execinput

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/childproc"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// perProcess is what starting one costs.
const perProcess = 500

func TestConformance(t *testing.T) {
	check := script(t, `echo "DISK WARNING | '/'=81%;80;90;0;100 time=5ms;10;20;0;50"; exit 1`)
	plugintest.Run(t, Plugin,
		plugintest.Case{Name: "json", Config: `commands: ["echo '{\"a\": 1.5, \"b\": true}'", {name: two, command: "echo '{\"a\": 2}'"}]`, Allocs: 2 * perProcess},
		plugintest.Case{Name: "no shell", Config: `{commands: ["echo a 1"], shell: false, data_format: metrics}`, Allocs: perProcess},
		plugintest.Case{Name: "nagios", Config: `{commands: ["` + check + `"], data_format: nagios}`, Allocs: perProcess},
		plugintest.Case{Name: "prometheus", Config: `{commands: [{name: page, command: "echo '# TYPE a counter'; echo a 1"}], data_format: prometheus}`, Allocs: perProcess},
		plugintest.Case{Name: "failing", Config: `commands: ["exit 3"]`, Error: `run "exit": exit status 3`},
	)
}

// script writes a script and returns its path.
func script(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "script.sh")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func start(t testing.TB, config string) *plugintest.Probe {
	t.Helper()
	return plugintest.Start(t, Plugin, config, plugintest.Env("exec", ""))
}

// printed are the values by what a series adds to the command, without those about the command.
func printed(t *testing.T, config string) (values map[string]float64, events []string, err error) {
	t.Helper()
	b, err := start(t, config).Batch(0)
	values = map[string]float64{}
	for i := range b.Len() {
		s, ms, v := b.Sample(i)
		if strings.HasPrefix(s.Name(), "exec_") {
			continue
		}
		key := s.Name()
		for _, l := range s.Labels() {
			if !slices.Contains([]string{"host", "source", "environment", "cmd"}, l.Key) {
				key += " " + l.Key + "=" + l.Value
			}
		}
		if ms != b.Time {
			key += " @" + strconv.FormatInt(ms, 10)
		}
		values[key] = v
	}
	for _, e := range b.Events {
		if e.Host != "testhost" || e.Fields[0].Key != "cmd" {
			t.Errorf("%+v", e)
		}
		text := e.Severity.String() + ": " + e.Message
		for _, f := range e.Fields[1:] {
			text += " " + f.Key + "=" + f.Text()
		}
		events = append(events, text)
	}
	return values, events, err
}

func TestFormats(t *testing.T) {
	for name, c := range map[string]struct {
		format, output string
		want           map[string]float64
		events         []string
		err            string
	}{
		"flat json":            {"json", `{"a": 1, "b": false, "c d": -2.5e3}`, map[string]float64{"a": 1, "b": 0, "c_d": -2500}, nil, ""},
		"metrics and logs":     {"json", `{"metrics": {"a": 1}, "logs": [{"message": "m", "level": "warn", "tags": {"k": "v", "n": 3, "source": "x"}}, "plain"]}`, map[string]float64{"a": 1}, []string{"warning: m k=v n=3", "info: plain"}, ""},
		"only metrics":         {"json", `{"metrics": {"a": 1}}`, map[string]float64{"a": 1}, nil, ""},
		"metrics is a number":  {"json", `{"metrics": 3}`, map[string]float64{"metrics": 3}, nil, ""},
		"several objects":      {"json", "{\"a\": 1}\n{\"b\": 2}\n", map[string]float64{"a": 1, "b": 2}, nil, ""},
		"texts and null":       {"json", `{"a": 1, "b": "x", "c": null, "d": [1]}`, map[string]float64{"a": 1}, nil, `"b" is not a number: "x" (and 2 more)`},
		"json array":           {"json", `[1]`, map[string]float64{}, nil, "it is another type: array"},
		"no json":              {"json", `hello`, map[string]float64{}, nil, "not a JSON object"},
		"nothing":              {"json", ``, map[string]float64{}, nil, "it is empty"},
		"json too large":       {"json", `{"a": 1e999, "b": 1}`, map[string]float64{"b": 1}, nil, "a is +Inf, which is not a number for Redis"},
		"UTF-16":               {"metrics", `\377\376a\000 \0001\000`, map[string]float64{}, nil, "its output is in UTF-16: convert it to UTF-8"},
		"metrics":              {"metrics", "# c\n\na 1\nb 2.5 room=x unit=celsius ts=1700000000123\nb 3 room=y", map[string]float64{"a": 1, "b room=x unit=celsius @1700000000123": 2.5, "b room=y": 3}, nil, ""},
		"metrics, order":       {"metrics", "a 1 x=1 y=2\na 2 y=2 x=1", map[string]float64{"a x=1 y=2": 1}, nil, ""},
		"metrics, twice":       {"metrics", "a 1 x=1 x=2", map[string]float64{"a x=2": 1}, nil, ""},
		"metrics, ours":        {"metrics", "a 1 host=h cmd=c", map[string]float64{"a exported_cmd=c exported_host=h": 1}, nil, ""},
		"metrics, not finite":  {"metrics", "a nan\nb inf\nc 1", map[string]float64{"c": 1}, nil, "line 1: a is NaN, which is not a number for Redis (and 1 more)"},
		"metrics, bad":         {"metrics", "a\nb x\nc 1 d\ne 1 ts=x\nf 1", map[string]float64{"f": 1}, nil, `line 1: "a" has no value`},
		"metrics, odd names":   {"metrics", "a(b),{c} 1 k=(x)", map[string]float64{"a_b___c_ k=(x)": 1}, nil, ""},
		"garbage":              {"metrics", `\000\001\377 \376`, map[string]float64{}, nil, "is not a number"},
		"influx":               {"influx", `weather,room=big\\ attic temp=21.5,n=3i,u=4u,ok=t,text="a, b c=\\"d\\"",value=7 1700000000123456789`, map[string]float64{"weather_temp room=big attic @1700000000123": 21.5, "weather_n room=big attic @1700000000123": 3, "weather_u room=big attic @1700000000123": 4, "weather_ok room=big attic @1700000000123": 1, "weather room=big attic @1700000000123": 7}, nil, ""},
		"influx, bad":          {"influx", "cpu\ncpu a=x\ncpu a=1 b\ncpu a=2", map[string]float64{"cpu_a": 2}, nil, `line 1: "cpu" must be: measurement,tag=a field=1 [nanoseconds] (and 2 more)`},
		"prometheus":           {"prometheus", "# TYPE a_total counter\na_total{cmd=\"x\",b=\"y z\"} 5 1700000000000\nroom_celsius 21.5\n# EOF", map[string]float64{"a_total b=y z exported_cmd=x": 5, "room_celsius unit=celsius": 21.5}, nil, ""},
		"prometheus, bad":      {"prometheus", "a\nb 1", map[string]float64{"b": 1}, nil, `parse its output: line 1 is no sample: "a"`},
		"logfmt":               {"logfmt", `room="big attic" temp=21.5 open ts=1700000001` + "\n" + `level=error msg="it broke" code=7`, map[string]float64{"temp open=true room=big attic @1700000001000": 21.5}, []string{"error: it broke level=error code=7"}, ""},
		"logfmt, bad":          {"logfmt", "=1\na=1", map[string]float64{"a": 1}, nil, "line 1: a value without a key"},
		"text":                 {"text", "one\n\n two \n", map[string]float64{}, []string{"info: one", "info: two"}, ""},
		"nagios":               {"nagios", "OK - fine | 'a b'=1.5ms;;; c=3B;10:20;~:5\nmore text\nlast | d=7\ne=U 'it''s'=5%", map[string]float64{"nagios_state": 0, "nagios_perfdata perfdata=a b uom=seconds": 0.0015, "nagios_perfdata perfdata=c uom=bytes": 3, "nagios_perfdata perfdata=d": 7, "nagios_perfdata perfdata=it's uom=percent": 5}, nil, ""},
		"nagios, bad perfdata": {"nagios", "OK | a=x b=1 'c", map[string]float64{"nagios_state": 0, "nagios_perfdata perfdata=b": 1}, nil, "not a number"},
	} {
		command := script(t, "printf '%b' \"$(cat <<'EOF'\n"+c.output+"\nEOF\n)\"")
		got, events, err := printed(t, fmt.Sprintf("{commands: ['%s'], data_format: %s}", command, c.format))
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if diff := cmp.Diff(c.events, events); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %v, want %q", name, err, c.err)
		}
	}
}

// TestByteOrderMark: programs on Windows begin their output with one. It makes no difference, in any format.
func TestByteOrderMark(t *testing.T) {
	for format, output := range map[string]string{
		"json": `{"a": 1}`, "metrics": "a 1", "influx": "a,room=x value=1", "logfmt": "a=1", "prometheus": "# TYPE a counter\na 1", "nagios": "OK | a=1", "text": "said",
	} {
		read := func(mark string) (map[string]float64, []string) {
			config := fmt.Sprintf("{commands: [{name: c, command: '%s'}], data_format: %s}", script(t, "printf '%b' '"+mark+output+"'; printf '%b' '"+mark+"oops' >&2"), format)
			values, events, err := printed(t, config)
			if err != nil {
				t.Errorf("%s: %v", format, err)
			}
			return values, events
		}
		values, events := read("")
		marked, markedEvents := read(`\357\273\277`)
		if diff := cmp.Diff(values, marked) + cmp.Diff(events, markedEvents); diff != "" {
			t.Errorf("%s: %s", format, diff)
		}
	}
}

func TestNagiosStates(t *testing.T) {
	dir := t.TempDir()
	state := filepath.Join(dir, "state")
	command := script(t, "echo said; exit $(cat "+state+")")
	p := start(t, fmt.Sprintf("{commands: ['%s'], data_format: nagios}", command))
	for i, c := range []struct {
		status, state, events int
		err                   bool
	}{{0, 0, 0, false}, {2, 2, 1, false}, {2, 2, 0, false}, {0, 0, 1, false}, {3, 3, 1, false}, {127, -1, 0, true}} {
		if err := os.WriteFile(state, []byte(strconv.Itoa(c.status)), 0o644); err != nil {
			t.Fatal(err)
		}
		b, err := p.Batch(float64(i))
		got, ok := plugintest.BySeries(b)[`nagios_state{cmd="script.sh",environment="test",host="testhost",source="exec"}`]
		if (err != nil) != c.err || ok != (c.state >= 0) || ok && got != float64(c.state) || len(b.Events) != c.events {
			t.Errorf("status %d: %v, state %v (%v), %d events", c.status, err, got, ok, len(b.Events))
		}
	}
}

func TestStatus(t *testing.T) {
	plain := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(plain, []byte("echo"), 0o644); err != nil {
		t.Fatal(err)
	}
	for config, want := range map[string]struct {
		status float64
		err    string
	}{
		`{commands: ["echo '{}'"]}`:                                  {0, ""},
		`{commands: ["echo broken >&2; exit 4"]}`:                    {4, "exit status 4: broken"},
		`{commands: ["echo '{}'; exit 4"], ignore_error: true}`:      {4, ""},
		`{commands: ["kill -9 $$"]}`:                                 {137, "signal: killed"},
		`{commands: ["/no/such/program"]}`:                           {127, "there is no such program: correct its name, or give its full path"},
		`{commands: ["/no/such/program"], shell: false}`:             {127, "or set shell: true"},
		`{commands: ["no-such-program-anywhere"], shell: false}`:     {127, "there is no such program"},
		`{commands: ["` + plain + `"], shell: false}`:                {126, "check that it is executable"},
		`{commands: ["` + plain + `"]}`:                              {126, "check that it is executable"},
		`{commands: ["echo '{}'"], working_dir: /no/such/directory}`: {127, "no such file or directory"},
	} {
		b, err := start(t, config).Batch(0)
		got := -1.0
		for i := range b.Len() {
			if s, _, v := b.Sample(i); s.Name() == "exec_exit_status" {
				got = v
			}
		}
		if got != want.status || (err == nil) != (want.err == "") || err != nil && !strings.Contains(err.Error(), want.err) {
			t.Errorf("%s: status %v, %v", config, got, err)
		}
	}
}

// One that prints for ever is stopped when there is enough, and what it said before counts.
func TestTooMuch(t *testing.T) {
	got, _, err := printed(t, "{commands: ['echo a 1; while :; do echo b 2; done'], data_format: metrics, max_output_size: 64001}") // ends within a line
	if err == nil || !strings.Contains(err.Error(), "it prints more than 64001 bytes") || strings.Contains(err.Error(), "parse") || got["a"] != 1 || got["b"] != 2 {
		t.Errorf("%v %v", got, err)
	}
	got, _, err = printed(t, "{commands: [\"trap '' PIPE TERM; cat /dev/zero\"], data_format: metrics, max_output_size: 64kB}")
	if err == nil || !strings.Contains(err.Error(), "it prints more than") || len(got) != 0 {
		t.Errorf("a line without an end: %v %v", got, err)
	}
	_, events, err := printed(t, "{commands: ['while :; do echo b >&2; done'], max_output_size: 64kB}")
	if err == nil || len(events) != maxLines+1 || !strings.Contains(events[maxLines], "31000 more lines are left out") {
		t.Errorf("on standard error: %d events, %v", len(events), err)
	}
}

// Of too many metrics, the same are taken at every gather.
func TestTooManyMetrics(t *testing.T) {
	for format, limit := range map[string]string{"metrics": "", "prometheus": "more than 10000 samples"} {
		p := start(t, "{commands: ['i=0; while [ $i -lt 10500 ]; do i=$((i+1)); echo m$i 1; done'], data_format: "+format+"}")
		for second := range 2 {
			b, err := p.Batch(float64(second))
			refused, _ := b.RefusedEntities()
			isReported := refused == 500
			if limit != "" {
				isReported = err != nil && strings.Contains(err.Error(), limit)
			}
			if n := b.Len() - 3; !isReported || n != maxSeries {
				t.Errorf("%s, gather %d: %d samples, %d refused, %v", format, second, n, refused, err)
			}
		}
	}
}

func TestLongLineIsCut(t *testing.T) {
	b, err := start(t, "{commands: [{name: zeros, command: 'head -c 100000 /dev/zero | tr \"\\0\" x'}], data_format: text}").Batch(0)
	if err != nil || len(b.Events) != 1 || b.Events[0].App != "zeros" || b.Events[0].Host != "testhost" || len(b.Events[0].Message) != maxMessage || !slices.Contains(b.Events[0].Fields, telemetry.Int("cut_at", 8192)) {
		t.Errorf("%d events, %v", len(b.Events), err)
	}
}

func TestStandardErrorIsEvents(t *testing.T) {
	for config, want := range map[string]string{
		`{commands: ["echo a 1; echo careful >&2"], data_format: metrics}`: "warning: careful",
		`{commands: ["echo bad >&2; exit 1"], data_format: metrics}`:       "error: bad",
	} {
		if _, events, _ := printed(t, config); len(events) != 1 || events[0] != want {
			t.Errorf("%s: %v", config, events)
		}
	}
}

func TestEnvironment(t *testing.T) {
	t.Setenv("SECRET_ROOM_TOKEN", "1234")
	t.Setenv("FROM_AGENT", "5")
	t.Setenv("KEPT", "8")
	dir := t.TempDir()
	env := plugintest.Env("exec", "")
	env.Secrets = secret.Env{}
	p := plugintest.Start(t, Plugin, `{commands: ["echo token $TOKEN; echo mine $FROM_AGENT; echo kept $KEPT; echo set $SET; pwd >&2"], data_format: metrics, environment: [TOKEN=secret:room/token, "SET=a=7", FROM_AGENT=6], working_dir: `+dir+`}`, env)
	b, err := p.Batch(0)
	got := plugintest.ByKey(b)
	values := map[string]float64{}
	for key, v := range got {
		name, _, _ := strings.Cut(key, "_")
		values[name] = v
	}
	if values["token"] != 1234 || values["mine"] != 6 || values["kept"] != 8 || err == nil || !strings.Contains(err.Error(), `"a=7" is not a number`) {
		t.Errorf("%v, %v", got, err)
	}
	if real, _ := filepath.EvalSymlinks(dir); len(b.Events) != 1 || b.Events[0].Message != real {
		t.Errorf("working directory: %v", b.Events)
	}
	if text := fmt.Sprintf("%+v", variable{name: "A", value: secret.Literal("hidden")}); strings.Contains(text, "hidden") {
		t.Error(text)
	}
	_, problems := plugintest.Decode(t, Plugin, `{commands: [a], environment: ["A=secret:nowhere"]}`)
	if problems.Err() != nil {
		t.Error(problems)
	}
}

func TestUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may run commands as somebody else")
	}
	if _, err := childproc.LookUpUser("nobody"); err != nil {
		t.Skipf("there is no user nobody here: %v", err)
	}
	for _, name := range []string{"SECRET_X", "VAULT_TOKEN", "MY_STORES_PREFIX_X", "AWS_SECRET_ACCESS_KEY", "PATHX", "LC"} {
		t.Setenv(name, "hidden")
	}
	t.Setenv("LC_TIME", "C")
	_, events, err := printed(t, `{commands: ["id -un; echo $HOME $USER $LC_TIME $MINE; env"], data_format: text, user: nobody, working_dir: /, environment: [MINE=1]}`)
	home := strings.TrimSpace(output(t, "sh", "-c", "getent passwd nobody | cut -d: -f6"))
	if err != nil || len(events) < 2 || events[0] != "info: nobody" || events[1] != "info: "+home+" nobody C 1" {
		t.Errorf("%v %v", events, err)
	}
	if text := strings.Join(events, "\n"); strings.Contains(text, "hidden") || !strings.Contains(text, "PATH=") {
		t.Error(text)
	}
	built, problems := plugintest.Decode(t, Plugin, `{commands: [a], user: no-such-user-here}`)
	if problems.Err() != nil {
		t.Fatal(problems)
	}
	if _, err := built.New(plugintest.Env("exec", "")); err == nil || !strings.Contains(err.Error(), `"no-such-user-here": no user`) {
		t.Errorf("%v", err)
	}
}

func output(t *testing.T, name string, args ...string) string {
	text, err := exec.CommandContext(t.Context(), name, args...).Output()
	if err != nil {
		t.Skipf("%s: %v", name, err)
	}
	return string(text)
}

// Commands that fail in all ways leave nothing behind.
func TestNothingLeaks(t *testing.T) {
	p := start(t, `{commands: ["exit 1", "/no/such/program", "echo '{\"a\": 1}'", "sleep 1000 >/dev/null 2>&1 & echo x", "head -c 9000 /dev/zero"], max_output_size: 1024}`)
	servicetest.CheckNoLeaks(t, 50, func(round int) {
		if _, err := p.Batch(float64(round)); err == nil {
			t.Error("no error")
		}
	})
}

func TestSeriesAreForgotten(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "out")
	p := start(t, "{commands: ['cat "+file+"'], data_format: metrics}")
	for i := range 20 {
		if err := os.WriteFile(file, []byte(fmt.Sprintf("name%d 1\n", i)), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Batch(float64(i)); err != nil {
			t.Fatal(err)
		}
	}
	in := p.Input.Gatherer.(*input) //nolint:forcetypeassert // ours
	if n := in.commands[0].printed.Len(); n > 5 {
		t.Errorf("%d series are remembered", n)
	}
}

// BenchmarkGather is what starting a shell and reading ten metrics costs.
func BenchmarkGather(b *testing.B) {
	plugintest.Cost(b, start(b, "{commands: ['printf \"a 1\\nb 2\\nc 3\\nd 4\\ne 5\\nf 6\\ng 7\\nh 8\\ni 9\\nj 10\\n\"'], data_format: metrics}"))
}
