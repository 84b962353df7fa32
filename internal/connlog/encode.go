package connlog

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/eventdoc"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// Names of the values in documents, beside those that every event has.
const (
	fieldEvent        = "event"
	fieldAlert        = "alert"
	fieldRunID        = "run_id"
	fieldSession      = "session"
	fieldConn         = "conn"
	fieldPID          = "pid"
	fieldComm         = "comm"
	fieldCmdline      = "cmdline"
	fieldUser         = "user"
	fieldAncestry     = "ancestry"
	fieldProvider     = "provider"
	fieldProto        = "proto"
	fieldDirection    = "direction"
	fieldLocalIP      = "local_ip"
	fieldLocalPort    = "local_port"
	fieldRemoteIP     = eventdoc.RemoteIP
	fieldRemotePort   = "remote_port"
	fieldDomain       = "domain"
	fieldDomainSource = "domain_source"
	fieldDuration     = "duration_ms"
	fieldTx           = "tx_bytes"
	fieldRx           = "rx_bytes"
	fieldRetries      = "retry_count"
	fieldError        = "error"
	fieldReason       = "reason"
	fieldBeforeStart  = "before_start"
	fieldVia          = "via"
)

// fieldCount is at least the number of fields of an event.
const fieldCount = 28

// Telemetry returns the event as one that an input emits.
func (e *Event) Telemetry() telemetry.Event {
	t := telemetry.Event{
		Time: e.Time, Source: Source, Severity: e.severity(), Host: e.Host, App: e.Comm, MsgID: string(e.Kind), Message: e.Message,
		Fields: make([]telemetry.Field, 0, fieldCount),
	}
	if e.PID > 0 {
		t.Proc = strconv.Itoa(e.PID)
	}
	fields := fieldList(t.Fields)
	fields.addText(fieldEvent, string(e.Kind))
	fields.addText(fieldAlert, e.Alert)
	fields.addText(fieldRunID, e.RunID)
	fields.addText(fieldSession, e.Session)
	fields.addInt(fieldConn, int64(e.Conn), e.Conn != 0)
	fields.addInt(fieldPID, int64(e.PID), e.PID > 0)
	fields.addText(fieldComm, e.Comm)
	fields.addText(fieldCmdline, e.Cmdline)
	fields.addText(fieldUser, e.User)
	fields.addText(fieldAncestry, e.Ancestry)
	fields.addText(fieldProvider, e.Provider)
	fields.addText(fieldProto, e.Proto)
	fields.addText(fieldDirection, e.Direction)
	fields.addAddress(fieldLocalIP, fieldLocalPort, e.Local)
	fields.addAddress(fieldRemoteIP, fieldRemotePort, e.Remote)
	fields.addText(fieldDomain, e.Domain)
	fields.addText(fieldDomainSource, e.DomainSource)
	if e.HasDuration {
		fields = append(fields, telemetry.Float(fieldDuration, float64(e.Duration.Microseconds())/1000))
	}
	fields.addInt(fieldTx, e.TxBytes, e.TxBytes >= 0 && e.Kind == Close)
	fields.addInt(fieldRx, e.RxBytes, e.RxBytes >= 0 && e.Kind == Close)
	fields.addInt(fieldRetries, int64(e.RetryCount), e.RetryCount > 0)
	fields.addText(fieldError, e.Error)
	fields.addText(fieldReason, e.Reason)
	if e.BeforeStart {
		fields = append(fields, telemetry.Bool(fieldBeforeStart, true))
	}
	fields.addText(fieldVia, e.Via)
	t.Fields = fields
	return t
}

func (e *Event) severity() telemetry.Severity {
	switch {
	case e.Kind == Alert:
		return telemetry.Warning
	case e.Error != "":
		return telemetry.Notice
	}
	return telemetry.Informational
}

type fieldList []telemetry.Field

func (l *fieldList) addText(name, value string) {
	if value != "" {
		*l = append(*l, telemetry.Text(name, value))
	}
}

func (l *fieldList) addInt(name string, value int64, known bool) {
	if known {
		*l = append(*l, telemetry.Int(name, value))
	}
}

func (l *fieldList) addAddress(ip, port string, a netip.AddrPort) {
	if a.IsValid() {
		*l = append(*l, telemetry.Text(ip, a.Addr().String()), telemetry.Int(port, int64(a.Port())))
	}
}

// Parse returns the event that a stored document holds. It fails if the document is not about a connection.
func Parse(doc eventdoc.Document) (Event, error) {
	e := Event{
		Time: time.UnixMilli(readInt(doc, eventdoc.Timestamp)), Host: doc.Text(eventdoc.Host), Kind: Kind(doc.Text(fieldEvent)),
		Alert: doc.Text(fieldAlert), Message: doc.Text(eventdoc.Message), RunID: doc.Text(fieldRunID), Session: doc.Text(fieldSession),
		Conn: uint64(readInt(doc, fieldConn)),
		PID:  int(readInt(doc, fieldPID)), Comm: doc.Text(fieldComm), Cmdline: doc.Text(fieldCmdline), User: doc.Text(fieldUser), Ancestry: doc.Text(fieldAncestry),
		Provider: doc.Text(fieldProvider), Proto: doc.Text(fieldProto), Direction: doc.Text(fieldDirection),
		Local: readAddress(doc, fieldLocalIP, fieldLocalPort), Remote: readAddress(doc, fieldRemoteIP, fieldRemotePort),
		Domain: doc.Text(fieldDomain), DomainSource: doc.Text(fieldDomainSource),
		TxBytes: -1, RxBytes: -1, RetryCount: int(readInt(doc, fieldRetries)),
		Error: doc.Text(fieldError), Reason: doc.Text(fieldReason), BeforeStart: doc.Text(fieldBeforeStart) == "true", Via: doc.Text(fieldVia),
	}
	switch e.Kind {
	case Connect, Close, Alert:
	default:
		return Event{}, fmt.Errorf("the event is %q, not about a connection", e.Kind)
	}
	if text := doc.Text(fieldDuration); text != "" {
		ms, err := strconv.ParseFloat(text, 64)
		e.Duration, e.HasDuration = time.Duration(ms*float64(time.Millisecond)).Round(time.Microsecond), err == nil
	}
	if doc.Text(fieldTx) != "" {
		e.TxBytes = readInt(doc, fieldTx)
	}
	if doc.Text(fieldRx) != "" {
		e.RxBytes = readInt(doc, fieldRx)
	}
	return e, nil
}

// readInt returns a whole number, which is a text in documents that are stored as hashes.
func readInt(doc eventdoc.Document, name string) int64 {
	n, _ := strconv.ParseInt(doc.Text(name), 10, 64)
	return n
}

func readAddress(doc eventdoc.Document, ip, port string) netip.AddrPort {
	addr, err := netip.ParseAddr(doc.Text(ip))
	n := readInt(doc, port)
	if err != nil || n < 0 || n > 65535 {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(addr, uint16(n))
}

// Destination returns the remote end as people call it: its name if it has one, else its address.
func (e *Event) Destination() string {
	if e.Domain != "" {
		return e.Domain
	}
	if !e.Remote.IsValid() {
		return ""
	}
	return strings.TrimPrefix(e.Remote.Addr().String(), "::ffff:")
}

// FieldNames returns the names of the fields of documents, in the order in which people want to read them.
func FieldNames() []string {
	return []string{
		fieldEvent, fieldAlert, fieldProvider, fieldComm, fieldPID, fieldUser, fieldProto, fieldDirection, fieldDomain, fieldDomainSource,
		fieldRemoteIP, fieldRemotePort, fieldLocalIP, fieldLocalPort, fieldDuration, fieldTx, fieldRx, fieldRetries, fieldError, fieldReason,
		fieldBeforeStart, fieldRunID, fieldSession, fieldConn, fieldVia, fieldCmdline, fieldAncestry,
	}
}
