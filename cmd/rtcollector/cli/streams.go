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

// openStreams wraps stdout and stderr in writers, in this order: one that redacts secrets, one that escapes (see [terminal]),
// and for stdout one that keeps the first failure. Output that is already safe for a terminal, or is read by programs, goes
// to rawOut and rawErr, which do not escape.
func (a *App) openStreams() {
	a.out = &outputStream{w: a.Stdout}
	a.textOut, a.textErr = terminal.NewWriter(a.out, terminal.Text), terminal.NewWriter(a.Stderr, terminal.Text)
	a.rawOut, a.rawErr = a.redactor.Writer(a.out), a.redactor.Writer(a.Stderr)
	a.Stdout, a.Stderr = a.redactor.Writer(a.textOut), a.redactor.Writer(a.textErr)
}

// closeStreams flushes the writers and returns the exit code of the command. A failure to print is a failure of the command,
// unless the reader of a pipe has ended.
func (a *App) closeStreams(code int) int {
	_ = a.textOut.Flush()
	if err := a.out.failure(); err != nil && !isReaderGone(err) {
		fmt.Fprintln(a.Stderr, err)
		code = max(code, exitFailed)
	}
	_ = a.textErr.Flush()
	return code
}

// outputStream writes to stdout or to a pager. After the first failure it writes nothing more, so that a reader never gets a
// text with a gap.
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

// Unwrap returns the underlying writer.
func (s *outputStream) Unwrap() io.Writer { return s.w }

func (s *outputStream) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// isOutputError reports whether a command ended because it could not print.
func isOutputError(err error) bool {
	_, ok := errors.AsType[*outputError](err)
	return ok
}

// isReaderGone reports whether output failed because its reader ended, as head(1) does when it has its lines. A broken
// connection to a server does not count.
func isReaderGone(err error) bool {
	return isOutputError(err) && (errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe))
}

// isTerminal reports whether w, or the writer that it wraps, is a terminal.
func isTerminal(w io.Writer) bool {
	f, ok := underlyingFile(w)
	return ok && term.IsTerminal(int(f.Fd()))
}

// underlyingFile returns the file that w writes to, directly or through other writers.
func underlyingFile(w io.Writer) (*os.File, bool) {
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
