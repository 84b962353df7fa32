package plugintest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/metricdoc"
	"github.com/rtcollector/rtcollector/internal/sysinfo"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

type config struct {
	Colour string `yaml:"colour"`
}

const readme = "# fake\n\n```yaml\n- fake:\n    colour: red\n```\n\n`colour` is a key.\n\n" + metricdoc.Header + "\n|---|---|---|---|---|---|\n" +
	"| `fake_total` and its `_rate` | `colour`, (`shade`) | | counter | x | |\n"

type fakeInput struct{ total *telemetry.Total }

func (f *fakeInput) Gather(_ context.Context, out *telemetry.Batch) error {
	f.total.Add(out, float64(out.At.Unix()))
	return nil
}

func newFakeInput() plugins.Definition {
	return plugins.Poll("fake", "a fake", func() config { return config{} }, func(e plugins.Env, _ config) (*fakeInput, error) {
		return &fakeInput{e.Factory.Counter("fake_total", telemetry.None, telemetry.Label{Key: "colour", Value: "red"})}, nil
	})
}

func TestRunAcceptsAGoodInput(t *testing.T) {
	Run(t, newFakeInput().Doc(readme), Case{Name: "live"}, Case{Name: "configured", Config: "colour: blue"})
}

// hostReader reads the load of a host.
type hostReader struct {
	host *sysinfo.Host
	load *telemetry.Series
	seen map[float64]bool
}

func (r *hostReader) Gather(ctx context.Context, out *telemetry.Batch) error {
	l, err := r.host.Load(ctx)
	out.Add(r.load, l.One)
	r.seen[l.One] = true
	return err
}

// A case with a recorded host runs on every system, and sees the second recording in turn.
func TestRunPlaysARecordedHost(t *testing.T) {
	seen := map[float64]bool{}
	def := plugins.Poll("fake", "a fake", func() config { return config{} }, func(e plugins.Env, _ config) (*hostReader, error) {
		return &hostReader{e.Host, e.Factory.Gauge("fake_load", telemetry.None), seen}, nil
	})
	readme := strings.Replace(readme, "`fake_total` and its `_rate` | `colour`, (`shade`) | | counter", "`fake_load` | | | gauge", 1)
	Run(t, def.On("plan9").Doc(readme), Case{Name: "host", Host: "macos-15", Then: "freebsd-14"})
	if !seen[2.31] || !seen[0.31] {
		t.Errorf("the input saw %v", seen)
	}
}

type fakeRunner struct{}

func (fakeRunner) Run(ctx context.Context, _ plugins.Emitter) error {
	<-ctx.Done()
	return nil
}

func TestRunAcceptsAPushedInput(t *testing.T) {
	def := plugins.Serve("fake", "a fake", func() config { return config{} }, func(plugins.Env, config) (fakeRunner, error) { return fakeRunner{}, nil })
	Run(t, def.Doc(readme), Case{Name: "stops"})
}

// recorder is a reporter that records its failures.
type recorder struct{ messages []string }

func (r *recorder) Errorf(format string, args ...any) {
	r.messages = append(r.messages, fmt.Sprintf(format, args...))
}

func (r *recorder) expect(t *testing.T, want string) {
	t.Helper()
	if all := strings.Join(r.messages, "\n"); want == "" && all != "" || !strings.Contains(all, want) {
		t.Errorf("reported %q, want %q", all, want)
	}
}

func TestBadConfigsAreFound(t *testing.T) {
	for readme, want := range map[string]string{
		readme: "",
		strings.ReplaceAll(readme, "colour", "shade"):          "does not mention the key `colour`",
		strings.Replace(readme, "    colour", "    shade", 1):  `unknown key "shade"`,
		strings.Replace(readme, "- fake", "- other", 1):        "does not name fake",
		strings.Replace(readme, "- fake:\n    ", "", 1):        "must be a list item",
		strings.Replace(readme, "```yaml", "```", 1):           "must be a list item",
		strings.Replace(readme, "colour: red", "colour: [", 1): "yaml block",
	} {
		var r recorder
		checkConfig(&r, newFakeInput().Doc(readme))
		r.expect(t, want)
	}
}

type configWithBadDefaults struct {
	Colour string `yaml:"colour"`
}

func (configWithBadDefaults) Validate() error { return conf.Key("colour", "must be red") }

func TestRefusedDefaultsAreFound(t *testing.T) {
	def := plugins.Poll("fake", "a fake", func() configWithBadDefaults { return configWithBadDefaults{} }, func(plugins.Env, configWithBadDefaults) (*fakeInput, error) { return nil, nil })
	var r recorder
	checkConfig(&r, def.Doc(readme))
	r.expect(t, "the defaults are rejected")
}

func TestBadBatchesAreFound(t *testing.T) {
	f := Env("fake", "").Factory
	rate, other := f.Gauge("x_rate", telemetry.None), f.Gauge("x", telemetry.None, telemetry.Label{Key: "a", Value: "rate"})
	free, total := f.Gauge("x_free", telemetry.Bytes), f.Gauge("x_total", telemetry.Bytes)
	otherTotal := f.Gauge("x_total", telemetry.Bytes, telemetry.Label{Key: "a", Value: "b"})
	hot, cpu, foreign := f.Gauge("hot", telemetry.Celsius), f.Gauge("cpu", telemetry.Percent), f.Unbounded().Gauge("foreign", telemetry.Percent)
	cores := f.Gauge("cores", telemetry.Percent).Within(0, 1e6)
	at := func(b *telemetry.Batch, s *telemetry.Series, v float64) { b.AddAt(s, v, b.Time) } // rejects nothing
	for want, add := range map[string]func(b *telemetry.Batch){
		"": func(b *telemetry.Batch) {
			at(b, rate, 0)
			at(b, foreign, -1e30)
			at(b, cores, 800)
			at(b, free, 5)
			at(b, otherTotal, 4)
		},
		"is NaN: not a number":          func(b *telemetry.Batch) { at(b, rate, math.NaN()) },
		"is +Inf: not a number":         func(b *telemetry.Batch) { at(b, rate, math.Inf(1)) },
		"is -1: a negative rate":        func(b *telemetry.Batch) { at(b, rate, -1) },
		"is -5: too small":              func(b *telemetry.Batch) { at(b, free, -5) },
		"is 3.892313987e+06: too large": func(b *telemetry.Batch) { at(b, hot, 3892313.987) },
		"is 100.1: too large":           func(b *telemetry.Batch) { at(b, cpu, 100.1) },
		"outside the declared":          func(b *telemetry.Batch) { at(b, cores, 1e9) },
		"is 1.8446744073709552":         func(b *telemetry.Batch) { at(b, other, math.MaxUint64) },
		"more than the total":           func(b *telemetry.Batch) { at(b, free, 5); at(b, total, 4) },
		"appears twice":                 func(b *telemetry.Batch) { at(b, rate, 1); at(b, rate, 1) },
		"share the key x_rate":          func(b *telemetry.Batch) { b.Add(rate, 1); b.Add(other, 1) },
	} {
		b := newBatch(0)
		add(b)
		var r recorder
		Case{}.checkBatch(&r, b)
		r.expect(t, want)
	}
}

func TestNewHandlesAreFound(t *testing.T) {
	f := Env("fake", "").Factory
	seen := map[string]*telemetry.Series{}
	for round, want := range []string{"", "has a new handle"} {
		b := newBatch(float64(round))
		b.Add(f.Gauge("x", telemetry.None), 1)
		var r recorder
		checkReused(&r, b, seen)
		r.expect(t, want)
	}
}

func TestWrongErrorsAreFound(t *testing.T) {
	for _, tt := range []struct {
		wanted string
		err    error
		want   string
	}{
		{"", nil, ""},
		{"", errors.New("boom"), "boom"},
		{"boom", nil, "want an error"},
		{"boom", errors.New("other"), "want an error"},
		{"boom", errors.New("a boom"), ""},
	} {
		var r recorder
		Case{Error: tt.wanted}.checkGatherError(&r, tt.err)
		r.expect(t, tt.want)
	}
}

// The metrics of an exporter are not known in advance.
func TestTableMayAllowAnyMetric(t *testing.T) {
	f := Env("fake", "").Factory
	instance := telemetry.Label{Key: "instance", Value: "x"}
	row := "%s\n|---|---|---|---|---|---|\n| `*` | `instance`, (`any`) | any | any | the page | |\n"
	for want, series := range map[string]*telemetry.Series{
		"":                      f.New("up", telemetry.Counter, telemetry.Bytes, instance, telemetry.Label{Key: "le", Value: "1"}),
		"has no label instance": f.Gauge("up", telemetry.None),
	} {
		var r recorder
		checkMetrics(&r, fmt.Sprintf(row, metricdoc.Header), []*telemetry.Series{series})
		r.expect(t, want)
	}
}

func TestWrongTablesAreFound(t *testing.T) {
	f := Env("fake", "").Factory
	colour := telemetry.Label{Key: "colour", Value: "red"}
	total := f.New("fake_total", telemetry.Counter, telemetry.None, colour)
	for want, all := range map[string][]*telemetry.Series{
		"":                                  {total, f.Gauge("fake_total_rate", "per_second", colour, telemetry.Label{Key: "shade", Value: "x"})},
		"(other) is in no table":            {total, f.Gauge("other", telemetry.None)},
		"no case gathers it":                {},
		`is a gauge in "", the README says`: {f.Gauge("fake_total", telemetry.None, colour)},
		`is a counter in "bytes", the README says`: {f.New("fake_total", telemetry.Counter, telemetry.Bytes, colour)},
		"has no label colour":                      {f.New("fake_total", telemetry.Counter, telemetry.None)},
		"has the label size, which":                {f.New("fake_total", telemetry.Counter, telemetry.None, colour, telemetry.Label{Key: "size", Value: "x"})},
	} {
		var r recorder
		checkMetrics(&r, readme, all)
		r.expect(t, want)
	}
}
