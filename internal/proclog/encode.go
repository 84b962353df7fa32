package proclog

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/rtcollector/rtcollector/internal/eventdoc"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// kind is the value of the field "event".
const kind = "process"

// Names of the values in documents, beside those that every event has.
const (
	fieldEvent     = "event"
	fieldSnapshot  = "snapshot"
	fieldRank      = "rank"
	fieldPID       = "pid"
	fieldParent    = "ppid"
	fieldStart     = "start" // milliseconds since the epoch
	fieldUser      = "user"
	fieldName      = "comm"
	fieldCmdline   = "cmdline"
	fieldGroup     = "group"
	fieldSubgroup  = "subgroup"
	fieldUnit      = "unit"
	fieldContainer = "container"
	fieldCPU       = "cpu_percent"
	fieldRSS       = "rss_bytes"
	fieldPSS       = "pss_bytes"
	fieldRead      = "read_bytes_rate"
	fieldWrite     = "write_bytes_rate"
	fieldRx        = "rx_bytes_rate"
	fieldTx        = "tx_bytes_rate"
	fieldThreads   = "threads"
)

// fieldCount is the number of fields of a row of which all is known.
const fieldCount = 21

// Event returns the row as an event that an input emits. Texts that are too long are cut. Unknown values have no field.
func (r *Row) Event() telemetry.Event {
	row := *r
	row.limitTexts()
	row.limitNumbers()
	e := telemetry.Event{
		Time: row.Time, Source: Source, Severity: telemetry.Debug, Host: row.Host, App: row.Name, MsgID: kind, Message: row.Summary(),
	}
	if row.PID > 0 {
		e.Proc = strconv.Itoa(row.PID)
	}
	fields := fieldList(make([]telemetry.Field, 0, fieldCount))
	fields.addText(fieldEvent, kind)
	fields.addInt(fieldSnapshot, row.Snapshot, true)
	fields.addInt(fieldRank, int64(row.Rank), row.Rank > 0)
	fields.addInt(fieldPID, int64(row.PID), row.PID > 0)
	fields.addInt(fieldParent, int64(row.Parent), row.Parent > 0)
	fields.addInt(fieldStart, row.Start.UnixMilli(), !row.Start.IsZero())
	fields.addText(fieldUser, row.User)
	fields.addText(fieldName, row.Name)
	fields.addText(fieldCmdline, row.Cmdline)
	fields.addText(fieldGroup, row.Group)
	fields.addText(fieldSubgroup, row.Subgroup)
	fields.addText(fieldUnit, row.Unit)
	fields.addText(fieldContainer, row.Container)
	fields.addRate(fieldCPU, row.CPU)
	fields.addInt(fieldRSS, row.RSS, row.RSS >= 0)
	fields.addInt(fieldPSS, row.PSS, row.PSS >= 0)
	fields.addRate(fieldRead, row.Read)
	fields.addRate(fieldWrite, row.Write)
	fields.addRate(fieldRx, row.Rx)
	fields.addRate(fieldTx, row.Tx)
	fields.addInt(fieldThreads, int64(row.Threads), row.Threads > 0)
	e.Fields = fields
	return e
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

func (l *fieldList) addRate(name string, value float64) {
	if value >= 0 {
		*l = append(*l, telemetry.Float(name, value))
	}
}

// Parse returns the row that a stored document holds. It fails if the document is not a process of a snapshot. Anyone who may write to the
// store may have written the document: texts are cut, and numbers that no process has are unknown.
func Parse(doc eventdoc.Document) (Row, error) {
	if event := doc.Text(fieldEvent); event != kind || doc.Text(eventdoc.Source) != Source {
		return Row{}, fmt.Errorf("the event %.32q of %.32q is not a process of a snapshot", event, doc.Text(eventdoc.Source))
	}
	snapshot, ok := findInt(doc, fieldSnapshot)
	if !ok || snapshot < 0 {
		return Row{}, errors.New("the event has no snapshot")
	}
	ms, _ := findInt(doc, eventdoc.Timestamp)
	r := Row{
		Time: time.UnixMilli(ms), Host: doc.Text(eventdoc.Host), Snapshot: snapshot, Rank: readCount(doc, fieldRank),
		PID: readCount(doc, fieldPID), Parent: readCount(doc, fieldParent),
		User: doc.Text(fieldUser), Name: doc.Text(fieldName), Cmdline: doc.Text(fieldCmdline), Group: doc.Text(fieldGroup), Subgroup: doc.Text(fieldSubgroup),
		Unit: doc.Text(fieldUnit), Container: doc.Text(fieldContainer),
		CPU: readRate(doc, fieldCPU), RSS: readSize(doc, fieldRSS), PSS: readSize(doc, fieldPSS),
		Read: readRate(doc, fieldRead), Write: readRate(doc, fieldWrite), Rx: readRate(doc, fieldRx), Tx: readRate(doc, fieldTx),
		Threads: readCount(doc, fieldThreads),
	}
	if start, known := findInt(doc, fieldStart); known {
		r.Start = time.UnixMilli(start)
	}
	r.limitTexts()
	r.limitNumbers()
	return r, nil
}

// findInt returns a whole number, which is a text in documents that are stored as hashes.
func findInt(doc eventdoc.Document, name string) (n int64, ok bool) {
	n, err := strconv.ParseInt(doc.Text(name), 10, 64)
	return n, err == nil
}

// readCount returns a number that fits into 32 bits, or 0.
func readCount(doc eventdoc.Document, name string) int {
	n, err := strconv.ParseInt(doc.Text(name), 10, 32)
	if err != nil {
		return 0
	}
	return int(n)
}

func readSize(doc eventdoc.Document, name string) int64 {
	if n, ok := findInt(doc, name); ok {
		return n
	}
	return Unknown
}

func readRate(doc eventdoc.Document, name string) float64 {
	v, err := strconv.ParseFloat(doc.Text(name), 64)
	if err != nil {
		return Unknown
	}
	return v
}
