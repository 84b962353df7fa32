// Package servicetest has helpers for tests of components that talk to services.
//
//   - servicetest.go: waiting, required commands, and [Shared] resources of a package. tests.go: the testing.TB that owns them.
//   - daemon.go: [Daemon], a real service in its own directory. sys_*.go: its user, signals.
//   - misbehave.go, hostile.go: servers that misbehave, and [Cutter], which cuts connections.
//   - shell.go: [Shell], processes with a name of their own.
//   - leaks.go, memory.go: checks for leaks and allocations. log.go: [Log], a buffer for several goroutines.
package servicetest

import (
	"context"
	"net"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// patience is the longest time to wait for a condition.
const patience = 30 * time.Second

// Until calls f until it returns no error. What describes the condition for the message of a failed test.
func Until(t testing.TB, what string, f func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		err := f(ctx)
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("waited %v until %s: %v", patience, what, err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// FreePort returns a port of 127.0.0.1 that was free a moment ago.
func FreePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return PortOf(l.Addr().String())
}

// RequireCommands skips the test unless all commands are installed. Debian is the package that contains them.
func RequireCommands(t testing.TB, debian string, commands ...string) {
	t.Helper()
	for _, c := range commands {
		if _, err := exec.LookPath(c); err != nil {
			t.Skipf("no %s here: install Debian's %s", c, debian)
		}
	}
}

// RequireNamespaces skips the test unless this process may make name spaces. The flags are those of unshare(1).
func RequireNamespaces(t testing.TB, flags ...string) {
	t.Helper()
	RequireCommands(t, "util-linux", "unshare")
	if out, err := exec.Command("unshare", append(flags, "true")...).CombinedOutput(); err != nil {
		t.Skipf("name spaces require privileges that this process does not have: %s", out)
	}
}

// RequireFile returns the path of a file that belongs to a command, such as a module, and skips the test when the command or the
// file is missing. Part is a pattern below the root of the file system, or below that of the packages that .ci/servers has
// unpacked when the command is one of those. Debian is the package that has it.
func RequireFile(t testing.TB, debian, command, part string) string {
	t.Helper()
	RequireCommands(t, debian, command)
	path, _ := exec.LookPath(command)
	for _, root := range []string{filepath.Join(filepath.Dir(path), "../root"), "/"} {
		if found, _ := filepath.Glob(filepath.Join(root, part)); len(found) > 0 {
			return found[len(found)-1]
		}
	}
	t.Skipf("%s has no %s here: install Debian's %s", command, filepath.Base(part), debian)
	return ""
}

// CommandOutput returns what a command prints. It skips the test if the command fails or is not installed.
func CommandOutput(t testing.TB, name string, args ...string) string {
	t.Helper()
	text, err := exec.Command(name, args...).Output()
	if err != nil {
		t.Skipf("%s: %v", name, err)
	}
	return string(text)
}

// Shared is a resource that all tests of a package share. It is started when the first test calls Get, and stopped by Run.
type Shared[T any] struct {
	Start func(testing.TB) T

	once sync.Once
	what T
	tb   *packageTB
}

// Get returns the resource. If its start was skipped or failed, every test that calls Get is skipped or fails as well.
func (s *Shared[T]) Get(t testing.TB) T {
	t.Helper()
	s.once.Do(func() {
		s.tb = &packageTB{}
		done := make(chan struct{})
		go func() { // Skip and Fatal end the goroutine
			defer close(done)
			s.what = s.Start(s.tb)
		}()
		<-done
	})
	if s.tb.skipped != "" {
		t.Skip(s.tb.skipped)
	}
	if s.tb.failed != "" {
		t.Fatal(s.tb.failed)
	}
	return s.what
}

// Run runs the tests and returns the exit code, for TestMain.
func (s *Shared[T]) Run(m *testing.M) int {
	defer func() {
		if s.tb != nil {
			s.tb.runCleanups()
		}
	}()
	code := m.Run()
	if code != 0 && s.tb != nil {
		s.tb.failed = "a test of this package failed"
	}
	return code
}

// Secret is a store with one secret, which may change.
type Secret struct{ Value string }

// Secret implements secret.Resolver.
func (s *Secret) Secret(context.Context, string) (string, error) { return s.Value, nil }
