package connections

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/rtcollector/rtcollector/internal/bpf"
	"github.com/rtcollector/rtcollector/internal/connlog"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// observation is an input that runs, and the events that it has emitted.
type observation struct {
	t     testing.TB
	probe *plugintest.Probe
	round float64
	stop  func()

	mu     sync.Mutex
	events []connlog.Event
}

// Emit implements plugins.Emitter.
func (o *observation) Emit(_ context.Context, b *telemetry.Batch) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range b.Events {
		o.events = append(o.events, decodeEvent(o.t, &b.Events[i]))
	}
}

// needEBPF skips a test where the programs cannot be loaded.
func needEBPF(t testing.TB) {
	t.Helper()
	o, err := bpf.Observe(bpf.Config{})
	if err != nil {
		t.Skip(err)
	}
	_ = o.Close()
}

// observe starts the input on this machine.
func observe(t testing.TB, config string) *observation {
	t.Helper()
	if strings.Contains(config, "source: ebpf") {
		needEBPF(t)
	}
	o := &observation{t: t, probe: plugintest.Start(t, Plugin, config, plugintest.Env("connections", ""))}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- o.probe.Input.Runner.Run(ctx, o) }()
	o.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(o.stop)
	return o
}

// poll gathers once.
func (o *observation) poll() *telemetry.Batch {
	o.t.Helper()
	o.round++
	b, err := o.probe.Batch(o.round)
	if err != nil {
		o.t.Error(err)
	}
	return b
}

// of returns the events that fulfil a condition.
func (o *observation) of(wanted func(*connlog.Event) bool) []connlog.Event {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(o.events), func(e connlog.Event) bool { return !wanted(&e) })
}

// from selects the events of a connection by its local port.
func from(port int) func(*connlog.Event) bool {
	return func(e *connlog.Event) bool { return int(e.Local.Port()) == port && e.Direction == connlog.Out }
}

// await waits until n events fulfil a condition, and returns them.
func (o *observation) await(n int, wanted func(*connlog.Event) bool) []connlog.Event {
	o.t.Helper()
	var got []connlog.Event
	servicetest.Until(o.t, fmt.Sprintf("%d events", n), func(context.Context) error {
		if got = o.of(wanted); len(got) < n {
			return fmt.Errorf("there are %d: %+v", len(got), got)
		}
		return nil
	})
	return got
}

// awaitPolled gathers until n events fulfil a condition, and returns them.
func (o *observation) awaitPolled(n int, wanted func(*connlog.Event) bool) []connlog.Event {
	o.t.Helper()
	servicetest.Until(o.t, fmt.Sprintf("%d events", n), func(context.Context) error {
		o.poll()
		if got := len(o.of(wanted)); got < n {
			return fmt.Errorf("there are %d", got)
		}
		return nil
	})
	return o.of(wanted)
}

// situation is a line of attribution.py: what really happened.
type situation struct {
	Case    string
	Port    int
	PID     int    `json:"want_pid"`
	Events  int    `json:"want_pid_events"`
	Polling int    `json:"want_pid_polling"`
	Comm    string `json:"want_comm"`
	TID     int
	Parent  int   `json:"want_ppid"`
	Tx      int64 `json:"want_tx_bytes"`
	Heir    int
}

// runSituations runs attribution.py and calls visit with each situation while it lasts.
func runSituations(t *testing.T, visit func(situation)) {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3")
	}
	cmd := exec.Command(python, "testdata/who-owns-the-socket/attribution.py", servicetest.FreePort(t))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil || cmd.Start() != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	n := 0
	for lines.Scan() {
		var s situation
		if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
			t.Fatal(err)
		}
		visit(s)
		n++
	}
	if err := cmd.Wait(); err != nil || n != 4 {
		t.Fatalf("%d situations, %v", n, err)
	}
}

func TestOwnersByEvents(t *testing.T) {
	t.Parallel()
	o := observe(t, "{source: ebpf, patterns: [attribution.py], domains: 'off'}")
	runSituations(t, func(s situation) {
		if s.PID == 0 {
			s.PID = s.Events
		}
		events := o.await(2, from(s.Port))
		if len(events) != 2 || events[0].Kind != connlog.Connect || events[1].Kind != connlog.Close {
			t.Errorf("%s: %+v", s.Case, events)
			return
		}
		for _, e := range events {
			ancestor := " > python3:" + strconv.Itoa(s.Parent)
			if e.PID != s.PID || e.Comm != "python3" || !strings.Contains(e.Cmdline, "attribution.py") || s.Parent != 0 && !strings.Contains(e.Ancestry, ancestor) {
				t.Errorf("%s: %+v, want %+v", s.Case, e, s)
			}
		}
		if end := events[1]; !end.HasDuration || s.Tx > 0 && end.TxBytes != s.Tx {
			t.Errorf("%s: %+v, want %+v", s.Case, end, s)
		}
	})
}

func TestOwnersByPolling(t *testing.T) {
	t.Parallel()
	o := observe(t, "{source: poll, patterns: [attribution.py], domains: 'off'}")
	done := make(chan struct{})
	var polling sync.WaitGroup
	polling.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				o.poll()
			}
		}
	})
	var seen []situation
	runSituations(t, func(s situation) { seen = append(seen, s) })
	close(done)
	polling.Wait()
	for _, s := range seen {
		events := o.of(from(s.Port))
		if s.Case == "gone" && len(events) == 0 {
			continue // too short
		}
		connects := 0
		for _, e := range events {
			if e.Kind == connlog.Connect {
				connects++
			}
			// The receiver's socket is either seen at the sender first, or at the receiver.
			if e.PID != s.PID && (s.Case != "receiver" || e.PID != s.Events && e.PID != s.Polling) {
				t.Errorf("%s: %+v, want %+v", s.Case, e, s)
			}
		}
		if connects != 1 || len(events) > 2 {
			t.Errorf("%s: %d events, %d of them connect", s.Case, len(events), connects)
		}
	}
}

// The sockets of recorded files, all held by one watched process.
func TestRecordedSockets(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"tcp", "tcp6", "udp", "udp6"} {
		text := plugintest.Read(t, "testdata/udp-and-mapped-addresses/"+name+".txt")
		plugintest.Files(t, dir, map[string]string{"proc/1/net/" + name: text})
	}
	const stat = "7 (claude) S 1 7 7 0 -1 4194560 1 0 0 0 1 1 0 0 20 0 1 0 100 1 1 1"
	plugintest.Files(t, dir, map[string]string{"proc/7/stat": stat, "proc/7/status": "Name:\tclaude\nUid:\t0\t0\t0\t0\n", "proc/7/cmdline": "claude\x00"})
	if err := os.MkdirAll(filepath.Join(dir, "proc/7/fd"), 0o755); err != nil {
		t.Fatal(err)
	}
	for i := 1718380; i < 1718400; i++ {
		if err := os.Symlink(fmt.Sprintf("socket:[%d]", i), filepath.Join(dir, "proc/7/fd", strconv.Itoa(i))); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		config string
		want   []string
	}{
		"connections": {"{source: poll, domains: 'off'}", []string{
			"connect in claude 127.0.0.1:49676 before start", "connect out claude 127.0.0.1:27680 before start", "connect out claude 127.0.0.1:27682 before start",
			"connect out claude [2001:db8::2]:443 before start",
		}},
		"with listeners": {"{source: poll, domains: 'off', listening: true}", []string{
			"connect in claude 127.0.0.1:49676 before start", "connect listen claude before start", "connect listen claude before start",
			"connect listen claude before start", "connect listen claude before start", "connect out claude 127.0.0.1:27680 before start",
			"connect out claude 127.0.0.1:27682 before start", "connect out claude [2001:db8::2]:443 before start",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			p := plugintest.Start(t, Plugin, c.config, plugintest.Env("connections", dir))
			b := p.Batches(0)[0]
			lines := summarizeAll(t, b.Events)
			slices.Sort(lines)
			wantLines(t, lines, c.want)
			if again := p.Batches(1)[0]; len(again.Events) > 0 {
				t.Errorf("the second poll has %q", summarizeAll(t, again.Events))
			}
			active := plugintest.ByName(b)["connections_active"]
			if active != 1 && active != 3 { // of UDP, and of TCP
				t.Errorf("%v are active", active)
			}
		})
	}
}

// Ten thousand connections of a few milliseconds: every one is seen, with its process, its duration and the bytes that its ends counted.
func TestManyShortConnections(t *testing.T) {
	connections := 10_000
	if testing.Short() {
		connections = 500
	}
	o := observe(t, fmt.Sprintf("{source: ebpf, patterns: [], pids: [%d], domains: 'off'}", os.Getpid()))
	setSelf(o, -1)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go serveLengths(l)
	type transfer struct {
		local  netip.AddrPort // used again and again
		tx, rx int64
	}
	var mu sync.Mutex
	want := map[transfer]int{}
	var clients sync.WaitGroup
	for worker := range 20 {
		clients.Go(func() {
			for i := worker; i < connections; i += 20 {
				local, tx, rx, err := exchange(l.Addr().String(), 1+i%3000)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				want[transfer{local, tx, rx}]++
				mu.Unlock()
			}
		})
	}
	clients.Wait()
	closes := o.await(connections, func(e *connlog.Event) bool { return e.Kind == connlog.Close && e.Direction == connlog.Out })
	if connects := o.of(func(e *connlog.Event) bool { return e.Kind == connlog.Connect && e.Direction == connlog.Out }); len(connects) != connections {
		t.Errorf("%d connects", len(connects))
	}
	wrong := 0
	for _, e := range closes {
		got := transfer{e.Local, e.TxBytes, e.RxBytes}
		if want[got] == 0 || e.PID != os.Getpid() || !e.HasDuration || e.Duration <= 0 {
			if wrong++; wrong < 5 {
				t.Errorf("%+v: not what the ends counted, or not from process %d, or in %v", got, e.PID, e.Duration)
			}
		}
		want[got]--
	}
	if lost, err := o.probe.Input.Runner.(*input).observer.Lost(); err != nil || lost.Events > 0 {
		t.Errorf("lost %+v, %v", lost, err)
	}
	if b := plugintest.ByName(o.poll()); b["connections_missed"] != 0 {
		t.Errorf("missed %v", b["connections_missed"])
	}
}

// setSelf makes the input watch this process, which is the test.
func setSelf(o *observation, pid int) {
	in := o.probe.Input.Runner.(*input)
	in.mu.Lock()
	defer in.mu.Unlock()
	in.tracker.watcher.self = pid
	if p := in.tracker.processes.Find(os.Getpid()); p != nil {
		p.Info = in.tracker.watcher.Executed(p, nil)
	}
}

// serveLengths answers each connection with twice as many bytes as it sent.
func serveLengths(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			n, _ := io.Copy(io.Discard, c)
			_, _ = c.Write(make([]byte, 2*n))
		}()
	}
}

// exchange sends so many bytes and reads the answer.
func exchange(address string, size int) (local netip.AddrPort, tx, rx int64, err error) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return local, 0, 0, err
	}
	defer c.Close()
	n, err := c.Write(make([]byte, size))
	err = errors.Join(err, c.(*net.TCPConn).CloseWrite())
	rx, readErr := io.Copy(io.Discard, c)
	return netip.MustParseAddrPort(c.LocalAddr().String()), int64(n), rx, errors.Join(err, readErr)
}
