package execinput

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// What stands for an exit status where there is none: as shells and timeout(1) have it.
const (
	statusTimeout = 124
	statusRefused = 126
	statusMissing = 127
	statusSignal  = 128 // and the signal's number
)

// linger is how long a program that left the process group, but has the command's output open, is waited for.
const linger = 200 * time.Millisecond

// ran is what a command did.
type ran struct {
	stdout, stderr []byte
	status         int
	took           time.Duration
	err            error // why there may be less than there should be
	truncated      bool  // it printed more than is taken
	cut            bool  // it was killed because its time had passed
}

// run runs a command to its end, or until ctx has ended. Nothing of its process group is left then.
func (c *command) run(ctx context.Context, environment []string) ran {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	stdout := &limited{limit: c.limit, full: func() { stop(errTooMuch) }}
	stderr := &limited{limit: c.limit, full: func() { stop(errTooMuch) }}
	cmd := exec.CommandContext(ctx, c.words[0], c.words[1:]...)
	cmd.Dir, cmd.Env = c.dir, environment
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.WaitDelay = linger
	setGroup(cmd, c.credential)
	start := time.Now()
	err := cmd.Run()
	endGroup(cmd)
	r := ran{took: time.Since(start), status: statusOf(cmd, err)}
	r.stdout, r.stderr = stdout.take(), stderr.take()
	r.truncated = errors.Is(context.Cause(ctx), errTooMuch)
	switch {
	case r.truncated:
		r.err = fmt.Errorf("it prints more than %d bytes: print less, or raise max_output_size", c.limit)
	case err != nil && ctx.Err() != nil:
		r.status, r.cut = statusTimeout, true
		r.err = fmt.Errorf("it did not end within %v and was killed: make it quicker, or raise timeout or interval: %w", r.took.Round(time.Millisecond), ctx.Err())
	case err != nil && r.status != 0: // else a daemon has the output open still
		r.err = c.explain(err, r)
	}
	return r
}

var errTooMuch = errors.New("too much output")

// statusOf is the exit status as a shell has it.
func statusOf(cmd *exec.Cmd, err error) int {
	switch {
	case cmd.ProcessState != nil:
		if n, ok := signalOf(cmd.ProcessState); ok {
			return statusSignal + n
		}
		return cmd.ProcessState.ExitCode()
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, exec.ErrNotFound):
		return statusMissing
	}
	return statusRefused
}

// explain says what a command's failure means and what to do.
func (c *command) explain(err error, r ran) error {
	var exit *exec.ExitError
	said := firstLine(r.stderr)
	if said != "" {
		said = ": " + said
	}
	switch {
	case r.status == statusMissing:
		return fmt.Errorf("there is no such program: correct its name, or give its full path%s%s", shellHint(c.shell), orError(said, err))
	case r.status == statusRefused:
		return fmt.Errorf("it cannot be run: is it executable, does it begin with #! and an interpreter, may this user run it%s", orError(said, err))
	case errors.As(err, &exit):
		return fmt.Errorf("%w%s", err, said)
	}
	return err
}

func shellHint(shell bool) string {
	if shell {
		return ""
	}
	return ", or set shell: true"
}

func orError(said string, err error) string {
	if said != "" {
		return said
	}
	return ": " + err.Error()
}

// maxSaid is how much of what a command said about an error is repeated.
const maxSaid = 200

func firstLine(text []byte) string {
	line, _, _ := bytes.Cut(bytes.TrimSpace(text), []byte{'\n'})
	return strings.ToValidUTF8(string(line[:min(len(line), maxSaid)]), "")
}

// limited takes output up to a limit. What is more is thrown away, and full is called.
type limited struct {
	limit int
	full  func()

	mu   sync.Mutex // a program that left the group may still write
	data []byte
}

// Write implements io.Writer.
func (l *limited) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	room := l.limit - len(l.data)
	l.data = append(l.data, p[:min(len(p), room)]...)
	if len(p) > room {
		l.full()
		return 0, errTooMuch
	}
	return len(p), nil
}

func (l *limited) take() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.data
}

// shellWords is a command for the system's shell.
func shellWords(command string) []string {
	if runtime.GOOS == "windows" {
		return []string{"cmd", "/C", command}
	}
	return []string{"/bin/sh", "-c", command}
}

// harmless returns those of the agent's own variables that a command which runs as somebody else gets. What else is among them
// may be secret: a store can read variables of any name, and so can a plugin's library.
func harmless() []string {
	passed := []string{"PATH", "LANG", "LANGUAGE", "TZ", "TERM", "TMPDIR"}
	var kept []string
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); slices.Contains(passed, name) || strings.HasPrefix(name, "LC_") {
			kept = append(kept, v)
		}
	}
	return kept
}
