package config

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"go.uber.org/goleak"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/match"
	"github.com/rtcollector/rtcollector/internal/metricdoc"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
	outputsall "github.com/rtcollector/rtcollector/outputs/all"
	"github.com/rtcollector/rtcollector/plugins"
	pluginsall "github.com/rtcollector/rtcollector/plugins/all"
	storesall "github.com/rtcollector/rtcollector/secrets/all"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// cpuConfig is an example of an input's Config.
type cpuConfig struct {
	TotalCPU bool     `yaml:"totalcpu"`
	Exclude  []string `yaml:"exclude"`
	Nested   struct {
		Deep int `yaml:"deep"`
	} `yaml:"nested"`
	Old string `yaml:"old" conf:"ignored"`
}

func (c *cpuConfig) Validate() error {
	for _, e := range c.Exclude {
		if _, err := regexp.Compile(e); err != nil {
			return conf.Key("exclude", "not a regular expression: %s", e)
		}
	}
	return nil
}

type redisConfig struct {
	Host      string        `yaml:"host"`
	Port      int           `yaml:"port"`
	Password  secret.Ref    `yaml:"password"`
	Retention conf.Duration `yaml:"retention"`
}

// configHolder is an input and an output that does nothing but keep its Config.
type configHolder[C any] struct{ config C }

func (configHolder[C]) Gather(context.Context, *telemetry.Batch) error { return nil }
func (configHolder[C]) Open(context.Context) error                     { return nil }
func (configHolder[C]) Close() error                                   { return nil }

func inputDefinition[C any](name string) plugins.Definition {
	return plugins.Poll(name, "", func() (c C) { return c }, func(_ plugins.Env, c C) (configHolder[C], error) { return configHolder[C]{c}, nil })
}

func outputDefinition[C any](name string, defaults C) outputs.Definition {
	return outputs.Define(name, "", func() C { return defaults }, func(_ outputs.Env, c C) (configHolder[C], error) { return configHolder[C]{c}, nil })
}

func testEnv() Env {
	return Env{
		Inputs: plugins.Catalog{
			inputDefinition[cpuConfig]("linux_cpu").On("linux").As("cpu").Elsewhere("darwin", "windows"), inputDefinition[cpuConfig]("macos_cpu").On("darwin").InsteadOf("linux_cpu"),
			inputDefinition[struct{}]("mem"), inputDefinition[struct{}]("internal"), inputDefinition[struct{}]("linux_net").On("linux"), inputDefinition[struct{}]("mac_only").On("darwin"),
		},
		Outputs: outputs.Catalog{outputDefinition("redis", redisConfig{Host: "localhost", Port: 6379}), outputDefinition("redistimeseries", redisConfig{})},
		Stores:  storesall.Catalog(),
		GOOS:    "linux",
		Getenv: func(name string) (string, bool) {
			if v, ok := map[string]string{"HOST": "db.example", "PORT": "7000", "WORD": "hunter2", "EMPTY": ""}[name]; ok {
				return v, ok
			}
			return os.LookupEnv(name) // secrets of a test
		},
	}
}

// TestErrors compares the messages for each testdata/errors/*.txtar with the file's "want". Files whose names begin with check_ have
// errors that only the command check finds.
func TestErrors(t *testing.T) {
	for name, value := range map[string]string{"TINY": "-77ms", "WORD": "hunter2", "PATTERN": "hunter2(", "REFERENCE": "secret:redis/host"} {
		t.Setenv("KNOWN_"+name, value)
	}
	files, err := filepath.Glob("testdata/errors/*.txtar")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			ar, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			env := testEnv()
			env.CheckSecrets = strings.HasPrefix(filepath.Base(name), "check_")
			_, err = Parse(t.Context(), "config.yaml", ar.Files[0].Data, env)
			if err == nil {
				t.Fatal("no error")
			}
			if diff := cmp.Diff(string(ar.Files[1].Data), err.Error()+"\n"); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Error("a secret is shown")
			}
		})
	}
}

const pythonConfig = `
interval: 1
flush_interval: 5
max_buffer_size: 5000
warn_on_buffer: true
hostname: atila
debug: false
once: false
tags: {environment: lab, rack: 7, literal: "$${HOST}"}
secret_store: {type: env}
inputs:
  - linux_cpu
  - mem:
  - cpu: {exclude: [veth, "^br-"], totalcpu: yes, old: x}
  - linux_cpu
  - internal
outputs:
  - redis:
      host: ${HOST}
      port: "${PORT}"
      password: "secret:redis/password"
      retention: ${EMPTY:-7d}
  - redis: {alias: second}
`

func TestPythonConfigurationIsAccepted(t *testing.T) {
	c, err := Parse(t.Context(), "config.yml", []byte(pythonConfig), testEnv())
	if err != nil {
		t.Fatal(err)
	}
	want := Settings{
		Interval: conf.Duration(time.Second), FlushInterval: conf.Duration(5 * time.Second), MaxBufferSize: 5000,
		Counters: plugins.AllCounters, MaxEventBuffer: 16 << 20, WhenFull: plugins.Block,
		WarnOnBuffer: true, Hostname: "atila", LogFormat: "text", Tags: map[string]string{"environment": "lab", "rack": "7", "literal": "${HOST}"},
	}
	if diff := cmp.Diff(want, c.Settings); diff != "" {
		t.Errorf("settings: -want +got\n%s", diff)
	}
	var ids []string
	for _, in := range c.Inputs {
		ids = append(ids, in.ID)
	}
	for _, o := range c.Outputs {
		ids = append(ids, o.ID)
	}
	if diff := cmp.Diff([]string{"linux_cpu", "mem", "linux_cpu#2", "internal", "redis", "redis#second"}, ids); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if n := len(c.Warnings); n != 2 { // the ignored key, and the input that appears twice
		t.Errorf("%d warnings:\n%v", n, c.Warnings)
	}
	r := builtConfig[redisConfig](t, c.Outputs[0])
	if r.Host != "db.example" || r.Port != 7000 || r.Retention.D() != 7*24*time.Hour {
		t.Errorf("%+v", r)
	}
	t.Setenv("SECRET_REDIS_PASSWORD", "hunter2")
	if pw, err := r.Password.Resolve(t.Context(), c.Secrets); pw != "hunter2" || err != nil {
		t.Errorf("password %q, %v", pw, err)
	}
	if shown := fmt.Sprintf("%v %+v %#v %s", r, r, r, r.Password); strings.Contains(shown, "redis/password") {
		t.Errorf("the reference is printed: %s", shown)
	}
}

func builtConfig[C any](t *testing.T, o Output) C {
	t.Helper()
	l, err := o.Built.New(outputs.Env{})
	if err != nil {
		t.Fatal(err)
	}
	return l.(configHolder[C]).config
}

// TestDefaults loads a file without settings. config.example.yaml shows the same defaults.
func TestDefaults(t *testing.T) {
	c, err := Parse(t.Context(), "c", []byte("inputs: []\noutputs: [redis]\n"), testEnv())
	if err != nil {
		t.Fatal(err)
	}
	want := Settings{Interval: conf.Duration(10 * time.Second), MaxBufferSize: 1_000_000,
		Counters: plugins.AllCounters, MaxEventBuffer: 16 << 20, WhenFull: plugins.Block, WarnOnBuffer: true, LogFormat: "text"}
	if diff := cmp.Diff(want, c.Settings); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if c.FlushEvery() != 10*time.Second {
		t.Errorf("writes every %v, want every interval", c.FlushEvery())
	}
	c.FlushInterval = conf.Duration(time.Minute)
	if c.FlushEvery() != time.Minute {
		t.Errorf("writes every %v, want every flush_interval", c.FlushEvery())
	}
}

func TestTagThatRepeatsALabelIsWarnedAbout(t *testing.T) {
	c, err := Parse(t.Context(), "c", []byte("tags: {host: x, room: y}\ninputs: []\noutputs: [redis]\n"), testEnv())
	if err != nil {
		t.Fatal(err)
	}
	if want := "c:1:8: tags.host: has no effect: rtcollector sets this label itself"; c.Warnings.Error() != want {
		t.Errorf("%q, want %q", c.Warnings.Error(), want)
	}
}

// The metrics of an input are known from its documentation. A pattern that matches none of them is probably a mistake.
func TestPatternWithoutMatchIsWarnedAbout(t *testing.T) {
	env := testEnv()
	env.Inputs = append(env.Inputs, inputDefinition[struct{}]("documented").Doc(metricdoc.Header+"\n| `rx_bytes` and its `_rate` | | | counter | x | |\n"))
	cfg, err := Parse(t.Context(), "c", []byte(`
inputs:
  - documented: {metrics: {include: [rx_byte, "rx*"], exclude: [rx_bytes_rate, ~^tx]}}
  - mem: {metrics: {include: [anything]}}
outputs: [redis]
`), env)
	if err != nil {
		t.Fatal(err)
	}
	want := `c:3:38: inputs[0].documented.metrics.include[0]: "rx_byte" matches no metric of documented (did you mean "rx_bytes"?)
c:3:80: inputs[0].documented.metrics.exclude[1]: "~^tx" matches no metric of documented`
	if diff := cmp.Diff(want, cfg.Warnings.Error()); diff != "" {
		t.Error(diff)
	}
}

// namedMetrics is a Config in which the user names metrics.
type namedMetrics struct {
	Queries []string `yaml:"queries"`
}

func (n *namedMetrics) MetricNames() []string { return n.Queries }

// Metrics that the user named are known, too, including names that only begin with the configured one.
func TestPatternsMatchConfiguredMetrics(t *testing.T) {
	env := testEnv()
	env.Inputs = append(env.Inputs, inputDefinition[namedMetrics]("asker").Doc(metricdoc.Header+"\n| `up` | | | gauge | x | |\n"))
	cfg, err := Parse(t.Context(), "c", []byte(`
inputs:
  - asker: {queries: [orders, "sales_*"], metrics: {include: [up, orders, orders_rate, sales_total, order, sale], exclude: ["ord*"]}}
  - asker: {metrics: {include: [orders]}}
outputs: [redis]
`), env)
	if err != nil {
		t.Fatal(err)
	}
	want := `c:3:101: inputs[0].asker.metrics.include[4]: "order" matches no metric of asker (did you mean "orders"?)
c:3:108: inputs[0].asker.metrics.include[5]: "sale" matches no metric of asker
c:4:33: inputs[1].asker.metrics.include[0]: "orders" matches no metric of asker`
	if diff := cmp.Diff(want, cfg.Warnings.Error()); diff != "" {
		t.Error(diff)
	}
}

// metricListTaker is an input that interprets a list below "metrics" itself.
type metricListTaker struct{ names match.List }

func (l *metricListTaker) TakeMetricList(names match.List) { l.names = names }

// A list below "metrics" is short for include, unless the input interprets it.
func TestMetricListIsShortForInclude(t *testing.T) {
	env := testEnv()
	env.Inputs = append(env.Inputs, inputDefinition[metricListTaker]("lister"))
	cfg, err := Parse(t.Context(), "c", []byte("inputs: [lister: {metrics: [a, b]}, cpu: {metrics: [c]}]\noutputs: [redis]\n"), env)
	if err != nil {
		t.Fatal(err)
	}
	live, err := cfg.Inputs[0].Built.New(plugins.Env{})
	if err != nil {
		t.Fatal(err)
	}
	if got := live.Gatherer.(configHolder[metricListTaker]).config.names; len(got) != 2 || len(cfg.Inputs[0].Built.Options.Metrics.Include) > 0 {
		t.Errorf("%v, %+v", got, cfg.Inputs[0].Built.Options)
	}
	if got := fmt.Sprint(cfg.Inputs[1].Built.Options.Metrics.Include); got != "[c]" {
		t.Errorf("included are %s", got)
	}
}

func TestDuplicatesAreReported(t *testing.T) {
	c, err := Parse(t.Context(), "c", []byte("inputs: [cpu, linux_cpu, mem: {tags: {unit: x}}]\noutputs: [redis, redis]\n"), testEnv())
	if err != nil {
		t.Fatal(err)
	}
	want := "c:1:15: inputs[1].linux_cpu: appears twice with the same settings, first on line 1; the second is ignored\n" +
		"c:1:26: inputs[2].mem.tags.unit: has no effect: rtcollector sets this label itself\n" +
		"c:2:18: outputs[1].redis: appears twice with the same settings, first on line 2; everything is written twice"
	if diff := cmp.Diff(want, c.Warnings.Error()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if len(c.Inputs) != 3 || len(c.Outputs) != 2 {
		t.Errorf("%d inputs, %d outputs", len(c.Inputs), len(c.Outputs))
	}
}

// Inputs of other systems are left out with a warning, so that one file serves several systems.
func TestInputsOfOtherSystemsAreLeftOut(t *testing.T) {
	const text = "inputs: [linux_cpu, {cpu: {exclude: [a]}}, macos_cpu, linux_net, mac_only]\noutputs: [redis]\n"
	for goos, want := range map[string]struct {
		ids      []string
		warnings string
	}{
		"linux": {[]string{"linux_cpu", "linux_cpu#2", "linux_net", "internal"}, `c:1:44: inputs[2].macos_cpu: macos_cpu is not available on linux: use cpu, which works on every system
c:1:66: inputs[4].mac_only: mac_only is not available on linux: it runs on darwin`},
		"darwin": {[]string{"macos_cpu", "cpu", "mac_only", "internal"}, `c:1:10: inputs[0].linux_cpu: linux_cpu is not available on darwin: macos_cpu is used, as the Python agent did; cpu has the same names on every system
c:1:44: inputs[2].macos_cpu: appears twice with the same settings, first on line 1; the second is ignored
c:1:55: inputs[3].linux_net: linux_net is not available on darwin: it runs on linux`},
		"windows": {[]string{"cpu", "internal"}, `c:1:10: inputs[0].linux_cpu: linux_cpu is not available on windows: use cpu, which works on every system
c:1:44: inputs[2].macos_cpu: macos_cpu is not available on windows: use cpu, which works on every system
c:1:55: inputs[3].linux_net: linux_net is not available on windows: it runs on linux
c:1:66: inputs[4].mac_only: mac_only is not available on windows: it runs on darwin`},
	} {
		env := testEnv()
		env.GOOS = goos
		c, err := Parse(t.Context(), "c", []byte(text), env)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, in := range c.Inputs {
			ids = append(ids, in.ID)
		}
		if diff := cmp.Diff(want.ids, ids); diff != "" {
			t.Errorf("%s: %s", goos, diff)
		}
		if diff := cmp.Diff(want.warnings, c.Warnings.Error()); diff != "" {
			t.Errorf("%s: %s", goos, diff)
		}
	}
}

func TestNoInputOfThisSystemIsAnError(t *testing.T) {
	_, err := Parse(t.Context(), "c", []byte("inputs: [macos_cpu, mac_only]\noutputs: [redis]\n"), testEnv())
	if want := `c:1:9: inputs: none of them is available on linux; "rtcollector plugins list" shows those that are`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestInternalInputIsAddedUnlessDisabled(t *testing.T) {
	for text, want := range map[string]int{
		"inputs: [mem]\noutputs: [redis]":                             2,
		"inputs: [mem, internal: {enabled: false}]\noutputs: [redis]": 1,
		"inputs: []\noutputs: [redis]":                                1,
	} {
		c, err := Parse(t.Context(), "c", []byte(text), testEnv())
		if err != nil || len(c.Inputs) != want {
			t.Errorf("%q: %d inputs, want %d, %v", text, len(c.Inputs), want, err)
		}
	}
}

func TestAnchorsAndMerges(t *testing.T) {
	c, err := Parse(t.Context(), "c", []byte(`
inputs: [mem]
outputs:
  - redis: &base {host: a, port: 1}
  - redis: {<<: *base, port: 2, alias: b}
  - redistimeseries: *base
`), testEnv())
	if err != nil {
		t.Fatal(err)
	}
	if r := builtConfig[redisConfig](t, c.Outputs[1]); r.Host != "a" || r.Port != 2 {
		t.Errorf("%+v", r)
	}
	if r := builtConfig[redisConfig](t, c.Outputs[2]); r.Host != "a" || r.Port != 1 {
		t.Errorf("%+v", r)
	}
}

func TestGarbageIsRejectedWithAPosition(t *testing.T) {
	garbage := map[string][]byte{
		"noise":    bytes.Repeat([]byte{0x00, 0xff, 0x1b, '{', '\n', 0x80}, 170_000),
		"brackets": bytes.Repeat([]byte("["), 1<<20),
		"text":     bytes.Repeat([]byte("lorem ipsum: dolor\n"), 50_000),
	}
	for name, data := range garbage {
		t.Run(name, func(t *testing.T) {
			_, err := Parse(t.Context(), "config.yaml", data, testEnv())
			var ps conf.Problems
			if !errors.As(err, &ps) {
				t.Fatalf("%v", err)
			}
			if name == "noise" && !strings.HasSuffix(err.Error(), "is this really a configuration file?") {
				t.Errorf("%v", err)
			}
			if text := err.Error(); !strings.HasPrefix(text, "config.yaml") {
				t.Errorf("no place in %.100q", text)
			}
		})
	}
}

// Editors on Windows write a byte order mark. The YAML library reads UTF-16 as well.
func TestByteOrderMarkIsIgnored(t *testing.T) {
	plain := "interval: 7s\ninputs: [cpu]\noutputs: [redis]\n"
	wide := "\xff\xfe"
	for _, c := range []byte(plain) {
		wide += string([]byte{c, 0})
	}
	for _, text := range []string{plain, "\ufeff" + plain, wide} {
		c, err := Parse(t.Context(), "c.yaml", []byte(text), testEnv())
		if err != nil {
			t.Errorf("%.10q: %v", text, err)
		} else if c.Interval.D() != 7*time.Second || len(c.Inputs) == 0 {
			t.Errorf("%.10q: %+v", text, c)
		}
	}
}

func TestMissingFileIsAnError(t *testing.T) {
	_, err := Load(t.Context(), filepath.Join(t.TempDir(), "nope.yaml"), testEnv())
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

func TestHugeFileIsRejected(t *testing.T) {
	name := filepath.Join(t.TempDir(), "big.yaml")
	if err := os.WriteFile(name, make([]byte, maxFileSize+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(t.Context(), name, testEnv()); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("%v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(pythonConfig))
	f.Add([]byte("inputs: [cpu: {nested: {deep: 3}}]\noutputs: [redis: &a {host: *a}]"))
	f.Add([]byte("a: &a [*a]\ninputs: *a"))
	f.Add([]byte("inputs: [cpu: &a {x: *a}, cpu: &b {x: *b}]\noutputs: [redis]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse(t.Context(), "c", data, testEnv())
		if err == nil && (c == nil || len(c.Outputs) == 0) {
			t.Error("neither an error nor a configuration")
		}
	})
}

// A merged map may contain a merge itself. A merge among the secret stores must not crash the program.
func TestNestedMergesAreApplied(t *testing.T) {
	c, err := Parse(t.Context(), "c", []byte(`secret_stores:
  <<: {one: {type: env}, two: {type: nothing}, three: {type: env}}
inputs:
  - cpu: &base {interval: 3s}
  - cpu: &more {<<: *base, alias: b}
  - cpu: {<<: *more, alias: c}
outputs: [redis]
`), testEnv())
	if err == nil || !strings.Contains(err.Error(), "secret_stores.two") {
		t.Errorf("the store in a merged map is ignored: %v", err)
	}
	if c != nil {
		t.Error("a configuration with errors is returned")
	}
	c, err = Parse(t.Context(), "c", []byte("inputs: [{cpu: &base {interval: 3s}}, {cpu: &more {<<: *base, alias: b}}, {cpu: {<<: *more, alias: c}}]\noutputs: [redis]\n"), testEnv())
	if err != nil {
		t.Fatal(err)
	}
	for _, in := range c.Inputs {
		if in.ID != "internal" && in.Built.Options.Interval.D() != 3*time.Second {
			t.Errorf("%s has the interval %v", in.ID, in.Built.Options.Interval)
		}
	}
}

// These texts look like mistakes that the loader searches for, but are valid.
func TestUnusualSettingsAreAccepted(t *testing.T) {
	for _, text := range []string{
		"inputs: [cpu: {exclude: [a - b, c]}]\noutputs: [redis]\n",
		"inputs:\n  - cpu:\n      exclude:\n        - a - b\n        - c\noutputs: [redis]\n",
		"inputs:\n  - cpu:\n      exclude:\n        - |\n          a\n          - b\n        - \"a\n           - b\"\noutputs: [redis]\n",
		"x-a: &a {totalcpu: true}\nx-b: [secret:x, {y: [secret:y]}]\ninputs: [cpu: *a]\noutputs: [redis: {password: secret:known}]\n",
		"inputs: [cpu: {exclude: [$small, a$B, '$$', $]}]\noutputs: [redis]\n",
	} {
		t.Setenv("SECRET_KNOWN", "x")
		env := testEnv()
		env.CheckSecrets = true
		cfg, err := Parse(t.Context(), "c", []byte(text), env)
		if err != nil || len(cfg.Warnings) > 0 {
			t.Errorf("%s: %v, %v", text, cfg, err)
		}
	}
}

// A variable in the syntax of a shell is only a warning, because a password may contain it. The warning does not show the value.
func TestBareVariableIsWarnedAbout(t *testing.T) {
	const text = "inputs: [cpu: {exclude: [$HOST]}]\noutputs: [redis: {host: 'redis://$HOST:1', password: $WORD}]\n"
	cfg, err := Parse(t.Context(), "c", []byte(text), testEnv())
	if err != nil {
		t.Fatal(err)
	}
	const message = ": contains $ and is used as it is: write an environment variable as ${NAME}"
	want := "c:1:26: inputs[0].cpu.exclude[0]" + message + "\nc:2:25: outputs[0].redis.host" + message + "\nc:2:54: outputs[0].redis.password" + message
	if diff := cmp.Diff(want, cfg.Warnings.Error()); diff != "" {
		t.Error(diff)
	}
}

// Every suggested name exists.
func TestSuggestedNamesExist(t *testing.T) {
	for word, means := range inputSynonyms() {
		if _, err := pluginsall.Catalog().Find("input", means, "linux"); err != nil {
			t.Errorf("%s: %v", word, err)
		}
		if _, err := pluginsall.Catalog().Find("input", word, "linux"); err == nil {
			t.Errorf("%s is an input", word)
		}
	}
	for word, means := range outputSynonyms() {
		if _, err := outputsall.Catalog().Find("output", means, "linux"); err != nil {
			t.Errorf("%s: %v", word, err)
		}
		if _, err := outputsall.Catalog().Find("output", word, "linux"); err == nil {
			t.Errorf("%s is an output", word)
		}
	}
	env := testEnv()
	env.Inputs, env.Outputs = pluginsall.Catalog(), outputsall.Catalog()
	_, err := Parse(t.Context(), "c", []byte("inputs: [memory]\noutputs: [redis]\n"), env)
	const want = "c:1:10: inputs[0].memory: unknown input \"memory\" (did you mean \"mem\"?)\nc:2:11: outputs[0].redis: unknown output \"redis\" (did you mean \"redistimeseries\"?)"
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// A directory or an endless file is an error.
func TestEndlessFilesAndDirectoriesAreRejected(t *testing.T) {
	dir := t.TempDir()
	if _, err := Load(t.Context(), dir, testEnv()); err == nil || !strings.Contains(err.Error(), ": is a directory; name a file, such as ") {
		t.Error(err)
	}
	if _, err := os.Stat("/dev/zero"); err == nil {
		if _, err := Load(t.Context(), "/dev/zero", testEnv()); err == nil || !strings.Contains(err.Error(), "/dev/zero: is larger than 8 MiB") {
			t.Error(err)
		}
	}
}

func TestIncludeIdleCounters(t *testing.T) {
	for text, want := range map[string]bool{
		"counters: moving\ninputs: [cpu]\noutputs: [redis]\n":                true,
		"inputs: [cpu: {counters: moving}]\noutputs: [redis]\n":              true,
		"counters: none\ninputs: [cpu: {counters: all}]\noutputs: [redis]\n": false,
	} {
		c, err := Parse(t.Context(), "c", []byte(text), testEnv())
		if err != nil {
			t.Fatal(err)
		}
		if got := c.IncludeIdleCounters(); got != want || c.IncludeIdleCounters() {
			t.Errorf("%s: changed %v, want %v, and nothing the second time", text, got, want)
		}
	}
}
