//go:build !unix

package execinput

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
)

type credential struct{}

func lookUp(name string) (*credential, error) {
	return nil, fmt.Errorf("run commands as the user %q: this system cannot: leave user out: %w", name, errors.ErrUnsupported)
}

func (*credential) variables() []string { return nil }

// setGroup: there are no process groups here; the command alone is killed.
func setGroup(*exec.Cmd, *credential) {}

func endGroup(*exec.Cmd) {}

func signalOf(*os.ProcessState) (int, bool) { return 0, false }
