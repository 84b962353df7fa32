//go:build unix && !core

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/rtcollector/rtcollector/internal/childproc"
)

// heldChild is a command that has a process, but does not run before the observer sees what it does. The process is this
// program, which waits for a byte on a pipe and then becomes the command. A nil heldChild is no command.
type heldChild struct {
	cmd  *exec.Cmd
	gate *os.File // a byte lets the command run; closing it ends the process
}

// releaseCommand is the hidden command that waits. gateFD is the descriptor on which it waits.
const (
	releaseCommand = "exec-when-released"
	gateFD         = 3
)

// newHeldChild starts a process that waits to become a command. It returns nil if there is no command.
func newHeldChild(command []string) (*heldChild, error) {
	if len(command) == 0 {
		return nil, nil
	}
	if _, err := exec.LookPath(command[0]); err != nil {
		return nil, &failure{startStatus(err), fmt.Errorf("observe: %w", err)}
	}
	self, err := os.Executable()
	if err != nil {
		return nil, runtimeFailure(err)
	}
	wait, gate, err := os.Pipe()
	if err != nil {
		return nil, runtimeFailure(err)
	}
	defer wait.Close()
	cmd := exec.Command(self, append([]string{releaseCommand, "--"}, command...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = os.Stdin, os.Stdout, os.Stderr, []*os.File{wait}
	if err := cmd.Start(); err != nil {
		_ = gate.Close()
		return nil, runtimeFailure(fmt.Errorf("observe: run %s: %w", command[0], err))
	}
	return &heldChild{cmd, gate}, nil
}

// startStatus returns the exit code of a command that cannot be run, as shells report it.
func startStatus(err error) int {
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		return childproc.StatusNotFound
	}
	return childproc.StatusNotStarted
}

func (c *heldChild) pid() int { return c.cmd.Process.Pid }

// abandon ends the process if its command has not run.
func (c *heldChild) abandon() {
	if c == nil || c.cmd.ProcessState != nil {
		return
	}
	_ = c.gate.Close()
	_ = c.cmd.Wait()
}

// run lets the command run, passes signals on, and waits for its end. It returns the exit status as a shell reports it. If ctx
// has ended already, the command does not run.
func (c *heldChild) run(ctx context.Context) (status int, err error) {
	if ctx.Err() != nil {
		return ExitInterrupted, nil
	}
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, passedOn()...)
	defer signal.Stop(signals)
	if _, err := c.gate.Write([]byte{1}); err != nil {
		return 0, fmt.Errorf("observe: start the command: %w", err)
	}
	_ = c.gate.Close()
	ended := make(chan struct{})
	go func() {
		_ = c.cmd.Wait()
		close(ended)
	}()
	for {
		select {
		case s := <-signals:
			_ = c.cmd.Process.Signal(s)
		case <-ended:
			return exitStatusOf(c.cmd.ProcessState), nil
		}
	}
}

// passedOn returns the signals that a command gets from us. The terminal sends its own to the command, too, because it is in
// our process group.
func passedOn() []os.Signal {
	signals := []os.Signal{syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2}
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		signals = append(signals, os.Interrupt, syscall.SIGQUIT)
	}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	return signals
}

func exitStatusOf(state *os.ProcessState) int {
	if w, ok := state.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return childproc.StatusSignal + int(w.Signal())
	}
	return state.ExitCode()
}

// releasedCommand returns the hidden command that waits until it may become another one.
func (a *App) releasedCommand() *cobra.Command {
	return &cobra.Command{
		Use: releaseCommand, Hidden: true, Args: cobra.MinimumNArgs(1), DisableFlagsInUseLine: true,
		RunE: func(_ *cobra.Command, args []string) error { return a.execWhenReleased(args) },
	}
}

func (a *App) execWhenReleased(command []string) error {
	syscall.CloseOnExec(gateFD)
	gate := os.NewFile(gateFD, "gate")
	if gate == nil {
		return errors.New("this command is a part of observe")
	}
	if _, err := io.ReadFull(gate, make([]byte, 1)); err != nil {
		return nil //nolint:nilerr // the observer has ended
	}
	path, err := exec.LookPath(command[0])
	if err == nil {
		err = syscall.Exec(path, command, os.Environ())
	}
	return &failure{startStatus(err), fmt.Errorf("observe: run %s: %w", command[0], err)}
}
