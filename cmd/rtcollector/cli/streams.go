package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"

	"golang.org/x/term"

	"github.com/rtcollector/rtcollector/internal/terminal"
)

// openStreams puts writers before stdout and stderr, in this order: one that redacts secrets, one that escapes (see
// [terminal]), and for stdout one that remembers the first failure. What is already safe for a terminal, or is read by
// programs, goes to rawOut and rawErr, which do not escape.
func (a *App) openStreams() {
	a.out = &outputStream{w: a.Stdout}
	a.textOut, a.textErr = terminal.NewWriter(a.out, terminal.Text), terminal.NewWriter(a.Stderr, terminal.Text)
	a.rawOut, a.rawErr = a.hidden.Writer(a.out), a.hidden.Writer(a.Stderr)
	a.Stdout, a.Stderr = a.hidden.Writer(a.textOut), a.hidden.Writer(a.textErr)
}

// closeStreams writes out what is left and returns the exit code of a command that had one of its own: a failure to print
// is a failure, unless the reader just had enough.
func (a *App) closeStreams(code int) int {
	_ = a.textOut.Flush()
	if err := a.out.failure(); err != nil && !isReaderGone(err) {
		fmt.Fprintln(a.Stderr, err)
		code = max(code, exitFailed)
	}
	_ = a.textErr.Flush()
	return code
}

// outputStream is where output goes: stdout, or a pager. After the first failure it writes nothing more, so that a reader
// never gets a text with a hole in it.
type outputStream struct {
	w io.Writer

	mu  sync.Mutex
	err error
}

// outputError is a failure to write to an outputStream. Commands return it; [App.closeStreams] prints it.
type outputError struct{ err error }

func (e *outputError) Error() string {
	cause := e.err
	if at, ok := errors.AsType[*os.PathError](cause); ok {
		cause = at.Err
	}
	return fmt.Sprintf("write to standard output: %v", cause)
}

func (e *outputError) Unwrap() error { return e.err }

// Write implements io.Writer. Its errors are of type *outputError.
func (s *outputStream) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.w.Write(p)
	if err != nil {
		s.err = &outputError{err}
	}
	return n, s.err
}

// Unwrap returns the writer below.
func (s *outputStream) Unwrap() io.Writer { return s.w }

func (s *outputStream) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// isOutputError reports whether a command ended because nothing more could be printed.
func isOutputError(err error) bool {
	_, ok := errors.AsType[*outputError](err)
	return ok
}

// isReaderGone reports whether output failed because its reader ended, as head(1) does when it has its lines. A broken
// connection to a server is something else.
func isReaderGone(err error) bool {
	return isOutputError(err) && (errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe))
}

// isTerminal reports whether w is a terminal, possibly below other writers.
func isTerminal(w io.Writer) bool {
	f, ok := file(w)
	return ok && term.IsTerminal(int(f.Fd()))
}

// file returns the file that w writes to, possibly through other writers.
func file(w io.Writer) (*os.File, bool) {
	for {
		wrapped, ok := w.(interface{ Unwrap() io.Writer })
		if !ok {
			break
		}
		w = wrapped.Unwrap()
	}
	f, ok := w.(*os.File)
	return f, ok
}
