package web

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/logquery"
	"github.com/rtcollector/rtcollector/internal/eventdoc"
	"github.com/rtcollector/rtcollector/outputs"
)

const (
	maxTails       = 32               // clients that follow at once
	keepAlive      = 15 * time.Second // after this silence a comment is sent, so that proxies keep the connection
	tailWriteLimit = 10 * time.Second // a client that does not read for so long is cut off
)

// serveTail sends new log lines as server-sent events, until the client goes away. With the parameters since or last it begins with
// older ones.
func (s *Server) serveTail(w http.ResponseWriter, r *http.Request) {
	v := r.URL.Query()
	q, err := parseFilters(v, 0)
	switch {
	case err == nil && !q.Until.IsZero():
		err = errors.New("until: a tail never ends")
	case err == nil && q.Last == 0 && !q.Since.IsZero():
		q.Last = maxLast
	}
	if err != nil {
		writeError(w, http.StatusBadRequest, err.Error())
		return
	}
	if s.config.Events == nil {
		writeError(w, http.StatusServiceUnavailable, errNoEvents.Error())
		return
	}
	select {
	case s.tails <- struct{}{}:
		defer func() { <-s.tails }()
	default:
		writeError(w, http.StatusServiceUnavailable, "too many clients follow the log lines: close some of their pages")
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	t := &tail{readers: s.readers, q: q, stream: http.NewResponseController(w), w: w}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(s.stopping, cancel)()
	_ = t.run(ctx)
}

// tail is a stream of new events to one client.
type tail struct {
	logquery.Follower
	readers *readerPool
	q       outputs.EventQuery
	stream  *http.ResponseController
	w       http.ResponseWriter

	buf      []byte
	sent     time.Time
	problem  string // the last error that was reported; "": Redis answers
	writeErr error
}

// run ends with the connection. Lines that are newer than its start are new.
func (t *tail) run(ctx context.Context) error {
	t.StartAt(time.Now())
	if err := t.write([]byte("retry: 3000\n\n")); err != nil {
		return err
	}
	if t.q.Last > 0 {
		err := t.read(ctx, t.q)
		t.StartAtOldest()
		if err := t.check(err); err != nil {
			return err
		}
	}
	q := t.q
	q.Last = 0
	return t.Follow(ctx, q.Since, func(ctx context.Context, since time.Time) error {
		q.Since = since
		return t.read(ctx, q)
	}, t.check)
}

// read sends the events that a query finds and that were not sent before.
func (t *tail) read(ctx context.Context, q outputs.EventQuery) error {
	ctx, cancel := context.WithTimeout(ctx, logsTimeout)
	defer cancel()
	t.buf = t.buf[:0]
	err := t.readers.use(ctx, func(reader outputs.EventReader) error {
		return reader.ReadEvents(ctx, q, func(e outputs.FoundEvent) error {
			if t.MarkSeen(e.ID, e.Document.Int(eventdoc.Timestamp)) {
				t.buf = append(appendEvent(append(t.buf, "data: "...), e), "\n\n"...)
			}
			if len(t.buf) > 1<<20 {
				t.flush()
			}
			return t.writeErr
		})
	})
	t.flush()
	return err
}

// check reports a new problem with Redis to the client, and keeps the connection alive. Its error is one of the connection.
func (t *tail) check(err error) error {
	switch {
	case t.writeErr != nil:
	case err == nil:
		t.problem = ""
	case err.Error() != t.problem:
		t.problem = err.Error()
		t.buf, _ = eventdoc.AppendString(append(t.buf[:0], "event: problem\ndata: {\"error\":"...), t.problem)
		t.buf = append(t.buf, "}\n\n"...)
	}
	if len(t.buf) == 0 && time.Since(t.sent) > keepAlive {
		t.buf = append(t.buf, ": still here\n\n"...)
	}
	t.flush()
	return t.writeErr
}

// flush sends what is in buf.
func (t *tail) flush() {
	if len(t.buf) > 0 && t.writeErr == nil {
		t.writeErr = t.write(t.buf)
	}
	t.buf = t.buf[:0]
}

func (t *tail) write(data []byte) error {
	t.sent = time.Now()
	if err := t.stream.SetWriteDeadline(t.sent.Add(tailWriteLimit)); err != nil {
		return err
	}
	if _, err := t.w.Write(data); err != nil {
		return err
	}
	return t.stream.Flush()
}
