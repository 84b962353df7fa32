//go:build unix

package cli_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/cli"
)

// TestInterruptedWhileReading: Ctrl-C ends a command that waits for its configuration from a pipe.
func TestInterruptedWhileReading(t *testing.T) {
	for _, command := range []string{"check", "run", "once", "logs"} {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			pipe := filepath.Join(t.TempDir(), "config.yaml")
			if err := syscall.Mkfifo(pipe, 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(os.Args[0], command, "--config", pipe)
			cmd.Env = append(os.Environ(), runAsProgram+"=1")
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			w, err := os.OpenFile(pipe, os.O_WRONLY, 0) // waits until the program reads
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			if err := cmd.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
			var exit *exec.ExitError
			if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != cli.ExitInterrupted || stderr.String() != "interrupted\n" {
				t.Errorf("%v: %s", err, &stderr)
			}
		})
	}
}
