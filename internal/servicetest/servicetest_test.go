package servicetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestDaemon(t *testing.T) {
	RequireCommands(t, "redis-server", "redis-server")
	d := NewUnprivileged(t)
	if text, err := os.ReadFile(d.WriteFile("a", "$PORT in $DIR")); err != nil || string(text) != d.Port+" in "+d.Dir {
		t.Errorf("%q, %v", text, err)
	}
	d.Args = []string{"redis-server", "--port", "$PORT", "--bind", "127.0.0.1", "--save", "", "--dir", "$DIR"}
	d.Run()
	first := d.PID()
	d.Stop()
	if err := dial(t.Context(), d.Addr()); err == nil {
		t.Error("it listens although it was stopped")
	}
	d.Run()
	if d.PID() == first || dial(t.Context(), d.Addr()) != nil {
		t.Error("it was not started again")
	}
	if who := d.Output(d.Command("id", "-un")); os.Getuid() == 0 && who != "nobody" {
		t.Errorf("commands run as %s", who)
	}
}

// impatient is a test that gives up when its context ends, and keeps what is logged.
type impatient struct {
	packageTB
	ctx    context.Context
	logged string
}

func (i *impatient) Context() context.Context        { return i.ctx }
func (i *impatient) Logf(format string, args ...any) { i.logged += fmt.Sprintf(format, args...) }

// TestOutputOfDaemonThatIsNeverReady: the log of the test that waited for it has what the daemon printed.
func TestOutputOfDaemonThatIsNeverReady(t *testing.T) {
	ctx, giveUp := context.WithCancel(t.Context())
	tb := &impatient{ctx: ctx}
	done := make(chan struct{})
	go func() { // Fatal ends the goroutine
		defer close(done)
		d := New(tb)
		d.Args = []string{"sh", "-c", "echo the disk is full; exec sleep 1000"}
		d.Ready = func(context.Context) error {
			if text, _ := os.ReadFile(d.Dir + "/log"); len(text) > 0 {
				giveUp()
			}
			return errors.New("not ready")
		}
		d.Run()
	}()
	<-done
	tb.runCleanups()
	if !strings.Contains(tb.failed, "not ready") || !strings.Contains(tb.logged, "the disk is full") {
		t.Errorf("failed with %q, logged %q", tb.failed, tb.logged)
	}
}

// A start that was skipped or has failed is so for every test that asks; what it had begun is ended.
func TestShared(t *testing.T) {
	calls, ended := 0, 0
	for _, start := range []func(testing.TB) int{
		func(t testing.TB) int { t.Skipf("no %s", "server"); return 1 },
		func(t testing.TB) int { t.Fatalf("no %s", "server"); return 1 },
		func(testing.TB) int { return 7 },
	} {
		s := Shared[int]{Start: func(t testing.TB) int {
			calls++
			t.Cleanup(func() { ended++ })
			return start(t)
		}}
		for range 2 {
			one := &packageTB{}
			got := make(chan int, 1)
			go func() { defer close(got); got <- s.Get(one) }()
			if v, ok := <-got; ok != (one.skipped+one.failed == "") || ok && v != 7 || !ok && one.skipped+one.failed != "no server" {
				t.Errorf("%v, %v, skipped %q, failed %q", v, ok, one.skipped, one.failed)
			}
		}
		s.tb.runCleanups()
	}
	if calls != 3 || ended != 3 {
		t.Errorf("%d starts, %d ends", calls, ended)
	}
}

func TestCutter(t *testing.T) {
	c := NewCutter(t, ServeText(t, []byte(strings.Repeat("x", 10_000)), true))
	ask := func() int {
		conn, err := net.Dial("tcp", c.Addr)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		_, _ = io.WriteString(conn, "?")
		text, _ := io.ReadAll(conn)
		return len(text)
	}
	for _, want := range []int{1, 4096, 9_999} {
		c.CutAfter(want)
		if got := ask(); got != want {
			t.Errorf("%d bytes, want %d", got, want)
		}
	}
	if got := ask(); got != 0 {
		t.Errorf("%d bytes of the next connection", got)
	}
	c.Restore()
	if got := ask(); got != 10_000 {
		t.Errorf("mended: %d bytes", got)
	}
}

func TestLeaksAreSeen(t *testing.T) {
	before := waitForFootprint(t, footprint{})
	held := make([]byte, 2*heapTolerance)
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	release := make(chan struct{})
	go func() { <-release }()
	now := measureFootprint()
	runtime.KeepAlive(held)
	_ = f.Close()
	close(release)
	if now.heap < before.heap+heapTolerance || now.goroutines != before.goroutines+1 {
		t.Errorf("%v, then %v", before, now)
	}
	if _, err := os.Stat("/proc/self/fd"); err == nil && now.descriptors != before.descriptors+1 {
		t.Errorf("%d descriptors, then %d", before.descriptors, now.descriptors)
	}
	n := 0
	CheckNoLeaks(t, 3, func(round int) {
		if round != n {
			t.Errorf("round %d, want %d", round, n)
		}
		n++
	})
}

func TestUntil(t *testing.T) {
	n := 0
	Until(t, "it is three", func(context.Context) error {
		if n++; n < 3 {
			return errors.New("not yet")
		}
		return nil
	})
	if n != 3 {
		t.Errorf("%d calls", n)
	}
}
