package prometheusremotewrite_test

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"

	"github.com/rtcollector/rtcollector/internal/catalog/catalogtest"
	"github.com/rtcollector/rtcollector/internal/metricdoc"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/internal/tlsx/tlstest"
	"github.com/rtcollector/rtcollector/outputs"
	"github.com/rtcollector/rtcollector/outputs/outputtest"
	remotewrite "github.com/rtcollector/rtcollector/outputs/prometheus_remote_write"
)

// received is one request as a receiver decodes it.
type received struct {
	header http.Header
	body   []byte
	series []receivedSeries
}

type receivedSeries struct {
	labels  string // name=value of each, in their order
	samples []prompb.Sample
	kind    writev2.Metadata_MetricType
	help    string
	unit    string
}

// has reports whether the request has a series with this text in its labels.
func (r *received) has(text string) bool {
	for _, s := range r.series {
		if strings.Contains(s.labels, text) {
			return true
		}
	}
	return false
}

func (r *received) count() (samples int) {
	for _, s := range r.series {
		samples += len(s.samples)
	}
	return samples
}

// decode reads a request with Prometheus' own types.
func decode(t *testing.T, r *http.Request) received {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	got := received{header: r.Header, body: body}
	message, err := snappy.Decode(nil, body)
	if err != nil {
		t.Error(err)
	}
	if r.Header.Get("X-Prometheus-Remote-Write-Version") == "2.0.0" {
		var request writev2.Request
		if err := request.Unmarshal(message); err != nil {
			t.Error(err)
		}
		for _, s := range request.Timeseries {
			one := receivedSeries{kind: s.Metadata.Type, help: request.Symbols[s.Metadata.HelpRef], unit: request.Symbols[s.Metadata.UnitRef]}
			for i := 0; i < len(s.LabelsRefs); i += 2 {
				one.labels += request.Symbols[s.LabelsRefs[i]] + "=" + request.Symbols[s.LabelsRefs[i+1]] + " "
			}
			for _, sample := range s.Samples {
				one.samples = append(one.samples, prompb.Sample{Value: sample.Value, Timestamp: sample.Timestamp})
			}
			got.series = append(got.series, one)
		}
		return got
	}
	var request prompb.WriteRequest
	if err := request.Unmarshal(message); err != nil {
		t.Error(err)
	}
	for _, s := range request.Timeseries {
		one := receivedSeries{samples: s.Samples}
		for _, l := range s.Labels {
			one.labels += l.Name + "=" + l.Value + " "
		}
		got.series = append(got.series, one)
	}
	return got
}

// receiver answers from a script. It is a fake because real receivers do not give every answer.
type receiver struct {
	*httptest.Server
	answer func(w http.ResponseWriter, r *received)
	mu     sync.Mutex // one request after the other, also over several connections
	got    []received
}

func newReceiver(t *testing.T, answer func(w http.ResponseWriter, r *received)) *receiver {
	t.Helper()
	s := &receiver{answer: answer}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		got := decode(t, r)
		s.got = append(s.got, got)
		s.answer(w, &got)
	}))
	t.Cleanup(s.Close)
	return s
}

// status returns an answer with a status and a body, and headers "Name: value".
func status(code int, body string, headers ...string) func(http.ResponseWriter, *received) {
	return func(w http.ResponseWriter, _ *received) {
		for _, h := range headers {
			name, value, _ := strings.Cut(h, ": ")
			w.Header().Set(name, value)
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

// open returns an output that writes to a URL. More is further YAML.
func open(t testing.TB, url, more string) *remotewrite.Writer {
	t.Helper()
	env := outputs.Env{Secrets: secret.Env{}, Describe: func(name string) (metricdoc.Metric, bool) {
		return metricdoc.Metric{Source: "`help` text"}, name == "described"
	}}
	w, ok := catalogtest.Build(t, remotewrite.Plugin, "url: "+url+"/api/v1/write\nmax_age: 0\n"+more, env).(*remotewrite.Writer)
	if !ok {
		t.Fatal("another type")
	}
	if err := w.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w
}

var epoch = time.UnixMilli(1_700_000_000_000)

// numbered returns a batch with a sample of each of n series, number=0 and so on.
func numbered(n int) *telemetry.Batch {
	f := telemetry.NewFactory("h1", "test", nil)
	b := telemetry.NewBatch(epoch, epoch, n)
	for i := range n {
		b.Add(f.Gauge("m", telemetry.None, telemetry.Label{Key: "number", Value: fmt.Sprint(i)}), float64(i))
	}
	return b
}

func write(t *testing.T, w *remotewrite.Writer, b ...*telemetry.Batch) error {
	t.Helper()
	return w.WriteMetrics(t.Context(), b)
}

func TestConformance(t *testing.T) {
	s := newReceiver(t, status(204, ""))
	outputtest.Run(t, outputtest.Case{Definition: remotewrite.Plugin, Config: "max_age: 0\nurl: " + s.URL})
}

// rejected returns what an error says about rejected samples.
func rejected(err error) *outputs.RejectError {
	var r *outputs.RejectError
	var p *outputs.PartialError
	if errors.As(err, &p) {
		return p.Rejected
	}
	_ = errors.As(err, &r)
	return r
}

// asksForRetry reports whether the agent would write everything again.
func asksForRetry(err error) bool {
	var p *outputs.PartialError
	return err != nil && rejected(err) == nil && !outputs.IsPermanent(err) && (!errors.As(err, &p) || p.Settled == 0)
}

// TestAnswers has a test for each row of the case.
func TestAnswers(t *testing.T) {
	text, err := os.ReadFile("testdata/answers.json")
	if err != nil {
		t.Fatal(err)
	}
	var rows []struct{ Status any }
	if err := json.Unmarshal(text, &rows); err != nil {
		t.Fatal(err)
	}
	drops := func(code int, reason, advice string) func(*testing.T) {
		return func(t *testing.T) {
			s := newReceiver(t, status(code, strings.Repeat("\x1b[31m evil\n", 100_000)))
			w := open(t, s.URL, "version: 1")
			err := write(t, w, numbered(10))
			r := rejected(err)
			if r == nil || r.N != 10 || r.Reasons[reason] != 10 || len(s.got) != 1 {
				t.Fatalf("%d requests, %v", len(s.got), err)
			}
			if text := err.Error(); len(text) > 2000 || strings.ContainsAny(text, "\x1b\n") || !strings.Contains(text, "evil") || !strings.Contains(text, advice) {
				t.Errorf("%q", text)
			}
		}
	}
	accepted := func(code int) func(*testing.T) {
		return func(t *testing.T) {
			s := newReceiver(t, status(code, ""))
			if err := write(t, open(t, s.URL, "version: 1"), numbered(10)); err != nil || len(s.got) != 1 || s.got[0].count() != 10 {
				t.Errorf("%d requests, %v", len(s.got), err)
			}
		}
	}
	waits := func(code int) func(*testing.T) {
		return func(t *testing.T) {
			for header, d := range map[string]time.Duration{"2": 2 * time.Second, "Wed, 21 Oct 2037 07:28:00 GMT": time.Minute, "-1": 0, "x": 0, "": 0, "99999": time.Minute} {
				s := newReceiver(t, status(code, "slow down", "Retry-After: "+header))
				w := open(t, s.URL, "version: 1")
				if err := write(t, w, numbered(10)); !asksForRetry(err) || outputs.RetryDelay(err) != d || len(s.got) != 1 {
					t.Errorf("Retry-After: %s: a pause of %v, %v", header, outputs.RetryDelay(err), err)
				}
				s.answer = status(204, "")
				if err := write(t, w, numbered(10)); err != nil || s.got[1].count() != 10 {
					t.Errorf("the next one: %v", err)
				}
			}
		}
	}
	holds := func(code int, advice string, headers ...string) func(*testing.T) {
		return func(t *testing.T) {
			s := newReceiver(t, status(code, "", headers...))
			if err := write(t, open(t, s.URL, "version: 1"), numbered(10)); !asksForRetry(err) || !strings.Contains(err.Error(), advice) || len(s.got) != 1 {
				t.Errorf("%d requests, %v", len(s.got), err)
			}
		}
	}
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect is followed") }))
	defer other.Close()
	tests := map[string]func(*testing.T){
		"200": accepted(200), "204": accepted(204),
		"400": drops(400, "bad", ""), "409": drops(409, "bad", ""), "422": drops(422, "bad", ""), "404": drops(404, "not_found", "enable the receiver"),
		"401": holds(401, "set username and password"), "302": holds(302, "redirects are not followed", "Location: "+other.URL),
		"413": testTooLarge, "415": testFallBack, "429": waits(429), "500": waits(500), "503": waits(503),
		"timeout or connection refused": testUnreachable, "connection closed after the body was sent": testCut,
	}
	for _, row := range rows {
		name := fmt.Sprint(row.Status)
		test, ok := tests[name]
		if !ok {
			t.Errorf("no test for %s", name)
			continue
		}
		t.Run(name, test)
	}
}

// testTooLarge: 413 halves the requests, and what is too large alone is dropped.
func testTooLarge(t *testing.T) {
	s := newReceiver(t, nil)
	s.answer = func(w http.ResponseWriter, r *received) {
		if r.count() > 3 || r.has("number=5 ") {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		}
	}
	w := open(t, s.URL, "version: 1")
	err := write(t, w, numbered(20))
	if r := rejected(err); r == nil || r.N != 1 || r.Reasons["too_large"] != 1 {
		t.Fatal(err)
	}
	before := len(s.got)
	if err := write(t, w, numbered(4)); err != nil && !strings.Contains(err.Error(), "413") || s.got[before].count() > 3 {
		t.Errorf("the size is not remembered: %d samples, %v", s.got[before].count(), err)
	}
}

// testFallBack: a receiver that refuses version 2 gets version 1, from then on.
func testFallBack(t *testing.T) {
	for name, refuse := range map[string]func(http.ResponseWriter, *received){
		"415": status(415, "unsupported"), "ignorant": status(204, ""), "decoder": status(400, "bad protobuf"),
	} {
		t.Run(name, func(t *testing.T) {
			s := newReceiver(t, nil)
			s.answer = func(w http.ResponseWriter, r *received) {
				if r.header.Get("X-Prometheus-Remote-Write-Version") == "2.0.0" {
					refuse(w, r)
				}
			}
			w := open(t, s.URL, "")
			for range 2 {
				if err := write(t, w, numbered(3)); err != nil {
					t.Fatal(err)
				}
			}
			if len(s.got) != 3 || s.got[1].count() != 3 || s.got[2].count() != 3 || w.VersionInUse() != remotewrite.Version1 {
				t.Errorf("%d requests, version %s", len(s.got), w.VersionInUse())
			}
			forced := open(t, s.URL, "version: 2")
			if err := write(t, forced, numbered(3)); name != "decoder" && (!asksForRetry(err) || !strings.Contains(err.Error(), "set version: auto")) {
				t.Error(err)
			}
		})
	}
}

func testUnreachable(t *testing.T) {
	w := open(t, "http://"+servicetest.RefusingAddr, "version: 1")
	if err := write(t, w, numbered(3)); !asksForRetry(err) || !strings.Contains(err.Error(), "cannot be reached") {
		t.Error(err)
	}
	s := newReceiver(t, func(_ http.ResponseWriter, _ *received) { <-t.Context().Done() })
	t.Cleanup(s.CloseClientConnections)
	w = open(t, s.URL, "version: 1\ntimeout: 1s")
	if err := write(t, w, numbered(3)); !asksForRetry(err) || !strings.Contains(err.Error(), "did not answer in time") {
		t.Error(err)
	}
}

func testCut(t *testing.T) {
	var isWhole atomic.Bool
	s := newReceiver(t, func(http.ResponseWriter, *received) {
		if !isWhole.Load() {
			panic(http.ErrAbortHandler)
		}
	})
	w := open(t, s.URL, "version: 1")
	if err := write(t, w, numbered(3)); !asksForRetry(err) {
		t.Error(err)
	}
	isWhole.Store(true)
	if err := write(t, w, numbered(3)); err != nil {
		t.Error(err)
	}
}

// writeAll writes like the agent, which writes again what was not settled, and returns the rejections. It fails after too many writes.
func writeAll(t *testing.T, w *remotewrite.Writer, batches ...*telemetry.Batch) map[string]int {
	t.Helper()
	reasons := map[string]int{}
	for range 200 {
		err := w.WriteMetrics(t.Context(), batches)
		if r := rejected(err); r != nil {
			for reason, n := range r.Reasons {
				reasons[reason] += n
			}
		}
		var partial *outputs.PartialError
		if err == nil || rejected(err) != nil && !errors.As(err, &partial) {
			return reasons
		}
		batches = outputtest.RestOfBatches(batches, err)
	}
	t.Fatal("the writes do not end")
	return nil
}

// TestCulprit: one sample that is always answered with 5xx is found and dropped; all others arrive.
func TestCulprit(t *testing.T) {
	for _, culprit := range []int{0, 1, 7, 499, 999} {
		arrived := map[string]bool{}
		s := newReceiver(t, nil)
		s.answer = func(w http.ResponseWriter, r *received) {
			if r.has(fmt.Sprintf("number=%d ", culprit)) {
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
			for _, one := range r.series {
				arrived[one.labels] = true
			}
		}
		reasons := writeAll(t, open(t, s.URL, "version: 1\nmax_samples: 500"), numbered(1000))
		if len(arrived) != 999 || reasons["server_error"] != 1 || len(reasons) != 1 || len(s.got) > 40 {
			t.Errorf("culprit %d: %d samples arrived, %v, %d requests", culprit, len(arrived), reasons, len(s.got))
		}
	}
}

// TestServerDown: while the server answers everything with 5xx, nothing is dropped before it was tried as often as configured.
func TestServerDown(t *testing.T) {
	for tries, isLost := range map[int]bool{1000: false, 5: true} {
		s := newReceiver(t, status(500, "down"))
		w := open(t, s.URL, fmt.Sprintf("version: 1\nmax_tries: %d", tries))
		batches := []*telemetry.Batch{numbered(100)}
		lost := 0
		for range 50 {
			err := w.WriteMetrics(t.Context(), batches)
			if r := rejected(err); r != nil {
				lost += r.N
			}
			batches = outputtest.RestOfBatches(batches, err)
		}
		if lost > 10 || isLost != (lost > 0) {
			t.Errorf("%d tries: %d samples are lost in 50 writes", tries, lost)
		}
		s.answer = status(204, "")
		if reasons := writeAll(t, w, batches...); len(reasons) != 0 {
			t.Errorf("%v", reasons)
		}
	}
}

// TestSomeRefused: samples that are out of order do not take the others with them, and no request is sent twice.
func TestSomeRefused(t *testing.T) {
	arrived, bodies := 0, map[string]bool{}
	s := newReceiver(t, nil)
	s.answer = func(w http.ResponseWriter, r *received) {
		if bodies[string(r.body)] {
			t.Error("the same request again")
		}
		bodies[string(r.body)] = true
		switch {
		case r.has("number=3 "):
			status(400, "out of order sample")(w, r)
		case r.has("number=90 "):
			status(400, "duplicate sample for timestamp")(w, r)
		default:
			arrived += r.count()
		}
	}
	reasons := writeAll(t, open(t, s.URL, "version: 1"), numbered(100))
	if fmt.Sprint(reasons) != "map[duplicate:1 out_of_order:1]" || arrived != 98 {
		t.Errorf("%v, %d arrived", reasons, arrived)
	}
	s.answer = func(w http.ResponseWriter, r *received) { status(400, "out of bounds")(w, r) }
	s.got = nil
	if reasons := writeAll(t, open(t, s.URL, "version: 1"), numbered(5000)); reasons["too_old"] != 5000 || len(s.got) > 140 {
		t.Errorf("%v with %d requests", reasons, len(s.got))
	}
}

// TestPartialWrite: a receiver of version 2 says how many samples it stored.
func TestPartialWrite(t *testing.T) {
	s := newReceiver(t, status(400, "out of order sample", "X-Prometheus-Remote-Write-Samples-Written: 7"))
	if reasons := writeAll(t, open(t, s.URL, ""), numbered(10)); fmt.Sprint(reasons) != "map[out_of_order:3]" || len(s.got) != 1 {
		t.Errorf("%v, %d requests", reasons, len(s.got))
	}
}

// TestRequests: labels are sorted and unique, a series occurs once with ascending samples, and the headers are those of the protocol.
func TestRequests(t *testing.T) {
	f := telemetry.NewFactory("h1", "test", nil)
	g := f.Gauge("described", telemetry.Bytes, telemetry.Label{Key: "Zone", Value: "z"}, telemetry.Label{Key: "a-b", Value: "\xff"}, telemetry.Label{Key: "__name__", Value: "x"})
	c, same := f.New("a.b", telemetry.Counter, telemetry.None), f.New("a_b", telemetry.Counter, telemetry.None)
	b := telemetry.NewBatch(epoch, epoch, 0)
	for i, ms := range []int64{5, 3, 4, 4} {
		b.AddAt(g, float64(i), ms)
		b.AddAt(c, float64(i), ms+10)
	}
	b.AddAt(same, math.Inf(1), 1)
	for _, version := range []string{"1", "2"} {
		s := newReceiver(t, status(204, "", "X-Prometheus-Remote-Write-Samples-Written: 7"))
		reasons := writeAll(t, open(t, s.URL, "version: "+version+"\nheaders: {X-Tenant: t1}\nbearer_token: sesame"), b)
		if fmt.Sprint(reasons) != "map[duplicate:2]" {
			t.Errorf("%v", reasons)
		}
		got := s.got[0]
		want := "Zone=z __name__=described a_b=\uFFFD host=h1 label__name__=x source=test unit=bytes [{1 3} {3 4} {0 5}]" +
			" __name__=a_b host=h1 source=test [{+Inf 1} {1 13} {3 14} {0 15}]"
		text := ""
		for _, one := range got.series {
			text += " " + one.labels + "["
			for i, p := range one.samples {
				text += strings.Repeat(" ", min(i, 1)) + fmt.Sprintf("{%v %d}", p.Value, p.Timestamp)
			}
			text += "]"
		}
		if strings.TrimSpace(text) != want {
			t.Errorf("version %s:\n%s\nwant\n%s", version, strings.TrimSpace(text), want)
		}
		kinds := map[string]string{"1": "application/x-protobuf 0.1.0", "2": "application/x-protobuf;proto=io.prometheus.write.v2.Request 2.0.0"}
		h := got.header
		if h.Get("Content-Type")+" "+h.Get("X-Prometheus-Remote-Write-Version") != kinds[version] || h.Get("Content-Encoding") != "snappy" || h.Get("X-Tenant") != "t1" ||
			h.Get("Authorization") != "Bearer sesame" || h.Get("User-Agent") == "" {
			t.Errorf("%v", h)
		}
		if first := got.series[0]; version == "2" && (first.kind != writev2.Metadata_METRIC_TYPE_GAUGE || first.help != "help text" || first.unit != "bytes" || got.series[1].kind != writev2.Metadata_METRIC_TYPE_COUNTER) {
			t.Errorf("%+v", got.series)
		}
	}
}

// TestStale: a series that ends gets a stale marker after its last sample. A failure of that is not an error.
func TestStale(t *testing.T) {
	g := telemetry.NewFactory("h1", "test", nil).Gauge("g", telemetry.None)
	b := telemetry.NewBatch(epoch, epoch, 1)
	b.Add(g, 1)
	b.End(g)
	for _, version := range []string{"1", "2", "auto"} {
		s := newReceiver(t, status(204, ""))
		if version == "2" {
			s.answer = status(204, "", "X-Prometheus-Remote-Write-Samples-Written: 1")
		}
		if err := write(t, open(t, s.URL, "version: "+version), b); err != nil {
			t.Fatal(err)
		}
		last := s.got[len(s.got)-1]
		if last.count() != 1 || !value.IsStaleNaN(last.series[0].samples[0].Value) || last.series[0].samples[0].Timestamp != epoch.UnixMilli()+1 {
			t.Errorf("version %s: %+v", version, last.series)
		}
	}
	requests := 0
	s := newReceiver(t, func(w http.ResponseWriter, _ *received) {
		if requests++; requests > 1 {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	if err := write(t, open(t, s.URL, "version: 1"), b); err != nil || requests != 2 {
		t.Errorf("%d requests, %v", requests, err)
	}
}

// TestCredentials: basic authentication from the secret store, over TLS.
func TestCredentials(t *testing.T) {
	t.Setenv("SECRET_PROM_PASSWORD", "hunter2")
	authority := tlstest.New(t)
	cert, key := authority.Issue(t, tlstest.Cert{})
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = decode(t, r)
		if user, password, _ := r.BasicAuth(); user != "u" || password != "hunter2" {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, "no "+user)
		}
	}))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	s.StartTLS()
	defer s.Close()
	if err := write(t, open(t, s.URL, "version: 1\nusername: u\npassword: secret:prom/password\ntls: {ca: "+authority.File+"}"), numbered(3)); err != nil {
		t.Error(err)
	}
	if err := write(t, open(t, s.URL, "version: 1\nusername: u\npassword: hunter3\ntls: {ca: "+authority.File+"}"), numbered(3)); !asksForRetry(err) || strings.Contains(err.Error(), "hunter") {
		t.Error(err)
	}
	if err := write(t, open(t, s.URL, "version: 1"), numbered(3)); !asksForRetry(err) || !strings.Contains(err.Error(), "tls.ca") {
		t.Error(err)
	}
}

// TestAge: samples that are too old are not sent, and counted.
func TestAge(t *testing.T) {
	s := newReceiver(t, status(204, ""))
	b := numbered(3) // of 2023
	b.AddAt(telemetry.NewFactory("h1", "test", nil).Gauge("new", telemetry.None), 1, time.Now().UnixMilli())
	w := open(t, s.URL, "version: 1")
	_ = w.Close()
	w = catalogtest.Build(t, remotewrite.Plugin, "url: "+s.URL+"\nversion: 1\nmax_age: 1h", outputs.Env{}).(*remotewrite.Writer) //nolint:forcetypeassert // it is what New returns
	if err := w.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.Close() }()
	if reasons := writeAll(t, w, b); fmt.Sprint(reasons) != "map[expired:3]" || len(s.got) != 1 || s.got[0].count() != 1 {
		t.Errorf("%v", reasons)
	}
}

// TestOrder: while a request waits, newer samples of its series do not overtake it.
func TestOrder(t *testing.T) {
	s := newReceiver(t, nil)
	last, requests := map[string]int64{}, 0
	s.answer = func(w http.ResponseWriter, r *received) {
		if requests++; requests%3 != 0 {
			w.WriteHeader([]int{503, 429}[requests%2])
			return
		}
		for _, one := range r.series {
			if one.samples[0].Timestamp < last[one.labels] {
				t.Errorf("%s: %d after %d", one.labels, one.samples[0].Timestamp, last[one.labels])
			}
			last[one.labels] = one.samples[len(one.samples)-1].Timestamp
		}
	}
	f := telemetry.NewFactory("h1", "test", nil)
	var batches []*telemetry.Batch
	series := []*telemetry.Series{f.Gauge("a", telemetry.None), f.Gauge("b", telemetry.None)}
	for i := range int64(50) {
		b := telemetry.NewBatch(epoch, epoch, 2)
		for _, one := range series {
			b.AddAt(one, 1, 1+i)
		}
		batches = append(batches, b)
	}
	if reasons := writeAll(t, open(t, s.URL, "version: 1\nmax_samples: 7"), batches...); len(reasons) != 0 || len(last) != 2 {
		t.Errorf("%v, %v", reasons, last)
	}
	for _, ms := range last {
		if ms != 50 {
			t.Errorf("the last sample is of %d", ms)
		}
	}
}

func TestSettings(t *testing.T) {
	for config, want := range map[string]string{
		"url: nowhere": "must be a URL", "version: 3": "auto, 1 or 2", "timeout: 1ms": "at least 1s", "max_samples: 0": "at least 1", "max_age: 1s": "at least 1m", "max_tries: 0": "at least 1",
		"follow_redirects: true": "must be false", "max_age: 0": "", "password: x": "needs a username",
	} {
		_, problems := catalogtest.Decode(t, remotewrite.Plugin, config)
		if err := problems.Err(); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", config, err)
		}
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, text := range []string{"2", "-1", "x", "Wed, 21 Oct 2037 07:28:00 GMT", "99999999999999999999", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if d, ok := remotewrite.ParseRetryAfter(text, epoch); d < 0 || d > time.Minute || !ok && d != 0 {
			t.Errorf("%q: %v", text, d)
		}
	})
}

func FuzzAnswer(f *testing.F) {
	f.Add(400, "out of order sample")
	f.Add(500, "\x1b[2J\n\xff")
	f.Fuzz(func(t *testing.T, status int, text string) {
		text = text[:min(len(text), 300)]
		shown := remotewrite.Describe("http://h/", status, text).Error()
		if !utf8.ValidString(shown) || len(shown) > 4000 || strings.ContainsAny(shown, "\x1b\n\r\x00") {
			t.Errorf("%q", shown)
		}
		if remotewrite.ReasonOf(status, text) == "" {
			t.Error("no reason")
		}
	})
}

// BenchmarkWrite writes 10,000 samples to a receiver on loopback that drops them.
func BenchmarkWrite(b *testing.B) {
	for _, version := range []string{"1", "2"} {
		b.Run("version "+version, func(b *testing.B) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				w.Header().Set("X-Prometheus-Remote-Write-Samples-Written", "1")
			}))
			defer s.Close()
			w, batch := open(b, s.URL, "version: "+version), numbered(10_000)
			b.ReportAllocs()
			for b.Loop() {
				if err := w.WriteMetrics(b.Context(), []*telemetry.Batch{batch}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
