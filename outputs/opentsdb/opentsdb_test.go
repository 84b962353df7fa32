package opentsdb_test

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/catalog/catalogtest"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
	"github.com/rtcollector/rtcollector/outputs/opentsdb"
	"github.com/rtcollector/rtcollector/outputs/outputtest"
)

func TestConformance(t *testing.T) {
	addr := servicetest.ServeRaw(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	outputtest.Run(t, outputtest.Case{Definition: opentsdb.Plugin, Config: "{destination: [\"" + addr + "\"]}"})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusNoContent)
	}))
	defer s.Close()
	outputtest.Run(t, outputtest.Case{Definition: opentsdb.Plugin, Config: "{destination: [\"" + s.URL + "\"]}"})
}

// TestOnlyRefusedSamplesAreLost has a server that refuses two of five samples, and answers with details.
func TestOnlyRefusedSamplesAreLost(t *testing.T) {
	var stored []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := gzip.NewReader(r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		var points []struct {
			Metric    string
			Timestamp int64
			Value     float64
			Tags      map[string]string
		}
		if err := json.NewDecoder(body).Decode(&points); err != nil || r.URL.String() != "/api/put?details" {
			t.Errorf("%s: %v", r.URL, err)
		}
		failed := 0
		for _, p := range points {
			if p.Value > 3 {
				failed++
				continue
			}
			stored = append(stored, fmt.Sprint(p.Metric, " ", p.Timestamp, " ", p.Value, " ", p.Tags))
		}
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprintf(w, `{"success":%d,"failed":%d,"errors":[{"datapoint":{"metric":"m"},"error":"too \u001b large"}]}`, len(points)-failed, failed)
	}))
	defer s.Close()
	out := build(t, fmt.Sprintf("{destination: [%q]}", s.URL))
	at := time.Unix(1_700_000_000, 0)
	b := telemetry.NewBatch(at, at, 0)
	for i := range 5 {
		b.Add(telemetry.NewFactory("h", "t", nil).Gauge("m", telemetry.None, telemetry.Label{Key: "i", Value: fmt.Sprint(i)}), float64(i+1))
	}
	var reject *outputs.RejectError
	if err := write(t, out, b); !errors.As(err, &reject) || reject.N != 2 || reject.Reasons["refused"] != 2 || !strings.Contains(err.Error(), `too \x1b large: {"metric":"m"}`) {
		t.Errorf("%v", err)
	}
	want := []string{"rtcollector.m 1700000000 1 map[host:h i:0 source:t]", "rtcollector.m 1700000000 2 map[host:h i:1 source:t]", "rtcollector.m 1700000000 3 map[host:h i:2 source:t]"}
	if diff := cmp.Diff(want, stored); diff != "" {
		t.Error(diff)
	}
}

func TestTooManyTags(t *testing.T) {
	out := catalogtest.Build(t, opentsdb.Plugin, "{max_tags: 3, tags: [site]}", outputs.Env{Host: "h"})
	f := telemetry.NewFactory("h", "t", map[string]string{"site": "x", "rack": "y"})
	series := []*telemetry.Series{
		f.Gauge("m", telemetry.Bytes, telemetry.Label{Key: "a", Value: "1"}, telemetry.Label{Key: "b", Value: "2"}),
		f.Gauge("m", telemetry.Bytes, telemetry.Label{Key: "a", Value: "1"}, telemetry.Label{Key: "b", Value: "3"}), // the same without b
	}
	r := out.(outputs.Inspector).Inspect(t.Context(), series)
	text := strings.Join(r.Warnings, "\n")
	if !strings.Contains(text, "2 series have more than 3 tags") || !strings.Contains(text, "would have the same name") {
		t.Errorf("%q", r)
	}
}
