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
	rawSamplesPerCommand = 500
	rawChunkSize         = 64 << 10
	rawWindow            = 8 // chunks sent before their replies are read, so that the server never waits for the next one
)

// rawWriter measures the limit of the server: it encodes all commands before the measurement starts, uses one connection, and only
// counts lines of replies. It shares nothing with the output except how the connection is made.
type rawWriter struct {
	pipe   *redisconn.Pipe
	args   []byte // arguments of the TS.MADD that is not complete yet
	count  int
	data   []byte
	chunks []rawChunk
	lines  int
	start  int
}

type rawChunk struct{ end, lines int }

func (w *rawWriter) reset() {
	w.data, w.args, w.chunks = w.data[:0], w.args[:0], w.chunks[:0]
	w.count, w.lines, w.start = 0, 0, 0
}

func (w *rawWriter) addSample(key string, ms int64, v float64) {
	for _, arg := range [...]string{key, strconv.FormatInt(ms, 10), strconv.FormatFloat(v, 'f', -1, 64)} {
		w.args = append(w.args, '$')
		w.args = strconv.AppendInt(w.args, int64(len(arg)), 10)
		w.args = append(append(append(w.args, "\r\n"...), arg...), "\r\n"...)
	}
	if w.count++; w.count == rawSamplesPerCommand {
		w.endCommand()
	}
}

func (w *rawWriter) endCommand() {
	if w.count == 0 {
		return
	}
	w.data = append(w.data, '*')
	w.data = strconv.AppendInt(w.data, int64(1+3*w.count), 10)
	w.data = append(append(w.data, "\r\n$7\r\nTS.MADD\r\n"...), w.args...)
	w.lines += 1 + w.count
	w.args, w.count = w.args[:0], 0
	if len(w.data)-w.start >= rawChunkSize {
		w.endChunk()
	}
}

// addCommand adds one command whose reply is one line.
func (w *rawWriter) addCommand(args []string) {
	w.data = append(w.data, '*')
	w.data = append(strconv.AppendInt(w.data, int64(len(args)), 10), "\r\n"...)
	for _, arg := range args {
		w.data = append(w.data, '$')
		w.data = append(strconv.AppendInt(w.data, int64(len(arg)), 10), "\r\n"...)
		w.data = append(append(w.data, arg...), "\r\n"...)
	}
	w.lines++
	if len(w.data)-w.start >= rawChunkSize {
		w.endChunk()
	}
}

func (w *rawWriter) endChunk() {
	w.chunks = append(w.chunks, rawChunk{len(w.data), w.lines})
	w.start, w.lines = len(w.data), 0
}

func (w *rawWriter) finish() {
	w.endCommand()
	if w.lines > 0 {
		w.endChunk()
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
	sent := make(chan int, rawWindow)
	done := make(chan error, 1)
	go func() { done <- countReplies(conn, sent) }()
	start := 0
	var writeErr error
	for _, c := range w.chunks {
		sent <- c.lines
		if _, writeErr = conn.Write(w.data[start:c.end]); writeErr != nil {
			_ = conn.SetDeadline(time.Unix(1, 0))
			break
		}
		start = c.end
	}
	close(sent)
	if err := errors.Join(writeErr, <-done); err != nil {
		w.pipe.Close()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return err
	}
	return nil
}

// countReplies reads as many lines as are expected. Timestamps are positive, so a '-' can only start an error.
func countReplies(conn net.Conn, expected <-chan int) error {
	buf := make([]byte, rawChunkSize)
	have := 0
	var failed error
	for want := range expected {
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
		have -= want // lines of the next chunk
	}
	return failed
}
