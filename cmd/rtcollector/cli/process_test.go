package cli_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/rtcollector/rtcollector/internal/embedded"
)

// patience is the limit of every wait. A test that reaches it has failed.
const patience = 30 * time.Second

// process is rtcollector as a separate process.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	log  *logbook
	out  bytes.Buffer // stdout; read it after the process has ended
	done chan error
}

// logbook keeps lines and wakes goroutines that wait for one.
type logbook struct {
	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{}
}

func (l *logbook) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.WriteString(line + "\n")
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *logbook) read() (string, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String(), l.changed
}

// start runs "rtcollector run --debug" on a configuration.
func start(t *testing.T, yaml string) *process {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the inputs are Linux ones")
	}
	file := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	return startProgram(t, "run", "--debug", "--config", file)
}

// startProgram runs rtcollector with these arguments.
func startProgram(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{t: t, log: &logbook{changed: make(chan struct{})}, done: make(chan error, 1)}
	p.cmd = exec.Command(os.Args[0], args...)
	p.cmd.Env = append(os.Environ(), runAsProgram+"=1")
	p.cmd.Stdout = &p.out
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			p.log.add(lines.Text())
		}
		p.done <- p.cmd.Wait()
	}()
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	return p
}

// waitFor blocks until the log contains the text the given number of times.
func (p *process) waitFor(text string, times int) {
	p.t.Helper()
	deadline := time.After(patience)
	for {
		log, changed := p.log.read()
		if strings.Count(log, text) >= times {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			p.t.Fatalf("%q did not appear %d times in:\n%s", text, times, log)
		}
	}
}

// stop sends a signal and returns how the process ended.
func (p *process) stop(sig syscall.Signal) error {
	p.t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		p.t.Fatal(err)
	}
	select {
	case err := <-p.done:
		return err
	case <-time.After(patience):
		log, _ := p.log.read()
		p.t.Fatalf("still running %v after %v:\n%s", patience, sig, log)
		return nil
	}
}

func serve(t *testing.T, addr string) *embedded.Server {
	t.Helper()
	s, err := embedded.Listen(addr, embedded.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func yamlFor(addr, host string, settings ...string) string {
	_, port, _ := net.SplitHostPort(addr)
	return fmt.Sprintf("hostname: %s\n%s\ninputs: [cpu, mem, net, io, disk, swap, system]\noutputs:\n"+
		"  - redistimeseries: {host: 127.0.0.1, port: %s, retention: 1h}\n", host, strings.Join(settings, "\n"), port)
}

// keys lists the series of a host.
func keys(t *testing.T, addr, host string) []string {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: addr, Protocol: 2, DisableIdentity: true})
	defer c.Close()
	list, err := c.Do(context.Background(), "TS.QUERYINDEX", "host="+host, "__name__!=").StringSlice()
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(list)
	return list
}

// series lists the series of a host with their labels.
func series(t *testing.T, addr, host string) []string {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: addr, Protocol: 2, DisableIdentity: true})
	defer c.Close()
	list, err := c.Do(context.Background(), "TS.MGET", "WITHLABELS", "FILTER", "host="+host).Slice()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, entry := range list {
		all = append(all, fmt.Sprint(entry.([]any)[:2]...))
	}
	slices.Sort(all)
	return all
}

func count(t *testing.T, addr, key string) int {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: addr, Protocol: 2, DisableIdentity: true})
	defer c.Close()
	points, err := c.Do(context.Background(), "TS.RANGE", key, "-", "+").Slice()
	if err != nil {
		t.Fatal(err)
	}
	return len(points)
}

func TestStopSaysWhatWasNotWritten(t *testing.T) {
	p := start(t, yamlFor(freeAddr(t), "h", "interval: 50ms", "max_buffer_size: 500"))
	p.waitFor("buffer is full", 1)
	_ = p.stop(syscall.SIGTERM)
	if code := p.cmd.ProcessState.ExitCode(); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	p.waitFor("not everything was written output=redistimeseries written=0 dropped=", 1)
	p.waitFor("samples were still buffered and are lost", 1)
}

func TestKilledAndStartedAgainMakesNoNewSeriesAndNoOtherLabels(t *testing.T) {
	s := serve(t, "127.0.0.1:0")
	yaml := yamlFor(s.Addr(), "h", "interval: 100ms")
	p := start(t, yaml)
	p.waitFor("written", 5)
	_ = p.stop(syscall.SIGKILL)
	before := withoutOccasional(series(t, s.Addr(), "h"))
	if len(before) < 50 {
		t.Fatalf("only %d series", len(before))
	}
	p = start(t, yaml)
	p.waitFor("written", 5)
	_ = p.stop(syscall.SIGTERM)
	if diff := cmp.Diff(before, withoutOccasional(series(t, s.Addr(), "h"))); diff != "" {
		t.Errorf("series or labels before and after differ:\n%s", diff)
	}
}

func TestTwoHostsShareNoKey(t *testing.T) {
	s := serve(t, "127.0.0.1:0")
	a := start(t, yamlFor(s.Addr(), "a", "interval: 100ms"))
	b := start(t, yamlFor(s.Addr(), "b", "interval: 100ms"))
	a.waitFor("written", 5)
	b.waitFor("written", 5)
	_ = a.stop(syscall.SIGTERM)
	_ = b.stop(syscall.SIGTERM)
	of := keys(t, s.Addr(), "a")
	for _, key := range keys(t, s.Addr(), "b") {
		if slices.Contains(of, key) {
			t.Errorf("both hosts write %s", key)
		}
	}
	if len(of) < 50 {
		t.Errorf("only %d series", len(of))
	}
}

func TestRedisThatComesLater(t *testing.T) {
	addr := freeAddr(t)
	p := start(t, yamlFor(addr, "h", "interval: 100ms"))
	p.waitFor("output failed", 1)
	p.waitFor("gathered input=linux_mem", 5)
	s := serve(t, addr)
	p.waitFor("output works again", 1)
	if err := p.stop(syscall.SIGTERM); err != nil {
		t.Errorf("ended with %v", err)
	}
	log, _ := p.log.read()
	gathers := strings.Count(log, "gathered input=linux_mem")
	if n := count(t, s.Addr(), "h:mem_total"); n != gathers {
		t.Errorf("%d samples of %d gathers", n, gathers)
	}
	if n := strings.Count(log, "output failed"); n != 1 {
		t.Errorf("the outage was printed %d times:\n%s", n, log)
	}
}

// TestOutputsDoNotHinderEachOther runs an output that works and one whose server never answers.
func TestOutputsDoNotHinderEachOther(t *testing.T) {
	s := serve(t, "127.0.0.1:0")
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	_, good, _ := net.SplitHostPort(s.Addr())
	_, bad, _ := net.SplitHostPort(silent.Addr().String())
	p := start(t, "hostname: h\ninterval: 50ms\ninputs: [mem]\noutputs:\n"+
		"  - redistimeseries: {host: 127.0.0.1, port: "+bad+", alias: bad}\n"+
		"  - redistimeseries: {host: 127.0.0.1, port: "+good+", alias: good}\n")
	p.waitFor("written output=redistimeseries#good", 10)
	_ = p.stop(syscall.SIGKILL)
	if n := count(t, s.Addr(), "h:mem_total"); n < 5 {
		t.Errorf("%d samples", n)
	}
}

// TestCheckTriesToWrite uses a server that answers queries and refuses writes.
func TestCheckTriesToWrite(t *testing.T) {
	s := serve(t, "127.0.0.1:0")
	_, port, _ := net.SplitHostPort(s.Addr())
	file := filepath.Join(t.TempDir(), "c.yaml")
	yaml := "hostname: h\ninputs: []\noutputs:\n  - redistimeseries: {host: 127.0.0.1, port: " + port + "}\n"
	if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	check := func() (string, error) {
		cmd := exec.Command(os.Args[0], "check", "--connect", "--config", file)
		cmd.Env = append(os.Environ(), runAsProgram+"=1")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	s.SetError("READONLY You can't write against a read only replica.")
	if out, err := check(); err == nil || !strings.Contains(out, "is a read-only replica: configure the master") {
		t.Errorf("%v\n%s", err, out)
	}
	s.SetError("")
	if out, err := check(); err != nil || !strings.Contains(out, "redistimeseries  ok") {
		t.Errorf("%v\n%s", err, out)
	}
}

// withoutOccasional leaves out series that have samples only when something happened: the durations of disk operations, and statistics of
// inputs that were polled meanwhile.
func withoutOccasional(keys []string) []string {
	return slices.DeleteFunc(keys, func(key string) bool {
		return strings.Contains(key, "_await_") || strings.Contains(key, "_gather_time_ns_")
	})
}

// settledKeys waits until the series in Redis no longer change; rates appear with the second gather.
func (p *process) settledKeys(addr string) []string {
	p.t.Helper()
	for {
		before := keys(p.t, addr, "h")
		log, _ := p.log.read()
		p.waitFor("written", strings.Count(log, "written")+5)
		if after := keys(p.t, addr, "h"); len(after) > 0 && slices.Equal(before, after) {
			return withoutOccasional(after)
		}
	}
}

func TestRedisEmptiedWhileRunning(t *testing.T) {
	s := serve(t, "127.0.0.1:0")
	p := start(t, yamlFor(s.Addr(), "h", "interval: 100ms"))
	before := p.settledKeys(s.Addr())
	s.FlushAll()
	p.settledKeys(s.Addr())
	if err := p.stop(syscall.SIGTERM); err != nil {
		t.Errorf("ended with %v", err)
	}
	if diff := cmp.Diff(before, withoutOccasional(keys(t, s.Addr(), "h"))); diff != "" {
		t.Errorf("series before and after differ:\n%s", diff)
	}
}
