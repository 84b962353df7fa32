package connlog

import (
	"strconv"
	"strings"
)

// Summary returns the event in words, for its message. Outputs need not store a message that equals its summary.
func (e *Event) Summary() string {
	b := make([]byte, 0, 96)
	b = append(b, e.Comm...)
	if e.PID > 0 {
		b = append(strconv.AppendInt(append(b, '['), int64(e.PID), 10), ']')
	}
	b = append(b, ' ')
	b = append(b, e.verb()...)
	if to := e.Destination(); to != "" {
		b = append(append(b, ' '), to...)
	}
	if port := e.ServicePort(); port != 0 {
		b = strconv.AppendUint(append(b, " port "...), uint64(port), 10)
	}
	if e.Proto != "" {
		b = append(append(append(b, " ("...), e.Proto...), ')')
	}
	if e.Error != "" {
		b = append(append(b, ": "...), e.Error...)
	}
	return strings.TrimSpace(string(b))
}

func (e *Event) verb() string {
	switch {
	case e.Kind == Alert:
		return "alert " + e.Alert + ":"
	case e.Direction == Listen && e.Kind == Connect:
		return "listens on"
	case e.Direction == Listen:
		return "no longer listens on"
	case e.Kind == Connect && e.Error != "":
		return "could not connect to"
	case e.Kind == Connect && e.Direction == In:
		return "accepted"
	case e.Kind == Connect:
		return "connected to"
	case e.Direction == In:
		return "closed the connection from"
	}
	return "closed the connection to"
}
