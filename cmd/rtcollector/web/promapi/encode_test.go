package promapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"strconv"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
)

// matrix returns a result as the dashboard gets it.
func matrix(series, points int) promql.Matrix {
	m := make(promql.Matrix, series)
	for i := range m {
		m[i].Metric = labels.FromStrings("__name__", "net_rx_bytes_rate", "host", "web-"+strconv.Itoa(i), "iface", "eth0", "source", "linux_net", "unit", "bytes/s")
		for j := range points {
			m[i].Floats = append(m[i].Floats, promql.FPoint{T: 1750003200000 + int64(j)*15000, F: float64(i*j) / 7})
		}
	}
	return m
}

// TestEncodeInPieces: an answer of many pieces is one JSON document with every point.
func TestEncodeInPieces(t *testing.T) {
	w := httptest.NewRecorder()
	m := matrix(20, 1000)
	writeAnswer(w, answer{data: result{m}, warnings: []string{"a \"warning\""}})
	var got struct {
		Status   string
		Warnings []string
		Data     struct {
			Result []struct {
				Metric map[string]string
				Values [][2]any
			}
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || got.Status != "success" || len(got.Data.Result) != len(m) || got.Warnings[0] != `a "warning"` {
		t.Fatalf("%v, %d series", err, len(got.Data.Result))
	}
	for i, s := range got.Data.Result {
		if len(s.Values) != 1000 || s.Metric["host"] != m[i].Metric.Get("host") || len(s.Metric) != 5 {
			t.Fatalf("series %d has %d values and labels %v", i, len(s.Values), s.Metric)
		}
		for j, v := range s.Values {
			if v[0] != float64(m[i].Floats[j].T)/1000 || v[1] != strconv.FormatFloat(m[i].Floats[j].F, 'f', -1, 64) {
				t.Fatalf("point %d of series %d is %v", j, i, v)
			}
		}
	}
}

// brokenWriter fails after some bytes, like the connection of a client that went away.
type brokenWriter struct {
	*httptest.ResponseRecorder
	left, writes int
}

func (b *brokenWriter) Write(data []byte) (int, error) {
	b.writes++
	if b.left -= len(data); b.left < 0 {
		return 0, errors.New("broken pipe")
	}
	return len(data), nil
}

// TestEncodeForNobody: encoding ends with the connection.
func TestEncodeForNobody(t *testing.T) {
	w := &brokenWriter{ResponseRecorder: httptest.NewRecorder(), left: flushSize + 5000}
	released := false
	writeAnswer(w, answer{data: result{matrix(50, 1000)}, done: func() { released = true }})
	if w.writes != 2 || !released {
		t.Errorf("%d writes, released %v", w.writes, released)
	}
}

// BenchmarkEncode writes the answer to a range query of 50 series of 1,000 points, and compares it with encoding/json.
func BenchmarkEncode(b *testing.B) {
	m := matrix(50, 1000)
	for name, encode := range map[string]func(*bytes.Buffer){
		"ours": func(w *bytes.Buffer) {
			e := newEncoder(w)
			result{m}.encode(e)
			e.close()
		},
		"encoding_json": func(w *bytes.Buffer) {
			if err := json.NewEncoder(w).Encode(m); err != nil {
				b.Fatal(err)
			}
		},
	} {
		b.Run(name, func(b *testing.B) {
			var w bytes.Buffer
			encode(&w)
			b.SetBytes(int64(w.Len()))
			b.ReportAllocs()
			for b.Loop() {
				w.Reset()
				encode(&w)
			}
		})
	}
}
