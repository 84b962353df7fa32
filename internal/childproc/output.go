package childproc

import (
	"bytes"
	"context"

	"github.com/rtcollector/rtcollector/internal/crew"
)

// limitedBuffer keeps output up to a limit. If there is more, it calls full, which kills the child.
type limitedBuffer struct {
	limit int
	full  context.CancelCauseFunc
	data  []byte
}

// Write implements io.Writer.
func (b *limitedBuffer) Write(p []byte) (int, error) {
	room := b.limit - len(b.data)
	b.data = append(b.data, p[:min(len(p), room)]...)
	if len(p) > room {
		b.full(ErrOutputLimit)
		return 0, ErrOutputLimit
	}
	return len(p), nil
}

// lineWriter calls emit for each line. It catches a panic of emit, because the writing goroutine belongs to os/exec, and stops the child.
type lineWriter struct {
	limit int
	emit  func(line []byte)
	stop  context.CancelCauseFunc
	line  []byte // the beginning of an incomplete line
	crash error
}

// Write implements io.Writer.
func (w *lineWriter) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		part, after, ended := bytes.Cut(rest, []byte{'\n'})
		rest = after
		w.line = append(w.line, part[:min(len(part), w.limit-len(w.line))]...)
		if ended {
			w.flushLine()
		}
		if w.crash != nil {
			return 0, w.crash
		}
	}
	return len(p), nil
}

// flush emits a last line without a line break.
func (w *lineWriter) flush() {
	if len(w.line) > 0 && w.crash == nil {
		w.flushLine()
	}
}

func (w *lineWriter) flushLine() {
	line := bytes.TrimSuffix(w.line, []byte{'\r'})
	w.crash = crew.Catch(func() error {
		w.emit(line)
		return nil
	})
	w.line = w.line[:0]
	if w.crash != nil {
		w.stop(w.crash)
	}
}
