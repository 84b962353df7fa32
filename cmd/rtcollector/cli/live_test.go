//go:build !core

package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rtcollector/rtcollector/agent"
	"github.com/rtcollector/rtcollector/agent/config"
	"github.com/rtcollector/rtcollector/internal/embedded"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/selfstat"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	outputsall "github.com/rtcollector/rtcollector/outputs/all"
	pluginsall "github.com/rtcollector/rtcollector/plugins/all"
	"github.com/rtcollector/rtcollector/secrets"
	secretsall "github.com/rtcollector/rtcollector/secrets/all"
)

// startLive runs an agent in this process until the test ends. Its configuration is that of write.
func startLive(t testing.TB, write func(port string) string) (l *liveAgent, log *servicetest.Log) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the inputs are Linux ones")
	}
	s, err := embedded.Listen("127.0.0.1:0", embedded.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	file := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(file, []byte(write(servicetest.PortOf(s.Addr()))), 0o600); err != nil {
		t.Fatal(err)
	}
	log = &servicetest.Log{}
	a := &App{
		Inputs: pluginsall.Catalog(), Outputs: outputsall.Catalog(), Stores: secretsall.Catalog(), GOOS: "linux", Stdout: log, Stderr: log,
		Getenv: os.LookupEnv, redactor: &secret.Redactor{},
	}
	a.openStreams()
	cfg, _, err := a.load(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	if l, err = a.newLiveAgent(ctx, commonFlags{}, cfg, file); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() { ended <- l.agent.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		l.end()
	})
	return l, log
}

// reloadWith replaces the file and reloads.
func (l *liveAgent) reloadWith(t testing.TB, yaml string) {
	t.Helper()
	if err := os.WriteFile(l.path, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	l.applyLoaded(<-l.startLoad(l.ctx))
}

// liveConfig returns a configuration that gathers next to nothing, because the embedded Redis keeps its samples in this process.
func liveConfig(port string, n int) string {
	return fmt.Sprintf("hostname: h\ninterval: 1h\nmax_memory: %dMB\ninputs: [cpu, mem, net, io: {timeout: %dms}, disk, swap, system]\n"+
		"outputs: [redistimeseries: {host: 127.0.0.1, port: %s, timeout: %dms}]\nweb: {listen: 127.0.0.1:0, max_connections: %d}\nhealth: {listen: 127.0.0.1:0}\n",
		500+n%2, 100-n%2, port, 3000+n%2, 10+n%2)
}

// TestReloadsLeaveNothing: goroutines, descriptors and memory stay what they are.
func TestReloadsLeaveNothing(t *testing.T) {
	var port string
	l, log := startLive(t, func(p string) string { port = p; return liveConfig(p, 0) })
	n := 0
	servicetest.CheckFewLeaks(t, 50, 10, func(int) {
		n++
		l.reloadWith(t, liveConfig(port, n))
	})
	if got := strings.Count(log.String(), "the new configuration runs changed=\"linux_io, output redistimeseries\" settings=\"max_memory, web\" continue=7"); got != n {
		t.Errorf("%d of %d reloads: %s", got, n, log)
	}
}

// BenchmarkReload measures a reload that changes one input of eight.
func BenchmarkReload(b *testing.B) {
	config := func(port string, n int) string {
		return fmt.Sprintf("hostname: h\ninterval: 1s\ninputs: [cpu, mem, net, io: {timeout: %dms}, disk, swap, system]\noutputs: [redistimeseries: {host: 127.0.0.1, port: %s}]\n", 1000-n%2, port)
	}
	var port string
	l, log := startLive(b, func(p string) string { port = p; return config(p, 0) })
	n := 0
	for b.Loop() {
		n++
		l.reloadWith(b, config(port, n))
	}
	if got := strings.Count(log.String(), "the new configuration runs changed=linux_io continue=8"); got != n {
		b.Errorf("%d of %d reloads: %s", got, n, log)
	}
}

// awayStore is a store whose server can be away.
type awayStore struct{ isAway *atomic.Bool }

func (s awayStore) Secret(context.Context, string) (string, error) {
	if s.isAway.Load() {
		return "", secret.Unavailable(errors.New("the server is away"))
	}
	return "json", nil
}

// TestReloadWithoutTheStore: the old configuration continues while the store is away. A later reload does not wait.
func TestReloadWithoutTheStore(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.yaml")
	write := func(yaml string) {
		if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const needsStore, needsNone = "secret_store: {type: away}\ninputs: []\noutputs: [stdout: {format: 'secret:format'}]\n", "secret_store: {type: away}\ninputs: []\noutputs: [stdout]\n"
	synctest.Test(t, func(t *testing.T) {
		var isAway atomic.Bool
		isAway.Store(true)
		log := &servicetest.Log{}
		a := &App{
			Inputs: pluginsall.Catalog(), Outputs: outputsall.Catalog(), GOOS: "linux", Stdout: log, Stderr: log, redactor: &secret.Redactor{},
			Stores: secrets.Catalog{secrets.Define("away", "", func() (c struct{}) { return c },
				func(secrets.StoreEnv, struct{}) (awayStore, error) { return awayStore{&isAway}, nil })},
			Getenv: func(string) (string, bool) { return "", false }, Reloads: NewReloads(),
		}
		a.openStreams()
		write(needsNone)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- a.runAgent(ctx, commonFlags{config: file}, false) }()
		synctest.Wait()
		reload := func(yaml string) {
			write(yaml)
			if !a.Reloads.Request("test") {
				t.Fatal("it does not reload")
			}
			synctest.Wait()
		}
		expect := func(what string, times int) {
			t.Helper()
			if n := log.Count(what); n != times {
				t.Errorf("%q is there %d times, want %d:\n%s", what, n, times, log)
			}
		}
		reload(needsStore)
		time.Sleep(time.Minute)
		expect("waiting for the secret store; until then the old configuration continues", 1)
		expect("the new configuration runs", 0)
		reload(needsNone)
		expect("the configuration is unchanged", 1)
		reload(needsStore)
		isAway.Store(false)
		time.Sleep(lastPause)
		expect("the new configuration runs changed=\"output stdout\" continue=1", 1)
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestSwitchedLog(t *testing.T) {
	var text, json bytes.Buffer
	s := newSwitchedLog(newConsole(&text, slog.LevelInfo))
	log := slog.New(s).With("input", "a b").With("n", 1)
	log.Info("first")
	log.Debug("quiet")
	s.use(slog.NewJSONHandler(&json, &slog.HandlerOptions{Level: slog.LevelDebug}))
	log.Debug("second")
	if got := text.String(); !strings.HasSuffix(got, ` INFO  first input="a b" n=1`+"\n") {
		t.Errorf("text: %q", got)
	}
	if got := json.String(); !strings.Contains(got, `"msg":"second","input":"a b","n":1`) || strings.Contains(got, "quiet") {
		t.Errorf("json: %q", got)
	}
}

// TestPressure: queues are shortened once per collection while memory is short, and restored when it is not.
func TestPressure(t *testing.T) {
	var p pressure
	for i, step := range []struct {
		alive       int64
		collections uint64
		want        decision
	}{
		{10, 1, leave}, {80, 1, shrink}, {80, 1, leave}, {80, 2, shrink}, {60, 3, leave}, {40, 3, restore}, {40, 4, leave}, {90, 4, shrink}, {40, 4, leave}, {40, 5, restore},
	} {
		if got := p.judge(step.alive, 100, step.collections); got != step.want {
			t.Errorf("step %d: %v, want %v", i, got, step.want)
		}
	}
}

func TestControlGroupLimit(t *testing.T) {
	for name, tc := range map[string]struct {
		cgroup string
		files  map[string]string
		want   int64
	}{
		"none":            {"0::/system.slice/x.service\n", map[string]string{"sys/fs/cgroup/system.slice/x.service/memory.max": "max\n"}, 0},
		"own":             {"0::/system.slice/x.service\n", map[string]string{"sys/fs/cgroup/system.slice/x.service/memory.max": "268435456\n", "sys/fs/cgroup/system.slice/memory.max": "max\n"}, 256 << 20},
		"of the slice":    {"0::/system.slice/x.service\n", map[string]string{"sys/fs/cgroup/system.slice/x.service/memory.max": "268435456\n", "sys/fs/cgroup/system.slice/memory.max": "134217728\n"}, 128 << 20},
		"container":       {"0::/\n", map[string]string{"sys/fs/cgroup/memory.max": "67108864\n"}, 64 << 20},
		"version 1":       {"5:cpu,memory:/docker/1\n0::/docker/1\n", map[string]string{"sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes": "67108864\n"}, 64 << 20},
		"version 1, none": {"5:memory:/\n", map[string]string{"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, 0},
		"garbage":         {"x\n1:2\n0::/../..\n", map[string]string{"sys/fs/cgroup/memory.max": "many\n"}, 0},
		"no groups":       {"", map[string]string{}, 0},
	} {
		root := t.TempDir()
		tc.files["proc/self/cgroup"] = tc.cgroup
		for path, text := range tc.files {
			path = filepath.Join(root, path)
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		g := memoryGuard{root: root}
		if got := g.controlGroupLimit(); got != tc.want {
			t.Errorf("%s: %d, want %d", name, got, tc.want)
		}
	}
}

// TestMemoryLimit: the limit of the collector follows max_memory, and GOMEMLIMIT of the environment wins.
func TestMemoryLimit(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	t.Cleanup(func() { debug.SetMemoryLimit(before) })
	ag, err := agent.New(agent.Config{Self: &selfstat.Registry{}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	var log servicetest.Log
	g := newMemoryGuard(ag, slog.New(slog.NewTextHandler(&log, nil)))
	g.root = t.TempDir()
	defer g.stop()
	unset := func(string) (string, bool) { return "", false }
	set := func(string) (string, bool) { return "1GiB", true }
	for _, step := range []struct {
		mb     int
		getenv func(string) (string, bool)
		want   int64
	}{{100, unset, 90_000_000}, {200, unset, 180_000_000}, {300, set, 180_000_000}, {0, unset, math.MaxInt64}} {
		cfg := &config.Config{}
		if step.mb > 0 {
			if err := cfg.MaxMemory.UnmarshalScalar(fmt.Sprint(step.mb, "MB")); err != nil {
				t.Fatal(err)
			}
		}
		g.limit(cfg, step.getenv)
		if got := debug.SetMemoryLimit(-1); got != step.want {
			t.Errorf("%d MB: the limit is %d, want %d", step.mb, got, step.want)
		}
	}
	if log.Count("GOMEMLIMIT of the environment replaces max_memory") != 1 {
		t.Error(&log)
	}
}
