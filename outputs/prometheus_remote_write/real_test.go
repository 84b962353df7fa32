package prometheusremotewrite_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	remoteapi "github.com/prometheus/client_golang/exp/api/remote"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"

	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	remotewrite "github.com/rtcollector/rtcollector/outputs/prometheus_remote_write"
)

// hostileBatches returns two batches with labels and values that are hard to transfer.
func hostileBatches(now time.Time) []*telemetry.Batch {
	f := telemetry.NewFactory("h1", "test", nil)
	series := f.Gauge("my.gauge", telemetry.Bytes, telemetry.Label{Key: "l", Value: "a\"b\\c\nd\xff"}, telemetry.Label{Key: "a-b", Value: "x"})
	infinite := f.New("infinite", telemetry.Counter, telemetry.None)
	var batches []*telemetry.Batch
	for i := range 2 {
		at := now.Add(time.Duration(i-2) * time.Second)
		b := telemetry.NewBatch(at, at, 2)
		b.Add(series, 1.5+float64(i))
		b.AddAt(infinite, math.Inf(-1), at.UnixMilli())
		batches = append(batches, b)
	}
	return batches
}

// wantSeries returns what a receiver must have of hostileBatches.
func wantSeries(now time.Time) map[string]string {
	first, second := now.Add(-2*time.Second).UnixMilli(), now.Add(-time.Second).UnixMilli()
	return map[string]string{
		"my_gauge a\"b\\c\nd\uFFFD x bytes": fmt.Sprintf("[1.5@%d 2.5@%d]", first, second),
		"infinite   ":                       fmt.Sprintf("[-Inf@%d -Inf@%d]", first, second),
	}
}

// get requests a page of a server.
func get(ctx context.Context, address string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, err
	}
	return http.DefaultClient.Do(r)
}

// readBack returns the raw samples that a server has.
func readBack(ctx context.Context, server string) (map[string]string, error) {
	// Makes VictoriaMetrics show what it has received. Prometheus answers 404.
	if resp, err := get(ctx, server+"/internal/force_flush"); err == nil {
		_ = resp.Body.Close()
	}
	resp, err := get(ctx, server+"/api/v1/query?query="+url.QueryEscape(`{host="h1"}[5m]`))
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	var answer struct {
		Data struct {
			Result []struct {
				Metric map[string]string
				Values [][2]any
			}
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return nil, err
	}
	found := map[string]string{}
	for _, s := range answer.Data.Result {
		var samples []string
		for _, v := range s.Values {
			seconds, _ := v[0].(float64)
			samples = append(samples, fmt.Sprintf("%v@%d", v[1], int64(math.Round(seconds*1000))))
		}
		m := s.Metric
		found[m["__name__"]+" "+m["l"]+" "+m["a_b"]+" "+m["unit"]] = fmt.Sprint(samples)
	}
	return found, nil
}

// checkReceiver writes to a server and reads the samples back. The last ones are written twice, as after a lost answer.
func checkReceiver(t *testing.T, server string, version remotewrite.Version) {
	t.Helper()
	now := time.Now().Truncate(time.Millisecond)
	w := open(t, server, "")
	batches := hostileBatches(now)
	for _, b := range append(batches, batches[1]) {
		if reasons := writeAll(t, w, b); len(reasons) != 0 {
			t.Errorf("%v", reasons)
		}
	}
	if w.VersionInUse() != version {
		t.Errorf("version %s is used", w.VersionInUse())
	}
	servicetest.Until(t, "the samples are there", func(ctx context.Context) error {
		got, err := readBack(ctx, server)
		if want := wantSeries(now); err == nil && fmt.Sprint(got) != fmt.Sprint(want) {
			err = fmt.Errorf("got %q, want %q", got, want)
		}
		return err
	})
}

// startPrometheus starts Debian's Prometheus, which knows version 1 only, and returns its address.
func startPrometheus(t *testing.T, args ...string) string {
	t.Helper()
	servicetest.RequireCommands(t, "prometheus", "prometheus")
	d := servicetest.New(t)
	settings := d.WriteFile("prometheus.yml", "global: {}\n")
	d.Args = append([]string{"prometheus", "--config.file=" + settings, "--storage.tsdb.path=" + filepath.Join(d.Dir, "data"), "--web.listen-address=127.0.0.1:$PORT"}, args...)
	d.Ready = func(ctx context.Context) error {
		resp, err := get(ctx, "http://"+d.Addr()+"/-/ready")
		if err != nil {
			return err
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("status %d", resp.StatusCode)
		}
		return nil
	}
	d.Run()
	return "http://" + d.Addr()
}

func TestPrometheus(t *testing.T) {
	server := startPrometheus(t, "--web.enable-remote-write-receiver")
	checkReceiver(t, server, remotewrite.Version1)

	// Queries do not show a series that has ended.
	f := telemetry.NewFactory("h3", "test", nil)
	ends := f.Gauge("ends", telemetry.None)
	now := time.Now()
	last := telemetry.NewBatch(now, now, 1)
	last.Add(ends, 1)
	last.End(ends)
	w := open(t, server, "")
	if reasons := writeAll(t, w, last); len(reasons) != 0 {
		t.Error(reasons)
	}
	if now, ever := countSeries(t, server, `ends`), countSeries(t, server, `last_over_time(ends[5m])`); now != 0 || ever != 1 {
		t.Errorf("a series that ended: %d at present, %d before", now, ever)
	}

	// What Prometheus refuses does not take the other samples of the request with it.
	f = telemetry.NewFactory("h2", "test", nil)
	old, good := f.Gauge("old", telemetry.None), f.Gauge("good", telemetry.None)
	b := telemetry.NewBatch(now, now, 3)
	b.AddAt(old, 1, now.UnixMilli())
	if reasons := writeAll(t, w, b); len(reasons) != 0 {
		t.Fatal(reasons)
	}
	b = telemetry.NewBatch(now, now, 3)
	b.AddAt(old, 1, now.Add(-time.Second).UnixMilli())
	b.AddAt(good, 1, now.UnixMilli())
	if reasons := writeAll(t, w, b); fmt.Sprint(reasons) != "map[out_of_order:1]" {
		t.Error(reasons)
	}
	b = telemetry.NewBatch(now, now, 3)
	b.AddAt(old, 2, now.UnixMilli())
	b.AddAt(good, 1, now.Add(-48*time.Hour).UnixMilli())
	if reasons := writeAll(t, w, b); fmt.Sprint(reasons) != "map[duplicate:1 too_old:1]" && fmt.Sprint(reasons) != "map[duplicate:1 out_of_order:1]" {
		t.Error(reasons)
	}
	if countSeries(t, server, "good") != 1 {
		t.Error("the good sample is lost")
	}
}

// countSeries returns how many series an expression has now.
func countSeries(t *testing.T, server, expression string) int {
	t.Helper()
	resp, err := get(t.Context(), server+"/api/v1/query?query="+url.QueryEscape(expression))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var answer struct{ Data struct{ Result []any } }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	return len(answer.Data.Result)
}

func TestReceiverNotEnabled(t *testing.T) {
	server := startPrometheus(t)
	reasons := writeAll(t, open(t, server, ""), numbered(3))
	if fmt.Sprint(reasons) != "map[not_found:3]" {
		t.Error(reasons)
	}
}

func TestVictoriaMetrics(t *testing.T) {
	servicetest.RequireCommands(t, "victoria-metrics", "victoria-metrics")
	d := servicetest.New(t)
	d.Args = []string{"victoria-metrics", "-storageDataPath=" + filepath.Join(d.Dir, "data"), "-httpListenAddr=127.0.0.1:$PORT", "-search.latencyOffset=0s", "-dedup.minScrapeInterval=1ms"}
	d.Run()
	checkReceiver(t, "http://"+d.Addr(), remotewrite.Version1)
}

// database is a store behind the protocol handler of Prometheus 3, whose own store needs 25 more modules. Of a request it stores what the
// database accepts, and reports how much that is.
type database struct{ *tsdb.DB }

// Store implements the store of the handler.
func (d database) Store(r *http.Request, kind remoteapi.WriteMessageType) (*remoteapi.WriteResponse, error) {
	answer := remoteapi.NewWriteResponse()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return answer, err
	}
	var series []labels.Labels
	var samples [][]prompb.Sample
	builder := labels.NewScratchBuilder(0)
	if kind == remoteapi.WriteV2MessageType {
		var request writev2.Request
		if err := request.Unmarshal(body); err != nil {
			return answer, err
		}
		for _, s := range request.Timeseries {
			l, err := s.ToLabels(&builder, request.Symbols)
			if err != nil {
				return answer, err
			}
			var points []prompb.Sample
			for _, p := range s.Samples {
				points = append(points, prompb.Sample{Value: p.Value, Timestamp: p.Timestamp})
			}
			series, samples = append(series, l), append(samples, points)
		}
	} else {
		var request prompb.WriteRequest
		if err := request.Unmarshal(body); err != nil {
			return answer, err
		}
		for _, s := range request.Timeseries {
			series, samples = append(series, s.ToLabels(&builder, nil)), append(samples, s.Samples)
		}
	}
	appender, stored := d.Appender(r.Context()), 0
	var refused error
	for i, l := range series {
		for _, p := range samples[i] {
			if _, err := appender.Append(0, l, p.Timestamp, p.Value); err != nil {
				refused = err
				continue
			}
			stored++
		}
	}
	answer.Add(remoteapi.WriteResponseStats{Samples: stored})
	if refused != nil {
		answer.SetStatusCode(http.StatusBadRequest)
	}
	return answer, errors.Join(refused, appender.Commit())
}

// TestVersion2 writes to the protocol handler of Prometheus 3 in this process: no package of Debian has it.
func TestVersion2(t *testing.T) {
	options := tsdb.DefaultOptions()
	options.OutOfOrderTimeWindow = 0
	db, err := tsdb.Open(t.TempDir(), slog.New(slog.DiscardHandler), nil, options, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	handler := remoteapi.NewWriteHandler(database{db}, remoteapi.MessageTypes{remoteapi.WriteV1MessageType, remoteapi.WriteV2MessageType})
	server := httptest.NewServer(handler)
	defer server.Close()
	now := time.Now().Truncate(time.Millisecond)
	batches := hostileBatches(now)
	for i, more := range []string{"", "version: 2", "version: 1"} {
		w := open(t, server.URL, more)
		if reasons := writeAll(t, w, batches[min(i, 1)]); len(reasons) != 0 {
			t.Errorf("%s: %v", more, reasons)
		}
		if more == "" && w.VersionInUse() != remotewrite.Version2 {
			t.Error("version 2 is not used")
		}
	}
	q, err := db.Querier(0, math.MaxInt64)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = q.Close() }()
	set := q.Select(t.Context(), true, nil, labels.MustNewMatcher(labels.MatchEqual, "host", "h1"))
	got := map[string]string{}
	for set.Next() {
		l := set.At().Labels()
		var samples []string
		for it := set.At().Iterator(nil); it.Next() == chunkenc.ValFloat; {
			ms, v := it.At()
			samples = append(samples, fmt.Sprintf("%v@%d", v, ms))
		}
		got[l.Get("__name__")+" "+l.Get("l")+" "+l.Get("a_b")+" "+l.Get("unit")] = fmt.Sprint(samples)
	}
	if want := wantSeries(now); set.Err() != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %q, want %q, %v", got, want, set.Err())
	}
	// Of a request with bad samples, version 2 stores the others and says how many.
	f := telemetry.NewFactory("h2", "test", nil)
	first, second := f.Gauge("first", telemetry.None), f.Gauge("second", telemetry.None)
	w := open(t, server.URL, "version: 2")
	b := telemetry.NewBatch(now, now, 1)
	b.AddAt(first, 1, now.UnixMilli())
	if reasons := writeAll(t, w, b); len(reasons) != 0 {
		t.Fatal(reasons)
	}
	b = telemetry.NewBatch(now, now, 2)
	b.AddAt(first, 1, now.UnixMilli()-1)
	b.AddAt(second, 1, now.UnixMilli())
	if reasons := writeAll(t, w, b); fmt.Sprint(reasons) != "map[out_of_order:1]" {
		t.Error(reasons)
	}
}
