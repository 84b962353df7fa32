// Package machines runs the program's builds for other machines: those for other processors under qemu's user mode emulators, the one for
// Windows under Wine. "make test-machines" unpacks the emulators (.ci/machines). A test without its emulator is skipped.
//
//   - machines_test.go: how builds are made, run and stopped. values_test.go: what they print and write.
//   - processors_test.go: Linux on other processors. parsers_test.go: the parsers' own tests there. wine_test.go: Windows.
package machines

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/servicetest"
)

// patience bounds the wait for a program to end. An emulated one needs a few seconds for everything it does.
const patience = time.Minute

// machine is a kind of machine that the program is built for.
type machine struct {
	goos, goarch string
	settings     []string // further variables for "go build": GOARM=6
	emulator     string   // the command that runs the build; "": it runs here
}

func (m machine) name() string {
	return strings.Join(append([]string{m.goos, m.goarch}, m.settings...), " ")
}

// environment returns the variables for the go command.
func (m machine) environment() []string {
	return append(append(os.Environ(), "CGO_ENABLED=0", "GOOS="+m.goos, "GOARCH="+m.goarch), m.settings...)
}

// program is a build of the program for a machine.
type program struct {
	machine machine
	path    string
	dir     string   // where it runs, and its configuration is
	env     []string // in addition to that of the test
}

// build builds the program, or skips the test if there is no emulator for it.
func build(t *testing.T, m machine) *program {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the emulators run on Linux")
	}
	if m.emulator != "" {
		servicetest.RequireCommands(t, "qemu-user-static and wine64, which .ci/machines unpacks", m.emulator)
	}
	p := &program{machine: m, dir: t.TempDir()}
	p.path = filepath.Join(p.dir, "rtcollector.exe") // the name matters on Windows only
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-X main.version=v1.2.3", "-o", p.path, "github.com/rtcollector/rtcollector/cmd/rtcollector")
	cmd.Env = m.environment()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build for %s: %v\n%s", m.name(), err, out)
	}
	return p
}

func (p *program) command(args ...string) *exec.Cmd {
	args = append([]string{p.path}, args...)
	if p.machine.emulator != "" {
		args = append([]string{p.machine.emulator}, args...)
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir, cmd.Env = p.dir, append(os.Environ(), p.env...)
	return cmd
}

// run runs a command until it ends. Its exit code must be the wanted one.
func (p *program) run(t *testing.T, exitCode int, args ...string) (stdout, stderr string) {
	t.Helper()
	cmd := p.command(args...)
	out, log := p.record(t, "stdout"), p.record(t, "stderr")
	cmd.Stdout, cmd.Stderr = out, log
	if err := cmd.Start(); errors.Is(err, syscall.ENOEXEC) {
		t.Skipf("this kernel does not run programs for %s", p.machine.goarch)
	} else if err != nil {
		t.Fatal(err)
	}
	if code := wait(t, cmd); code != exitCode {
		t.Fatalf("%s ended with %d, not %d:\n%s\n%s", strings.Join(args, " "), code, exitCode, readFile(t, out.Name()), readFile(t, log.Name()))
	}
	return string(readFile(t, out.Name())), string(readFile(t, log.Name()))
}

// record returns an empty file for what a command prints. It is a file because a pipe would not end before Wine's own services, which
// inherit it and end some seconds later.
func (p *program) record(t *testing.T, name string) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(p.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// wait waits until a command ends and returns its exit code.
func wait(t *testing.T, cmd *exec.Cmd) int {
	t.Helper()
	timer := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode()
}

// configure writes the configuration and returns its name in the program's directory.
func (p *program) configure(t *testing.T, yaml string) string {
	t.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, "config.yaml"), []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	return "config.yaml"
}

// runUntil runs the agent until ready returns no error, then interrupts it. It must end well.
func (p *program) runUntil(t *testing.T, what string, ready func() error) {
	t.Helper()
	cmd := p.command("run", "--config", "config.yaml")
	log := p.record(t, "log")
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(patience)
	for err := ready(); err != nil; err = ready() {
		if time.Now().After(deadline) {
			_ = cmd.Process.Kill()
			wait(t, cmd)
			t.Fatalf("waited %v until %s: %v\n%s", patience, what, err, readFile(t, log.Name()))
		}
		time.Sleep(50 * time.Millisecond)
	}
	_ = cmd.Process.Signal(syscall.SIGINT)
	if code := wait(t, cmd); code != 0 {
		t.Errorf("the agent ended with %d:\n%s", code, readFile(t, log.Name()))
	}
}
