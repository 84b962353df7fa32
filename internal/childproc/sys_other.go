//go:build !unix

package childproc

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
)

// User is the user that a child runs as. It has no values on this system.
type User struct{}

// LookUpUser returns an error, because a child cannot run as another user on this system.
func LookUpUser(name string) (*User, error) {
	return nil, fmt.Errorf("run commands as the user %q: this system cannot do that: remove user: %w", name, errors.ErrUnsupported)
}

func (*User) loginVariables() []string { return nil }

// setProcessGroup does nothing: this system has no process groups, and only the child itself is killed.
func setProcessGroup(_ *exec.Cmd, _ *User, _ bool) {}

func killProcessGroup(*exec.Cmd) {}

func endSignal(*os.ProcessState) (int, bool) { return 0, false }
