package disk

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

var errEventPayload = errors.New("a record does not have the layout of events")

// smallestEvent and smallestField are the fewest bytes that an event and a field take.
const (
	smallestEvent = 11
	smallestField = 3
)

// EventEncoder writes events. Run is the instance of this run of the agent, which is part of their identity.
type EventEncoder struct{ Run string }

// Append appends an event.
func (x EventEncoder) Append(buf []byte, e *telemetry.Event) []byte {
	buf = binary.AppendVarint(buf, e.Time.Unix())
	buf = binary.AppendUvarint(buf, uint64(e.Time.Nanosecond()))
	buf = binary.AppendUvarint(buf, e.Seq)
	for _, text := range []string{e.Origin(x.Run), e.Source, e.Host, e.App, e.Proc, e.MsgID, e.Message} {
		buf = appendString(buf, text)
	}
	buf = binary.AppendUvarint(append(buf, byte(e.Severity)), uint64(len(e.Fields)))
	for _, f := range e.Fields {
		buf = append(appendString(buf, f.Key), byte(f.Kind()))
		if f.Kind() == telemetry.KindText {
			buf = appendString(buf, f.Text())
		} else {
			buf = binary.AppendUvarint(buf, f.Bits())
		}
	}
	return buf
}

// DecodeEvents returns the events of a payload.
func DecodeEvents(payload []byte, count int) ([]telemetry.Event, error) {
	s := newScanner(payload, true)
	if count < 0 || count > len(payload)/smallestEvent {
		return nil, errEventPayload
	}
	events := make([]telemetry.Event, 0, count)
	for len(s.data) > 0 {
		var e telemetry.Event
		seconds, nanoseconds := s.varint(), s.uvarint()
		e.Time, e.Seq = time.Unix(seconds, int64(nanoseconds)), s.uvarint()
		for _, text := range []*string{&e.Run, &e.Source, &e.Host, &e.App, &e.Proc, &e.MsgID, &e.Message} {
			*text = s.string()
		}
		e.Severity = telemetry.Severity(s.byte())
		if n := s.count(smallestField); n > 0 {
			e.Fields = make([]telemetry.Field, n)
		}
		for i := range e.Fields {
			key, kind := s.string(), telemetry.FieldKind(s.byte())
			if kind == telemetry.KindText {
				e.Fields[i] = telemetry.Text(key, s.string())
			} else {
				e.Fields[i] = telemetry.NewField(key, kind, "", s.uvarint())
			}
			if kind > telemetry.KindBool {
				return nil, errEventPayload
			}
		}
		if s.failed || nanoseconds >= 1e9 {
			return nil, errEventPayload
		}
		events = append(events, e)
	}
	if len(events) != count {
		return nil, errEventPayload
	}
	return events, nil
}
