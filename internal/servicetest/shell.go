package servicetest

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Shell is a shell that runs a script under a name of its own, for tests that look for processes. It and what it starts end with the test if
// they read descriptor 3, or the standard input, until it ends.
type Shell struct {
	PID int

	cmd    *exec.Cmd
	t      testing.TB
	ends   []io.Closer
	wake   *os.File
	output *bufio.Reader
}

// StartShell starts a copy of sh in a file of this name, which is also what the kernel calls the process and those that it forks. The
// arguments are $1 and so on.
func StartShell(t testing.TB, name, script string, args ...string) *Shell {
	t.Helper()
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no sh here")
	}
	program, err := os.ReadFile(sh)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, program, 0o700); err != nil { //nolint:gosec // it is a program
		t.Fatal(err)
	}
	reads, wake, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	s := &Shell{t: t, wake: wake, cmd: &exec.Cmd{Path: path, Args: append([]string{path, "-c", script, path}, args...), Stderr: os.Stderr, ExtraFiles: []*os.File{reads}}}
	defer func() { _ = reads.Close() }()
	input, err := s.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.ends, s.output = []io.Closer{input, wake}, bufio.NewReader(output)
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.PID = s.cmd.Process.Pid
	t.Cleanup(s.stop)
	return s
}

func (s *Shell) stop() {
	for _, end := range s.ends {
		_ = end.Close()
	}
	_, _ = io.Copy(io.Discard, s.output)
	_ = s.cmd.Wait()
}

// Wake lets n processes continue that wait in "read line <&3".
func (s *Shell) Wake(n int) {
	s.t.Helper()
	if _, err := s.wake.WriteString(strings.Repeat("\n", n)); err != nil {
		s.t.Fatal(err)
	}
}

// Line waits for the next line that a process of the script prints, and returns it without its end.
func (s *Shell) Line() string {
	s.t.Helper()
	line, err := s.output.ReadString('\n')
	if err != nil {
		s.t.Fatalf("%s has ended: %v", filepath.Base(s.cmd.Path), err)
	}
	return strings.TrimSuffix(line, "\n")
}

// Lines waits for n lines.
func (s *Shell) Lines(n int) (all []string) {
	s.t.Helper()
	for range n {
		all = append(all, s.Line())
	}
	return all
}
