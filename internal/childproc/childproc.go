// Package childproc runs child processes for inputs. A child leads its own process group, so that it is killed together with its
// descendants. Its output and its time are bounded. [Command.Run] collects the output of a short command. [Command.Stream] passes on
// the lines of a child that keeps running.
//
// childproc.go has the commands, output.go bounds and splits their output, and sys_*.go has process groups and users.
package childproc

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Exit statuses for children that did not exit by themselves, as shells and timeout(1) report them.
const (
	StatusTimeout    = 124
	StatusNotStarted = 126 // the program exists but cannot be run
	StatusNotFound   = 127
	StatusSignal     = 128 // plus the number of the signal
)

// lingerLimit bounds the wait for descendants that left the process group but still hold stdout or stderr open.
const lingerLimit = 200 * time.Millisecond

// ErrOutputLimit is the error of a child that printed more than the limit.
var ErrOutputLimit = errors.New("too much output")

// Command describes a child process.
type Command struct {
	Args []string // the program and its arguments
	Dir  string   // "": the agent's
	Env  []string // nil: the agent's
	User *User    // nil: the agent's

	// Stdin is the standard input; nil: nothing. The child has it as it is, so that the caller must close its own end.
	Stdin *os.File

	// MaxOutput bounds, in bytes, stdout and stderr of Run each, and the length of a line of Stream.
	MaxOutput int

	// Grace is how long the process group may take to end after SIGTERM before it is killed. With 0 it is killed at once.
	Grace time.Duration
}

// Result is the outcome of a child.
type Result struct {
	Stdout, Stderr []byte // of Run
	Status         int    // the exit status as a shell reports it
	Took           time.Duration

	// Err is why the child did not start, did not exit with status 0, or was killed: ErrOutputLimit or the context's error. It
	// is nil if only a daemon that the child started still holds the output open.
	Err error
}

// Killed reports whether the child was killed because ctx was done.
func (r *Result) Killed() bool {
	return errors.Is(r.Err, context.DeadlineExceeded) || errors.Is(r.Err, context.Canceled)
}

// Truncated reports whether the child was killed because it printed more than the limit.
func (r *Result) Truncated() bool { return errors.Is(r.Err, ErrOutputLimit) }

// Run runs the child until it ends, ctx is done or it prints more than MaxOutput. When Run returns, no process of its group is left.
func (c *Command) Run(ctx context.Context) Result {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	stdout, stderr := &limitedBuffer{limit: c.MaxOutput, full: stop}, &limitedBuffer{limit: c.MaxOutput, full: stop}
	r := c.runWith(ctx, stdout, stderr)
	r.Stdout, r.Stderr = stdout.data, stderr.data
	return r
}

// Stream runs a child until it ends or ctx is done. It calls stdout and stderr for each line, without its line break. The two functions
// are called from different goroutines. A line is valid during the call only. Lines longer than MaxOutput are truncated.
func (c *Command) Stream(ctx context.Context, stdout, stderr func(line []byte)) Result {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	out, errs := &lineWriter{limit: c.MaxOutput, emit: stdout, stop: stop}, &lineWriter{limit: c.MaxOutput, emit: stderr, stop: stop}
	r := c.runWith(ctx, out, errs)
	for _, w := range []*lineWriter{out, errs} {
		w.flush()
		if w.crash != nil {
			panic(w.crash)
		}
	}
	return r
}

// runWith runs the child with these writers. The copying to them has ended when run returns.
func (c *Command) runWith(ctx context.Context, stdout, stderr io.Writer) Result {
	cmd := exec.CommandContext(ctx, c.Args[0], c.Args[1:]...)
	cmd.Dir, cmd.Env = c.Dir, c.Env
	cmd.Stdout, cmd.Stderr = stdout, stderr
	if c.Stdin != nil {
		cmd.Stdin = c.Stdin
	}
	cmd.WaitDelay = cmp.Or(c.Grace, lingerLimit)
	setProcessGroup(cmd, c.User, c.Grace > 0)
	start := time.Now()
	err := cmd.Run()
	killProcessGroup(cmd)
	r := Result{Took: time.Since(start), Status: exitStatus(cmd, err)}
	switch {
	case errors.Is(context.Cause(ctx), ErrOutputLimit):
		r.Err = ErrOutputLimit
	case err != nil && ctx.Err() != nil:
		r.Status, r.Err = StatusTimeout, ctx.Err()
	case err != nil && r.Status != 0:
		r.Err = err
	}
	return r
}

// exitStatus returns the exit status as a shell reports it.
func exitStatus(cmd *exec.Cmd, err error) int {
	switch {
	case cmd.ProcessState != nil:
		if n, ok := endSignal(cmd.ProcessState); ok {
			return StatusSignal + n
		}
		return cmd.ProcessState.ExitCode()
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, exec.ErrNotFound):
		return StatusNotFound
	}
	return StatusNotStarted
}

// Shell returns the arguments that run a command line in the system's shell.
func Shell(line string) []string {
	if runtime.GOOS == "windows" {
		return []string{"cmd", "/C", line}
	}
	return []string{"/bin/sh", "-c", line}
}

// IsProgram reports whether name is a program in PATH, or the path of one.
func IsProgram(name string) bool {
	_, err := exec.LookPath(name)
	return err == nil
}

// Environ returns the environment for a child that runs as user. With a nil user it is the agent's environment, which the child could
// read in /proc anyway. Another user gets only well-known variables, because a secret store may use variables of any other name.
func Environ(user *User) []string {
	if user == nil {
		return os.Environ()
	}
	public := []string{"PATH", "LANG", "LANGUAGE", "TZ", "TERM", "TMPDIR"}
	var kept []string
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); slices.Contains(public, name) || strings.HasPrefix(name, "LC_") {
			kept = append(kept, v)
		}
	}
	return append(kept, user.loginVariables()...)
}
