package redissearch

import (
	"github.com/rtcollector/rtcollector/internal/eventdoc"
	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// appendKey appends the key of an event's document.
func (w *Writer) appendKey(buf []byte, e *telemetry.Event) []byte {
	return e.AppendID(append(buf, w.config.KeyPrefix...), w.instance)
}

func (w *Writer) appendKeyArg(buf []byte, e *telemetry.Event) []byte {
	start := len(buf)
	return redisconn.WrapArg(w.appendKey(buf, e), start)
}

const (
	jsonSet   = "*4\r\n$8\r\nJSON.SET\r\n"
	jsonRoot  = "$1\r\n$\r\n"
	hset      = "$4\r\nHSET\r\n"
	pexpireat = "*3\r\n$9\r\nPEXPIREAT\r\n"
	asking    = "*1\r\n$6\r\nASKING\r\n"
)

// appendEvent appends the commands that store an event: see [Writer.replies].
func (w *Writer) appendEvent(buf []byte, e *telemetry.Event) []byte {
	var room [eventdoc.Room]telemetry.Field
	d := eventdoc.Document(room[:0]).Fill(e)
	if w.config.Storage == Hash {
		buf = w.appendHash(buf, e, d)
	} else {
		buf = append(buf, jsonSet...)
		buf = append(w.appendKeyArg(buf, e), jsonRoot...)
		start := len(buf)
		buf = redisconn.WrapArg(d.AppendJSON(buf), start)
	}
	if w.config.TTL == 0 {
		return buf
	}
	if w.clustered() {
		buf = append(buf, asking...) // where the key's slot is moving, the command before it was sent on after ASKING
	}
	buf = w.appendKeyArg(append(buf, pexpireat...), e)
	return redisconn.AppendInt(buf, e.Time.Add(w.config.TTL.D()).UnixMilli())
}

func (w *Writer) clustered() bool { return len(w.config.Cluster) > 0 }

// replies is how many commands appendEvent makes: both belong together, so that a document never is left without its
// end because only one of them was redirected within a cluster.
func (w *Writer) replies() int {
	switch {
	case w.config.TTL == 0:
		return 1
	case w.clustered():
		return 3
	}
	return 2
}

// appendHash appends the HSET of a document; a hash takes any bytes.
func (w *Writer) appendHash(buf []byte, e *telemetry.Event, d eventdoc.Document) []byte {
	buf = redisconn.AppendCommand(buf, 2+2*len(d))
	buf = w.appendKeyArg(append(buf, hset...), e)
	for _, v := range d {
		buf = redisconn.AppendArg(buf, v.Key)
		start := len(buf)
		buf = redisconn.WrapArg(v.AppendText(buf), start)
	}
	return buf
}
