//go:build unix

// These tests run commands with a Unix shell. On other systems only the parsers and the configuration are tested.

package execinput

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/rtcollector/rtcollector/internal/childproc"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// allocsPerProcess is the number of allocations for starting a process.
const allocsPerProcess = 500

func TestConformance(t *testing.T) {
	check := writeScript(t, `echo "DISK WARNING | '/'=81%;80;90;0;100 time=5ms;10;20;0;50"; exit 1`)
	plugintest.Run(t, Plugin,
		plugintest.Case{Name: "json", Config: `commands: ["echo '{\"a\": 1.5, \"b\": true}'", {name: two, command: "echo '{\"a\": 2}'"}]`, Allocs: 2 * allocsPerProcess},
		plugintest.Case{Name: "no shell", Config: `{commands: ["echo a 1"], shell: false, data_format: metrics}`, Allocs: allocsPerProcess},
		plugintest.Case{Name: "nagios", Config: `{commands: ["` + check + `"], data_format: nagios}`, Allocs: allocsPerProcess},
		plugintest.Case{Name: "prometheus", Config: `{commands: [{name: page, command: "echo '# TYPE a counter'; echo a 1"}], data_format: prometheus}`, Allocs: allocsPerProcess},
		plugintest.Case{Name: "failing", Config: `commands: ["exit 3"]`, Error: `run "exit": exit status 3`},
	)
}

// writeScript writes a script and returns its path.
func writeScript(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "script.sh")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func startInput(t testing.TB, config string) *plugintest.Probe {
	t.Helper()
	return plugintest.Start(t, Plugin, config, plugintest.Env("exec", ""))
}

// gatherPrinted returns the printed values by their key without the command, without the series about the command itself.
func gatherPrinted(t *testing.T, config string) (values map[string]float64, events []string, err error) {
	t.Helper()
	b, err := startInput(t, config).Batch(0)
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

// describePrinted returns values, events and the error as lines.
func describePrinted(values map[string]float64, events []string, err error) string {
	var lines strings.Builder
	for _, key := range slices.Sorted(maps.Keys(values)) {
		fmt.Fprintf(&lines, "%s = %v\n", key, values[key])
	}
	for _, e := range events {
		fmt.Fprintf(&lines, "event: %s\n", e)
	}
	if err != nil {
		fmt.Fprintf(&lines, "error: %v\n", err)
	}
	return lines.String()
}

func TestFormats(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/formats.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for pair := range slices.Chunk(archive.Files, 2) {
		output, want := pair[0], pair[1]
		format, _, _ := strings.Cut(output.Name, ",")
		command := writeScript(t, "printf '%b' \"$(cat <<'EOF'\n"+string(output.Data)+"EOF\n)\"")
		got := describePrinted(gatherPrinted(t, fmt.Sprintf("{commands: ['%s'], data_format: %s}", command, format)))
		if diff := cmp.Diff(string(want.Data), got); diff != "" {
			t.Errorf("%s: %s", output.Name, diff)
		}
	}
}

// Programs on Windows begin their output with a byte order mark. It is ignored in all formats.
func TestByteOrderMarkIsIgnored(t *testing.T) {
	for format, output := range map[string]string{
		"json": `{"a": 1}`, "metrics": "a 1", "influx": "a,room=x value=1", "logfmt": "a=1", "prometheus": "# TYPE a counter\na 1", "nagios": "OK | a=1", "text": "said",
	} {
		read := func(mark string) (map[string]float64, []string) {
			config := fmt.Sprintf("{commands: [{name: c, command: '%s'}], data_format: %s}", writeScript(t, "printf '%b' '"+mark+output+"'; printf '%b' '"+mark+"oops' >&2"), format)
			values, events, err := gatherPrinted(t, config)
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
	command := writeScript(t, "echo said; exit $(cat "+state+")")
	p := startInput(t, fmt.Sprintf("{commands: ['%s'], data_format: nagios}", command))
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

func TestExitStatus(t *testing.T) {
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
		b, err := startInput(t, config).Batch(0)
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

// A command that prints too much is killed. The output before that is used.
func TestTooMuchOutputStopsTheCommand(t *testing.T) {
	got, _, err := gatherPrinted(t, "{commands: ['echo a 1; while :; do echo b 2; done'], data_format: metrics, max_output_size: 64001}") // the limit is within a line
	if err == nil || !strings.Contains(err.Error(), "it prints more than 64001 bytes") || strings.Contains(err.Error(), "parse") || got["a"] != 1 || got["b"] != 2 {
		t.Errorf("%v %v", got, err)
	}
	got, _, err = gatherPrinted(t, "{commands: [\"trap '' PIPE TERM; cat /dev/zero\"], data_format: metrics, max_output_size: 64kB}")
	if err == nil || !strings.Contains(err.Error(), "it prints more than") || len(got) != 0 {
		t.Errorf("a line without an end: %v %v", got, err)
	}
	_, events, err := gatherPrinted(t, "{commands: ['while :; do echo b >&2; done'], max_output_size: 64kB}")
	if err == nil || len(events) != maxLines+1 || !strings.Contains(events[maxLines], "31000 more lines are left out") {
		t.Errorf("on standard error: %d events, %v", len(events), err)
	}
}

// If a command prints too many metrics, the same ones are reported at every gather.
func TestSeriesLimitKeepsTheSameMetrics(t *testing.T) {
	for format, limit := range map[string]string{"metrics": "", "prometheus": "more than 10000 samples"} {
		p := startInput(t, "{commands: ['i=0; while [ $i -lt 10500 ]; do i=$((i+1)); echo m$i 1; done'], data_format: "+format+"}")
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
	b, err := startInput(t, "{commands: [{name: zeros, command: 'head -c 100000 /dev/zero | tr \"\\0\" x'}], data_format: text}").Batch(0)
	if err != nil || len(b.Events) != 1 || b.Events[0].App != "zeros" || b.Events[0].Host != "testhost" || len(b.Events[0].Message) != maxMessage || !slices.Contains(b.Events[0].Fields, telemetry.Int("cut_at", 8192)) {
		t.Errorf("%d events, %v", len(b.Events), err)
	}
}

func TestStandardErrorIsEvents(t *testing.T) {
	for config, want := range map[string]string{
		`{commands: ["echo a 1; echo careful >&2"], data_format: metrics}`: "warning: careful",
		`{commands: ["echo bad >&2; exit 1"], data_format: metrics}`:       "error: bad",
	} {
		if _, events, _ := gatherPrinted(t, config); len(events) != 1 || events[0] != want {
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

func TestCommandsRunAsUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may run commands as another user")
	}
	if _, err := childproc.LookUpUser("nobody"); err != nil {
		t.Skipf("this machine has no user nobody: %v", err)
	}
	for _, name := range []string{"SECRET_X", "VAULT_TOKEN", "MY_STORES_PREFIX_X", "AWS_SECRET_ACCESS_KEY", "PATHX", "LC"} {
		t.Setenv(name, "hidden")
	}
	t.Setenv("LC_TIME", "C")
	_, events, err := gatherPrinted(t, `{commands: ["id -un; echo $HOME $USER $LC_TIME $MINE; env"], data_format: text, user: nobody, working_dir: /, environment: [MINE=1]}`)
	home := strings.TrimSpace(runOutput(t, "sh", "-c", "getent passwd nobody | cut -d: -f6"))
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

func runOutput(t *testing.T, name string, args ...string) string {
	text, err := exec.CommandContext(t.Context(), name, args...).Output()
	if err != nil {
		t.Skipf("%s: %v", name, err)
	}
	return string(text)
}

// Failing commands leak nothing.
func TestNothingLeaks(t *testing.T) {
	p := startInput(t, `{commands: ["exit 1", "/no/such/program", "echo '{\"a\": 1}'", "sleep 1000 >/dev/null 2>&1 & echo x", "head -c 9000 /dev/zero"], max_output_size: 1024}`)
	servicetest.CheckNoLeaks(t, 50, func(round int) {
		if _, err := p.Batch(float64(round)); err == nil {
			t.Error("no error")
		}
	})
}

func TestSeriesAreForgotten(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "out")
	p := startInput(t, "{commands: ['cat "+file+"'], data_format: metrics}")
	for i := range 20 {
		if err := os.WriteFile(file, []byte(fmt.Sprintf("name%d 1\n", i)), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Batch(float64(i)); err != nil {
			t.Fatal(err)
		}
	}
	in := p.Input.Gatherer.(*input) //nolint:forcetypeassert // the input of this package
	if n := in.commands[0].printed.Len(); n > 5 {
		t.Errorf("%d series are kept", n)
	}
}

// BenchmarkGather starts a shell and parses ten metrics.
func BenchmarkGather(b *testing.B) {
	plugintest.Cost(b, startInput(b, "{commands: ['printf \"a 1\\nb 2\\nc 3\\nd 4\\ne 5\\nf 6\\ng 7\\nh 8\\ni 9\\nj 10\\n\"'], data_format: metrics}"))
}
