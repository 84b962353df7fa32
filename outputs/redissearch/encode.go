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

// appendEvent appends the commands that store an event: [Writer.repliesPerDocument] of them.
func (w *Writer) appendEvent(buf []byte, e *telemetry.Event) []byte {
	var room [eventdoc.TypicalLen]telemetry.Field
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
	if w.isClustered() {
		buf = append(buf, asking...) // while the key's slot moves to another node, every command needs its own ASKING
	}
	buf = w.appendKeyArg(append(buf, pexpireat...), e)
	return redisconn.AppendInt(buf, e.Time.Add(w.config.TTL.D()).UnixMilli())
}

func (w *Writer) isClustered() bool { return len(w.config.Cluster) > 0 }

// repliesPerDocument returns the number of commands that appendEvent appends. They are sent together, so that a document never stays
// without its expiry because a cluster redirected only one of them.
func (w *Writer) repliesPerDocument() int {
	switch {
	case w.config.TTL == 0:
		return 1
	case w.isClustered():
		return 3
	}
	return 2
}

// appendHash appends the HSET of a document. Values of a hash may be any bytes.
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
