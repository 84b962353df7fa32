package cli

import (
	"io"
	"os/exec"
	"strings"
)

// startPager runs $PAGER, or less, and returns where to write for it. Where there is neither, lines are just printed.
// The caller escapes: our colours must reach the pager. Ctrl-C is for the pager: it does not end with us.
func (a *App) startPager() (w io.Writer, finish func() error) {
	direct := func() error { return nil }
	command, _ := a.Getenv("PAGER")
	words := strings.Fields(command)
	if len(words) == 0 {
		words = []string{"less", "-FRX"} // ends by itself if all fits, passes colours on, leaves the text on the screen
	}
	cmd := exec.Command(words[0], words[1:]...)
	if f, ok := file(a.Stdout); ok {
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
	return a.hidden.Writer(&outputStream{w: in}), func() error {
		_ = in.Close()
		return cmd.Wait()
	}
}
