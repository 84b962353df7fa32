package netdataplugins

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/childproc"
	"github.com/rtcollector/rtcollector/internal/metric"
	"github.com/rtcollector/rtcollector/internal/pluginsd"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// write writes a plugin that sh runs.
func write(t *testing.T, dir, name, script string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name+suffix), []byte("#!/bin/sh\n"+script), 0o755); err != nil { //nolint:gosec // it is a program
		t.Fatal(err)
	}
}

// demo prints one round and then waits until its input ends.
const demo = `cat <<EOT
CHART demo.temperature room 'Temperature' Celsius climate demo.temperature line 1 1
DIMENSION 1 kitchen absolute 1 10
DIMENSION 2 'living room' absolute 1 10
CLABEL floor 2 1
CLABEL_COMMIT
VARIABLE GLOBAL limit 30
BEGIN demo.temperature
SET 1 = 215
SET 2 = 198
END
NONSENSE
HOST_DEFINE 1d7ae6a1-ec5f-4e9e-bb3c-2e2f2bb8eb7a router
HOST_DEFINE_END
CHART net.up '' '' kbps net '' area 1 1
DIMENSION wan '' incremental 8 1000
BEGIN net.up
SET wan = 1000
END
EOT
echo "arguments: $*" >&2
read _
`

// running is an input whose plugins run until the test ends.
type running struct {
	*plugintest.Probe
	t       *testing.T
	samples map[string]float64 // the newest of each series
}

func run(t *testing.T, config string) *running {
	t.Helper()
	return runIn(t, config, plugintest.Env("netdata_plugins", ""))
}

func runIn(t *testing.T, config string, env plugins.Env) *running {
	t.Helper()
	p := plugintest.Start(t, Plugin, config, env)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Input.Runner.Run(ctx, nil) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return &running{p, t, map[string]float64{}}
}

// until gathers until a series has a sample.
func (r *running) until(series string) {
	r.t.Helper()
	servicetest.Until(r.t, series+" has a sample", func(context.Context) error {
		b := telemetry.NewBatch(time.Now(), time.Now(), 0)
		if err := r.Input.Gatherer.Gather(r.t.Context(), b); err != nil {
			return err
		}
		for i := range b.Len() {
			s, _, v := b.Sample(i)
			r.samples[s.String()] = v
		}
		if _, ok := r.samples[series]; !ok {
			return fmt.Errorf("there is %q", slices.Sorted(maps.Keys(r.samples)))
		}
		return nil
	})
}

// TestConformance has no case, because nothing tells when a plugin has collected.
func TestConformance(t *testing.T) { plugintest.Run(t, Plugin) }

func TestPlugin(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "demo", demo)
	r := run(t, "directories: ["+dir+"]")
	r.until(`netdata_plugins_bad_lines{environment="test",host="testhost",plugin="demo",source="netdata_plugins"}`)
	want := map[string]float64{
		`demo_temperature{chart="demo.temperature",chart_name="demo.room",context="demo.temperature",dimension="kitchen",environment="test",family="climate",floor="2",host="testhost",plugin="demo",source="netdata_plugins",unit="Celsius"}`:     21.5,
		`demo_temperature{chart="demo.temperature",chart_name="demo.room",context="demo.temperature",dimension="living room",environment="test",family="climate",floor="2",host="testhost",plugin="demo",source="netdata_plugins",unit="Celsius"}`: 19.8,
		`netdata_plugins_variable{chart="demo.temperature",environment="test",host="testhost",source="netdata_plugins",variable="limit"}`:                                                                                                          30,
		`netdata_plugins_bad_lines{environment="test",host="testhost",plugin="demo",source="netdata_plugins"}`:                                                                                                                                     1,
	}
	delete(want, `netdata_plugins_variable{chart="demo.temperature",environment="test",host="testhost",source="netdata_plugins",variable="limit"}`)
	want[`netdata_plugins_variable{environment="test",host="testhost",source="netdata_plugins",variable="limit"}`] = 30
	if diff := cmp.Diff(want, r.samples); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestRawValuesOfAVirtualHost(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "demo", demo)
	r := run(t, "directories: ["+dir+"]\nvalues: both")
	r.until(`net_up_raw{algorithm="incremental",chart="net.up",context="net.up",dimension="wan",divisor="1000",environment="test",family="net",host="router",multiplier="8",plugin="demo",source="netdata_plugins",unit="kbps"}`)
}

// debianPlugins returns the folder of Netdata's plugins. If they are unpacked and not installed, they find the libraries beside them.
func debianPlugins(t *testing.T, debian, plugin string) string {
	t.Helper()
	dir := filepath.Dir(servicetest.RequireFile(t, debian, "netdata", "usr/lib/netdata/plugins.d/"+plugin+suffix))
	libraries, _ := filepath.Glob(filepath.Join(dir, "../../*-linux-gnu"))
	if !strings.HasPrefix(dir, "/usr/lib/") && len(libraries) > 0 {
		t.Setenv("LD_LIBRARY_PATH", libraries[0])
	}
	return dir
}

// TestPluginsOfDebian runs plugins of Debian's package netdata unmodified.
func TestPluginsOfDebian(t *testing.T) {
	dir := debianPlugins(t, "netdata-core", "apps")
	stock := filepath.Join(dir, "../conf.d")
	for plugin, metric := range map[string]string{"apps": "apps_cpu{", "slabinfo": "mem_slabmemory{", "nfacct": "netfilter_netlink_new{"} {
		t.Run(plugin, func(t *testing.T) {
			if plugin == "nfacct" && os.Getuid() != 0 {
				t.Skip("only root may ask netfilter")
			}
			r := run(t, fmt.Sprintf("directories: [%s]\nplugins: [%s]\nupdate_every: 1s\nstock_dir: %s", dir, plugin, stock))
			servicetest.Until(t, "there is "+metric, func(context.Context) error {
				b := telemetry.NewBatch(time.Now(), time.Now(), 0)
				if err := r.Input.Gatherer.Gather(t.Context(), b); err != nil {
					return err
				}
				for i := range b.Len() {
					s, _, _ := b.Sample(i)
					r.samples[s.String()]++
				}
				for series := range r.samples {
					if strings.HasPrefix(series, metric) {
						return nil
					}
				}
				return fmt.Errorf("there are %d series", len(r.samples))
			})
			for series := range r.samples {
				if strings.HasPrefix(series, "netdata_plugins_bad_lines") {
					t.Errorf("%s", series)
				}
			}
			t.Logf("%d series", len(r.samples))
		})
	}
}

// TestChartsDDisables: none of the modules of Debian's charts.d.plugin finds what it measures in this environment, so that it asks not to be started again.
func TestChartsDDisables(t *testing.T) {
	dir := debianPlugins(t, "netdata-plugins-bash", "charts.d")
	env := plugintest.Env("netdata_plugins", "")
	log := &logged{}
	env.Log = slog.New(slog.NewTextHandler(log, nil))
	runIn(t, fmt.Sprintf("directories: [%s]\nplugins: [charts.d]\nupdate_every: 1s\nstock_dir: %s", dir, filepath.Join(dir, "../conf.d")), env)
	servicetest.Until(t, "the plugin is given up", func(context.Context) error {
		if text := log.String(); !strings.Contains(text, "plugin=charts.d") || !strings.Contains(text, "(DISABLE)") {
			return fmt.Errorf("the log is %s", text)
		}
		return nil
	})
}

// logged is a log that is read while it is written.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// TestHostileNames: whatever a plugin calls its hosts, charts and labels, series have names and labels without control characters; outputs replace what they do not take.
func TestHostileNames(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "hostile", `head -c 100000 /dev/urandom
echo
awk 'BEGIN { for (i = 0; i < 1000000; i++) printf "x"; print "" }'
awk 'BEGIN { for (i = 0; i < 10000; i++) printf "x "; print "" }'
printf 'HOST_DEFINE 1d7ae6a1-ec5f-4e9e-bb3c-2e2f2bb8eb7a "a,(b)\033[31m/../c"\nHOST_DEFINE_END\n'
printf 'CHART "x.(y),\033z" "" "" "(u)," "f,)" "con text.(x)"\nDIMENSION "d,(\033" "" absolute\nCLABEL "__name__" "v,()" 1\nCLABEL_COMMIT\n'
printf 'BEGIN "x.(y),\033z"\nSET "d,(\033" = 9223372036854775807\nEND\n'
echo last >&2
read _
`)
	r := run(t, "directories: ["+dir+"]\nvalues: raw")
	found := false
	servicetest.Until(t, "the chart is there", func(context.Context) error {
		b := telemetry.NewBatch(time.Now(), time.Now(), 0)
		err := r.Input.Gatherer.Gather(t.Context(), b)
		for i := range b.Len() {
			s, _, v := b.Sample(i)
			if s.Name() == "netdata_plugins_bad_lines" || s.Name() == "netdata_plugins_bad_lines_rate" {
				continue
			}
			found = v == 1<<63
			if !metric.IsName(s.Name()) {
				t.Errorf("the metric %q", s.Name())
			}
			for _, l := range s.Labels() {
				if strings.ContainsAny(l.Key+l.Value, "\x1b\n") || strings.ContainsAny(l.Key, "(), ") || l.Value == "" || len(l.Value) > maxValue {
					t.Errorf("the label %q=%q", l.Key, l.Value)
				}
			}
		}
		if err == nil && !found {
			err = errors.New("there is none")
		}
		return err
	})
}

// TestSeriesEnd: neither variables nor obsolete dimensions and charts hold room for series after their end.
func TestSeriesEnd(t *testing.T) {
	c := newCollected(telemetry.NewFactory("h", "netdata_plugins", nil), defaults())
	run := c.newRun()
	p := pluginsd.NewParser("x", 1, run)
	feed := func(lines ...string) {
		t.Helper()
		for _, line := range lines {
			if err := p.Line([]byte(line), time.Now()); err != nil {
				t.Fatal(err)
			}
		}
	}
	alive := func(want int) {
		t.Helper()
		if len(c.series) != want {
			t.Errorf("%d series are alive, want %d: %q", len(c.series), want, slices.Sorted(maps.Keys(c.series)))
		}
	}
	feed("CHART a.b", "DIMENSION x", "DIMENSION y", "VARIABLE CHART v = 1", "VARIABLE CHART v = 2", "VARIABLE GLOBAL w = 3", "BEGIN a.b", "SET x = 1", "SET y = 1", "END")
	alive(4)
	feed("CHART a.b", "DIMENSION y '' absolute 1 1 obsolete", "BEGIN a.b", "SET x = 1", "END")
	alive(3)
	feed("CHART a.b '' t u f c line 1 1 obsolete")
	alive(1)
	run.end()
	alive(0)
	out := telemetry.NewBatch(time.Now(), time.Now(), 0)
	if err := c.deliver(out); err != nil || len(out.Ended()) != 4 {
		t.Errorf("%d series ended, %v", len(out.Ended()), err)
	}
}

// TestNext has the rules of when a plugin starts again.
func TestNext(t *testing.T) {
	every := 2 * time.Second
	for name, c := range map[string]struct {
		before  int // rounds of earlier runs
		outcome outcome
		wait    time.Duration
		over    bool
	}{
		"a run with data":                     {0, outcome{collections: 1}, every, false},
		"a run without data":                  {0, outcome{}, 10 * every, false},
		"DISABLE":                             {5, outcome{isDisabled: true, collections: 1}, 0, true},
		"status 1 before data":                {0, outcome{status: 1}, 0, true},
		"status 1 after data":                 {5, outcome{status: 1}, 10 * every, false},
		"status 3 before data":                {0, outcome{status: 3}, 0, true},
		"status 3 with data in this run":      {0, outcome{status: 3, collections: 4}, 10 * every, false},
		"SIGTERM":                             {5, outcome{status: statusTerminated, collections: 1}, 0, true},
		"silence":                             {0, outcome{status: childproc.StatusTimeout, wasSilent: true}, 10 * every, false},
		"a bad line, and on_bad_line is stop": {5, outcome{hadBadLine: true, collections: 1}, 0, true},
	} {
		s := &supervised{in: &input{updateEvery: 2}, collected: c.before}
		wait, reason := s.next(c.outcome)
		if wait != c.wait || (reason != "") != c.over {
			t.Errorf("%s: %v, %q", name, wait, reason)
		}
	}
	s := &supervised{in: &input{updateEvery: 1}}
	for n := 1; ; n++ {
		if _, reason := s.next(outcome{}); reason != "" {
			if n != maxFruitless+1 {
				t.Errorf("given up after %d runs without data", n)
			}
			break
		}
	}
}

func TestFind(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	write(t, first, "a", "")
	write(t, second, "a", "")
	write(t, second, "b", "")
	write(t, second, "c", "")
	write(t, second, "writable", "")
	for name, mode := range map[string]os.FileMode{"c": 0o644, "writable": 0o777} {
		if err := os.Chmod(filepath.Join(second, name+suffix), mode); err != nil { //nolint:gosec // the point of the test
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(second, "readme"), nil, 0o755); err != nil { //nolint:gosec // the point of the test
		t.Fatal(err)
	}
	in := &input{config: Config{Directories: []string{first, second, "/nonexistent"}}}
	found, err := in.find()
	want := map[string]string{"a": filepath.Join(first, "a.plugin"), "b": filepath.Join(second, "b.plugin")}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Error(diff)
	}
	if err == nil || !strings.Contains(err.Error(), "writable.plugin is not run, because everybody can write it") {
		t.Errorf("error %v", err)
	}
	in.config.Directories = []string{"/nonexistent"}
	if err := in.Try(t.Context()); err == nil || !strings.Contains(err.Error(), "none of the directories exists") {
		t.Errorf("error %v", err)
	}
	in.config.Directories = []string{t.TempDir()}
	if err := in.Try(t.Context()); err == nil || !strings.Contains(err.Error(), "install Netdata's plugins") {
		t.Errorf("error %v", err)
	}
}

// TestBadPlugins runs plugins that print for ever without a line end, die at once, ignore SIGTERM and never print. None of them takes memory or
// keeps the agent from ending.
func TestBadPlugins(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "endless", "exec yes x | tr -d '\\n'")
	write(t, dir, "dies", "exit 3")
	write(t, dir, "stubborn", "trap '' TERM\n"+demo+"\nwhile :; do sleep 100; done")
	write(t, dir, "silent", "read _")
	write(t, dir, "leaves", "(sleep 100) &\nexit 0")
	r := run(t, "directories: ["+dir+"]\nupdate_every: 1s")
	r.until(`demo_temperature{chart="demo.temperature",chart_name="demo.room",context="demo.temperature",dimension="kitchen",environment="test",family="climate",floor="2",host="testhost",plugin="stubborn",source="netdata_plugins",unit="Celsius"}`)
}

func TestMaxSeries(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "demo", demo)
	p := plugintest.Start(t, Plugin, "directories: ["+dir+"]\nmax_series: 1", plugintest.Env("netdata_plugins", ""))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Input.Runner.Run(ctx, nil) }()
	servicetest.Until(t, "the limit is reported", func(context.Context) error {
		err := p.Input.Gatherer.Gather(t.Context(), telemetry.NewBatch(time.Now(), time.Now(), 0))
		if err == nil || !strings.Contains(err.Error(), "more than max_series (1)") {
			return fmt.Errorf("the error is %w", err)
		}
		return nil
	})
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
