package bench

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strconv"
	"time"

	"github.com/rtcollector/rtcollector/internal/redisconn"
)

const (
	rawPerCommand = 500
	rawChunk      = 64 << 10
	rawWindow     = 8 // chunks under way: the server always has the next one at hand
)

// rawWriter is the ceiling: TS.MADD commands that are ready before the clock starts, one connection, and a reader that
// only counts lines. It shares nothing with the output but the connection's making.
type rawWriter struct {
	pipe   *redisconn.Pipe
	args   []byte // samples of the command that is being collected
	count  int
	data   []byte
	chunks []rawPart
	lines  int
	start  int
}

type rawPart struct{ end, lines int }

func (w *rawWriter) reset() {
	w.data, w.args, w.chunks = w.data[:0], w.args[:0], w.chunks[:0]
	w.count, w.lines, w.start = 0, 0, 0
}

func (w *rawWriter) add(key string, ms int64, v float64) {
	for _, arg := range [...]string{key, strconv.FormatInt(ms, 10), strconv.FormatFloat(v, 'f', -1, 64)} {
		w.args = append(w.args, '$')
		w.args = strconv.AppendInt(w.args, int64(len(arg)), 10)
		w.args = append(append(append(w.args, "\r\n"...), arg...), "\r\n"...)
	}
	if w.count++; w.count == rawPerCommand {
		w.command()
	}
}

func (w *rawWriter) command() {
	if w.count == 0 {
		return
	}
	w.data = append(w.data, '*')
	w.data = strconv.AppendInt(w.data, int64(1+3*w.count), 10)
	w.data = append(append(w.data, "\r\n$7\r\nTS.MADD\r\n"...), w.args...)
	w.lines += 1 + w.count
	w.args, w.count = w.args[:0], 0
	if len(w.data)-w.start >= rawChunk {
		w.cut()
	}
}

// define adds one command that is answered with one line.
func (w *rawWriter) define(args []string) {
	w.data = append(w.data, '*')
	w.data = append(strconv.AppendInt(w.data, int64(len(args)), 10), "\r\n"...)
	for _, arg := range args {
		w.data = append(w.data, '$')
		w.data = append(strconv.AppendInt(w.data, int64(len(arg)), 10), "\r\n"...)
		w.data = append(append(w.data, arg...), "\r\n"...)
	}
	w.lines++
	if len(w.data)-w.start >= rawChunk {
		w.cut()
	}
}

func (w *rawWriter) cut() {
	w.chunks = append(w.chunks, rawPart{len(w.data), w.lines})
	w.start, w.lines = len(w.data), 0
}

func (w *rawWriter) flush() {
	w.command()
	if w.lines > 0 {
		w.cut()
	}
}

// send writes all chunks and waits for all replies.
func (w *rawWriter) send(ctx context.Context) error {
	conn, err := w.pipe.Conn(ctx)
	if err != nil {
		return err
	}
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	under := make(chan int, rawWindow)
	done := make(chan error, 1)
	go func() { done <- discard(conn, under) }()
	start := 0
	var writeErr error
	for _, c := range w.chunks {
		under <- c.lines
		if _, writeErr = conn.Write(w.data[start:c.end]); writeErr != nil {
			_ = conn.SetDeadline(time.Unix(1, 0))
			break
		}
		start = c.end
	}
	close(under)
	if err := errors.Join(writeErr, <-done); err != nil {
		w.pipe.Close()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return err
	}
	return nil
}

// discard reads as many lines as are announced. Times are positive, so that a '-' can only begin an error.
func discard(conn net.Conn, announced <-chan int) error {
	buf := make([]byte, rawChunk)
	have := 0
	var failed error
	for want := range announced {
		for failed == nil && have < want {
			n, err := conn.Read(buf)
			have += bytes.Count(buf[:n], []byte{'\n'})
			switch {
			case err != nil:
				failed = err
			case bytes.IndexByte(buf[:n], '-') >= 0:
				failed = errors.New("measure ceiling: the server refuses samples: " + string(bytes.TrimSpace(buf[:min(n, 200)])))
			}
			if failed != nil {
				_ = conn.SetDeadline(time.Unix(1, 0)) // the writer may be waiting
			}
		}
		have -= want
	}
	return failed
}
