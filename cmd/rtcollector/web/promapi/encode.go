package promapi

import (
	"io"
	"math"
	"strconv"
	"sync"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/rtcollector/rtcollector/internal/eventdoc"
)

// flushSize is the number of bytes after which an encoder writes out its buffer.
const flushSize = 32 << 10

// encoder writes JSON piece by piece. After the first failed write it does nothing.
type encoder struct {
	w   io.Writer
	buf []byte
	err error
}

var encoders = sync.Pool{New: func() any { return &encoder{buf: make([]byte, 0, flushSize+4096)} }}

func newEncoder(w io.Writer) *encoder {
	e, _ := encoders.Get().(*encoder)
	e.w, e.buf, e.err = w, e.buf[:0], nil
	return e
}

// close writes out the rest.
func (e *encoder) close() {
	e.flush()
	e.w = nil
	if cap(e.buf) < 4*flushSize { // a long text made it larger
		encoders.Put(e)
	}
}

func (e *encoder) flush() {
	if e.err == nil {
		_, e.err = e.w.Write(e.buf)
	}
	e.buf = e.buf[:0]
}

// flushIfFull is called between the elements of long lists. It reports whether more output makes sense.
func (e *encoder) flushIfFull() bool {
	if len(e.buf) >= flushSize {
		e.flush()
	}
	return e.err == nil
}

func (e *encoder) raw(text string) { e.buf = append(e.buf, text...) }

func (e *encoder) text(text string) { e.buf, _ = eventdoc.AppendString(e.buf, text) }

// texts writes a key and a list, or nothing if the list is empty.
func (e *encoder) texts(key string, list []string) {
	if len(list) > 0 {
		e.raw(key)
		textList(list).encode(e)
	}
}

// time writes milliseconds since 1970 as seconds.
func (e *encoder) time(ms int64) {
	if ms < 0 {
		e.raw("-")
		ms = -ms
	}
	e.buf = strconv.AppendInt(e.buf, ms/1000, 10)
	if rest := ms % 1000; rest != 0 {
		e.buf = append(e.buf, '.', byte('0'+rest/100), byte('0'+rest/10%10), byte('0'+rest%10))
	}
}

// value writes a number as a string, as Prometheus does: JSON knows neither NaN nor infinity.
func (e *encoder) value(v float64) {
	format := byte('f')
	if abs := math.Abs(v); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	e.buf = append(e.buf, '"')
	e.buf = strconv.AppendFloat(e.buf, v, format, -1, 64)
	e.buf = append(e.buf, '"')
}

func (e *encoder) point(ms int64, v float64) {
	e.raw("[")
	e.time(ms)
	e.raw(",")
	e.value(v)
	e.raw("]")
}

func (e *encoder) labels(l labels.Labels) {
	separator := "{"
	l.Range(func(l labels.Label) {
		e.raw(separator)
		e.text(l.Name)
		e.raw(":")
		e.text(l.Value)
		separator = ","
	})
	if separator == "{" {
		e.raw(separator)
	}
	e.raw("}")
}

// encodable is the data of an answer.
type encodable interface{ encode(*encoder) }

// list writes n elements, which each writes, in brackets.
func (e *encoder) list(n int, each func(i int)) {
	e.raw("[")
	for i := range n {
		if !e.flushIfFull() {
			return
		}
		if i > 0 {
			e.raw(",")
		}
		each(i)
	}
	e.raw("]")
}

// literal is JSON.
type literal string

func (l literal) encode(e *encoder) { e.raw(string(l)) }

type textValue string

func (t textValue) encode(e *encoder) { e.text(string(t)) }

type textList []string

func (l textList) encode(e *encoder) { e.list(len(l), func(i int) { e.text(l[i]) }) }

type seriesList []labels.Labels

func (l seriesList) encode(e *encoder) { e.list(len(l), func(i int) { e.labels(l[i]) }) }

// textMap is an object with texts, in this order.
type textMap [][2]string

func (m textMap) encode(e *encoder) {
	separator := "{"
	for _, pair := range m {
		e.raw(separator)
		e.text(pair[0])
		e.raw(":")
		e.text(pair[1])
		separator = ","
	}
	e.raw("}")
}

type metricDoc struct {
	name, unit string
	MetricDoc
}

type metricDocs []metricDoc

func (l metricDocs) encode(e *encoder) {
	e.raw("{")
	for i, m := range l {
		if !e.flushIfFull() {
			return
		}
		if i > 0 {
			e.raw(",")
		}
		e.text(m.name)
		e.raw(":[")
		textMap{{"type", m.Type}, {"help", m.Help}, {"unit", m.unit}}.encode(e)
		e.raw("]")
	}
	e.raw("}")
}

// result is the value of an expression.
type result struct{ parser.Value }

func (r result) encode(e *encoder) {
	e.raw(`{"resultType":"`)
	e.raw(string(r.Type()))
	e.raw(`","result":`)
	switch v := r.Value.(type) {
	case promql.Scalar:
		e.scalar(v)
	case promql.String:
		e.raw("[")
		e.time(v.T)
		e.raw(",")
		e.text(v.V)
		e.raw("]")
	case promql.Vector:
		e.list(len(v), func(i int) {
			e.raw(`{"metric":`)
			e.labels(v[i].Metric)
			e.raw(`,"value":`)
			e.point(v[i].T, v[i].F)
			e.raw("}")
		})
	case promql.Matrix:
		e.list(len(v), func(i int) {
			e.raw(`{"metric":`)
			e.labels(v[i].Metric)
			e.raw(`,"values":`)
			points := v[i].Floats
			e.list(len(points), func(i int) { e.point(points[i].T, points[i].F) })
			e.raw("}")
		})
	}
	e.raw("}")
}

// scalar writes a scalar. Prometheus formats it without exponent.
func (e *encoder) scalar(s promql.Scalar) {
	e.raw("[")
	e.time(s.T)
	e.raw(`,"`)
	e.buf = strconv.AppendFloat(e.buf, s.V, 'f', -1, 64)
	e.raw(`"]`)
}

// truncate shortens a vector or matrix to limit series and reports whether it did, and how many there were. 0 is no limit.
func truncate(v *parser.Value, limit int) (cut bool, total int) {
	switch list := (*v).(type) {
	case promql.Vector:
		if total = len(list); limit > 0 && total > limit {
			*v = list[:limit]
			return true, total
		}
	case promql.Matrix:
		if total = len(list); limit > 0 && total > limit {
			*v = list[:limit]
			return true, total
		}
	}
	return false, total
}
