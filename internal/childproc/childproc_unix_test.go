//go:build unix

package childproc

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/crew"
	"github.com/rtcollector/rtcollector/internal/servicetest"
)

func TestRunReportsStatusAndOutput(t *testing.T) {
	for script, want := range map[string]struct {
		stdout string
		status int
		err    error
	}{
		"echo a; echo b >&2; exit 3": {"a\n", 3, errAny},
		"printf abcdefghijkl":        {"abcdefgh", StatusSignal + 9, ErrOutputLimit},
		"kill -TERM $$":              {"", StatusSignal + 15, errAny},
		"no-such-program-here 2>&-":  {"", StatusNotFound, errAny},
		"true":                       {"", 0, nil},
	} {
		c := Command{Args: Shell(script + "; r=$?; [ $r = 0 ] || exit $r; :"), MaxOutput: 8}
		if strings.HasPrefix(script, "printf") {
			c.Args = Shell(script + "; exec sleep 1000")
		}
		c.Env = []string{"PATH=" + os.Getenv("PATH")}
		r := c.Run(t.Context())
		if string(r.Stdout) != want.stdout || r.Status != want.status || (r.Err == nil) != (want.err == nil) || errors.Is(want.err, ErrOutputLimit) != r.Truncated() || r.Killed() {
			t.Errorf("%s: %+v", script, r)
		}
	}
	missing := Command{Args: []string{"/no/such/program"}}
	if r := missing.Run(t.Context()); r.Status != StatusNotFound || r.Err == nil {
		t.Errorf("%+v", r)
	}
	folder := Command{Args: []string{t.TempDir()}}
	if r := folder.Run(t.Context()); r.Status != StatusNotStarted || r.Err == nil {
		t.Errorf("%+v", r)
	}
}

var errAny = errors.New("any")

// The lines of a child arrive while it runs. When the context is done, its process group has time to end by itself.
func TestStreamPassesOnLines(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := Command{
		Args:      Shell(`trap 'printf last; exit 0' TERM; echo one; echo two >&2; printf 'a very long line\r\n\nready\n'; while :; do sleep 0.01; done`),
		MaxOutput: 8, Grace: 30 * time.Second,
	}
	var out, errs []string
	r := c.Stream(ctx, func(line []byte) {
		out = append(out, string(line))
		if string(line) == "ready" {
			cancel()
		}
	}, func(line []byte) { errs = append(errs, string(line)) })
	if !slices.Equal(out, []string{"one", "a very l", "", "ready", "last"}) || len(errs) == 0 || errs[0] != "two" { // the shell may add that its sleep was terminated
		t.Errorf("%q, %q", out, errs)
	}
	if r.Status != StatusTimeout || !r.Killed() {
		t.Errorf("%+v", r)
	}
}

// A child that ignores SIGTERM is killed after the grace period, together with its descendants.
func TestStreamKillsAfterGrace(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := Command{Args: Shell(`trap '' TERM; sh -c 'trap "" TERM; echo $$; while :; do sleep 1000; done' & wait`), MaxOutput: 100, Grace: 1}
	pid := 0
	r := c.Stream(ctx, func(line []byte) {
		pid, _ = strconv.Atoi(string(line))
		cancel()
	}, func([]byte) {})
	if pid == 0 || !r.Killed() {
		t.Fatalf("pid %d, %+v", pid, r)
	}
	servicetest.Until(t, "the descendant is gone", func(context.Context) error {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if syscall.Kill(pid, 0) == nil && (err != nil || !strings.Contains(string(stat), ") Z ")) {
			return errors.New("it is there")
		}
		return nil
	})
}

// A panic in the callback reaches the caller, and the child is killed.
func TestPanicOfCallbackReachesCaller(t *testing.T) {
	c := Command{Args: Shell("echo a; exec sleep 1000"), MaxOutput: 100}
	err := crew.Catch(func() error {
		c.Stream(t.Context(), func([]byte) { panic("a defect") }, func([]byte) {})
		return nil
	})
	var crash *crew.PanicError
	if !errors.As(err, &crash) || crash.Value != "a defect" || !strings.Contains(string(crash.Stack), "TestPanicOfCallbackReachesCaller") {
		t.Errorf("%v", err)
	}
}

func TestLookUpUser(t *testing.T) {
	if os.Geteuid() != 0 {
		if _, err := LookUpUser("root"); err == nil || !strings.Contains(err.Error(), "only root may do that") {
			t.Error(err)
		}
		if u, err := LookUpUser(strconv.Itoa(os.Geteuid())); err != nil || !u.credential.NoSetGroups {
			t.Errorf("%+v, %v", u, err)
		}
		return
	}
	groups, err := exec.CommandContext(t.Context(), "id", "-G", "nobody").Output()
	if err != nil {
		t.Skipf("this machine has no user nobody: %v", err)
	}
	if u, err := LookUpUser("nobody"); err != nil || len(u.credential.Groups) != len(strings.Fields(string(groups))) {
		t.Errorf("groups %v (%v), want %s", u.credential.Groups, err, groups)
	}
}

func TestOtherUserGetsOnlyKnownVariables(t *testing.T) {
	t.Setenv("SECRET_X", "hidden")
	t.Setenv("LC_TIME", "C")
	u := &User{name: "alice", home: "/home"}
	if all := strings.Join(Environ(nil), "\n"); !strings.Contains(all, "hidden") {
		t.Error(all)
	}
	all := strings.Join(Environ(u), "\n")
	if strings.Contains(all, "hidden") || !strings.Contains(all, "LC_TIME=C") || !strings.Contains(all, "HOME=/home") {
		t.Error(all)
	}
}

func ExampleCommand_Run() {
	c := Command{Args: Shell("echo hello"), MaxOutput: 1 << 20}
	r := c.Run(context.Background())
	_, _ = os.Stdout.Write(r.Stdout)
	// Output: hello
}
