package redisstreams

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/rtcollector/rtcollector/internal/eventdoc"
	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
)

const nameID = "id"

// WriteEvents implements [outputs.EventWriter]. After a lost reply the same events are appended again. They have the same ids, so readers
// can recognize them.
func (w *Writer) WriteEvents(ctx context.Context, events []telemetry.Event) error {
	head := w.commandHead(w.config.Stream)
	return w.appendEntries(ctx, w.config.Stream, len(events), func(buf []byte, i int) []byte {
		return w.appendEvent(buf, head, &events[i])
	})
}

// appendEntries sends n commands that append to a stream, in a pipeline. After an error, the entries before the first one that failed
// or has no reply are settled, and the rest is appended again.
func (w *Writer) appendEntries(ctx context.Context, stream string, n int, command func(buf []byte, i int) []byte) error {
	if w.client == nil {
		return errNotOpen
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	stop := w.client.CutOn(ctx)
	defer stop()
	slot := w.shards.Slot(stream)
	settled := 0
	err := w.shards.Do(ctx, redisconn.Commands{
		Len:    n,
		Slot:   func(int) int { return slot },
		Append: command,
		Reply: func(i int, from *redisconn.Reader) error { // needs no lock: all commands have the same slot, and Do calls Reply of one shard from one goroutine
			err := readAddReply(from)
			if err == nil && i == settled {
				settled++
			}
			return err
		},
	})
	if err == nil {
		return nil
	}
	w.shards.Reset()
	if isWrongType(err) {
		err = fmt.Errorf("the key %s is not a stream: rename or delete it, or configure another stream: %w", stream, err)
	}
	err = w.client.Explain(ctx, err)
	if settled > 0 {
		err = &outputs.PartialError{Settled: settled, Err: err}
	}
	return err
}

func isWrongType(err error) bool {
	var refusal redis.Error
	return errors.As(err, &refusal) && strings.HasPrefix(refusal.Error(), "WRONGTYPE ")
}

// readAddReply reads and discards the reply to XADD: the ID of the entry in the stream, or an error.
func readAddReply(from *redisconn.Reader) error {
	kind, text, err := from.Line()
	switch {
	case err != nil:
		return err
	case kind == '-':
		return redisconn.ServerError(text)
	case kind != '$':
		return fmt.Errorf("read reply to XADD: got type %q, want an entry ID", kind)
	}
	announced, err := strconv.Atoi(string(text)) // string(text) does not escape, so it is not allocated
	if err != nil {
		return errors.New("read reply to XADD: the length of the entry ID is not a number")
	}
	_, id, err := from.Line() // Line takes the first byte as a type; here it is the first digit of the ID
	if err == nil && 1+len(id) != announced {
		return errors.New("read reply to XADD: the entry ID does not have the announced length")
	}
	return err
}

// commandHead returns the beginning of all commands for a stream, without the number of arguments.
func (w *Writer) commandHead(stream string) []byte {
	head := redisconn.AppendArg(redisconn.AppendArg(nil, "XADD"), stream)
	if w.config.MaxLength > 0 {
		for _, arg := range []string{"MAXLEN", "~", strconv.FormatInt(w.config.MaxLength, 10)} {
			head = redisconn.AppendArg(head, arg)
		}
	}
	return redisconn.AppendArg(head, "*")
}

// appendCommand begins a command whose entry has the given number of names.
func (w *Writer) appendCommand(buf, head []byte, names int) []byte {
	args := 3 + 2*names // XADD, the stream, *
	if w.config.MaxLength > 0 {
		args += 3 // MAXLEN ~ and the length
	}
	return append(redisconn.AppendCommand(buf, args), head...)
}

// appendEvent appends the command that stores an event: its id, then the names and values of its document.
func (w *Writer) appendEvent(buf, head []byte, e *telemetry.Event) []byte {
	var room [eventdoc.TypicalLen]telemetry.Field
	// The first field reserves the name id, so that Fill stores a field of the event with this name under another one. Its value
	// is written below.
	d := eventdoc.Document(append(room[:0], telemetry.Text(nameID, ""))).Fill(e)
	buf = w.appendCommand(buf, head, len(d))
	buf = redisconn.AppendArg(buf, nameID)
	start := len(buf)
	buf = redisconn.WrapArg(e.AppendID(buf, w.instance), start)
	for _, v := range d[1:] {
		buf = redisconn.AppendArg(buf, v.Key)
		start := len(buf)
		buf = redisconn.WrapArg(v.AppendText(buf), start)
	}
	return buf
}
