package execinput

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/childproc"
)

// explainFailure returns an error that says why a command failed and what to do about it.
func (c *command) explainFailure(r *childproc.Result) error {
	detail := firstLine(r.Stderr)
	if detail != "" {
		detail = ": " + detail
	} else if r.Err != nil {
		detail = ": " + r.Err.Error()
	}
	switch {
	case r.Truncated():
		return fmt.Errorf("it prints more than %d bytes: print less, or raise max_output_size", c.child.MaxOutput)
	case r.Killed():
		return fmt.Errorf("it did not end within %v and was killed: make it faster, or raise timeout or interval: %w", r.Took.Round(time.Millisecond), r.Err)
	case r.Status == childproc.StatusNotFound && !c.shell:
		return fmt.Errorf("there is no such program: correct its name, give its full path, or set shell: true%s", detail)
	case r.Status == childproc.StatusNotFound:
		return fmt.Errorf("there is no such program: correct its name, or give its full path%s", detail)
	case r.Status == childproc.StatusNotStarted:
		return fmt.Errorf("it cannot be run: check that it is executable, begins with #! and an interpreter, and that this user may run it%s", detail)
	case firstLine(r.Stderr) != "":
		return fmt.Errorf("%w%s", r.Err, detail)
	}
	return r.Err
}

// maxQuoted bounds, in bytes, how much of a command's standard error an error repeats.
const maxQuoted = 200

func firstLine(text []byte) string {
	line, _, _ := bytes.Cut(bytes.TrimSpace(text), []byte{'\n'})
	return strings.ToValidUTF8(string(line[:min(len(line), maxQuoted)]), "")
}
