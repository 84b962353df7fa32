//go:build !core

package cli

import (
	"io"
	"os/exec"
	"strings"
)

// startPager runs $PAGER, or less, and returns the writer to it. If neither exists, it returns stdout. The caller escapes the
// text, because our colours must reach the pager. The pager handles Ctrl-C itself and outlives this process.
func (a *App) startPager() (w io.Writer, finish func() error) {
	direct := func() error { return nil }
	command, _ := a.Getenv("PAGER")
	words := strings.Fields(command)
	if len(words) == 0 {
		words = []string{"less", "-FRX"} // exit if the text fits on one screen, pass colours on, leave the text on the screen
	}
	cmd := exec.Command(words[0], words[1:]...)
	if f, ok := underlyingFile(a.Stdout); ok {
		cmd.Stdout = f
	}
	cmd.Stderr = cmd.Stdout
	in, err := cmd.StdinPipe()
	if err != nil {
		return a.rawOut, direct
	}
	if err := cmd.Start(); err != nil {
		return a.rawOut, direct
	}
	return a.redactor.Writer(&outputStream{w: in}), func() error {
		_ = in.Close()
		return cmd.Wait()
	}
}
