// Package servicetest has what tests of service inputs share: real services in directories of their own, servers that
// misbehave, and a look at what is left behind.
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

// patience is how long a service may take to do what it is waited for.
const patience = 30 * time.Second

// Until waits until f returns no error.
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

// FreePort is a port of 127.0.0.1 that nobody listened on a moment ago.
func FreePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return PortOf(l.Addr().String())
}

// RequireCommands skips the test unless all commands are on this machine. Debian is the package that has them.
func RequireCommands(t testing.TB, debian string, commands ...string) {
	t.Helper()
	for _, c := range commands {
		if _, err := exec.LookPath(c); err != nil {
			t.Skipf("no %s here: install Debian's %s", c, debian)
		}
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

// CommandOutput is what a command of this machine prints; the test is skipped where that is not to be had.
func CommandOutput(t testing.TB, name string, args ...string) string {
	t.Helper()
	text, err := exec.Command(name, args...).Output()
	if err != nil {
		t.Skipf("%s: %v", name, err)
	}
	return string(text)
}

// Shared is what all tests of a package have in common. It is started when the first of them asks for it, and stopped
// by Run.
type Shared[T any] struct {
	Start func(testing.TB) T

	once sync.Once
	what T
	tb   *packageTB
}

// Get returns it. A test that asks is skipped, or fails, as the start did.
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

// Run is for TestMain: it runs the tests, and returns the code to exit with.
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

// Secret is a store that has one secret, which may change.
type Secret struct{ Value string }

// Secret implements secret.Resolver.
func (s *Secret) Secret(context.Context, string) (string, error) { return s.Value, nil }
