package web_test

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/agent/config"
	"github.com/rtcollector/rtcollector/cmd/rtcollector/web"
	"github.com/rtcollector/rtcollector/cmd/rtcollector/web/promapi"
	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/query/querytest"
	"github.com/rtcollector/rtcollector/internal/redisconn"
)

// TestHugeExpressions: they are refused before they are parsed, which would take minutes, and other requests are answered meanwhile.
func TestHugeExpressions(t *testing.T) {
	base := serve(t, web.Config{Redis: configOf(t, querytest.Open(t))})
	for name, form := range map[string]string{
		"terms":        "query=1" + strings.Repeat("%2B1", 300_000),
		"parentheses":  "query=" + strings.Repeat("(", 100_000),
		"minus signs":  "query=" + strings.Repeat("-", 100_000) + "1",
		"large body":   "query=" + strings.Repeat("a", 2<<20),
		"wide numbers": "query=1" + strings.Repeat("%2B1111111111", 40_000),
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // parsing takes minutes
			defer cancel()
			refused := make(chan reply, 4)
			for range cap(refused) {
				go func() { refused <- request{method: http.MethodPost, path: "query", form: form}.send(t, base) }()
			}
			other := request{path: "query?query=1%2B1&time=1750003200", data: `{"resultType":"scalar","result":[1750003200,"2"]}`}
			other.check(t, other.send(t, base))
			for range cap(refused) {
				select {
				case got := <-refused:
					if got.status != 400 || got.ErrorType != badData || !strings.ContainsAny(got.Error, "0123456789") {
						t.Errorf("%d %s %q", got.status, got.ErrorType, got.Error)
					}
				case <-ctx.Done():
					t.Fatal("no answer")
				}
			}
		})
	}
}

// slow is a query that takes longer than the time limits of the tests.
var slow = get("query_range", "query", "sum_over_time(vector(1)[1h:1s])", "start", "1750003200", "end", "1750008200", "step", "1")

// TestLimits: a query that costs too much ends with an error that names the limit.
func TestLimits(t *testing.T) {
	client := querytest.Open(t)
	querytest.Add(t, client, caseSamples(t, "post-and-time-formats"))
	querytest.Add(t, client, caseSamples(t, "grafana-variables"))
	for _, test := range []struct {
		limits config.WebLimits
		r      request
		says   string
	}{
		{config.WebLimits{Samples: 10}, request{path: get("query_range", "query", "ramp", "start", "1750003200", "end", "1750003800", "step", "1"), status: 422, errorType: execution}, "10 samples"},
		{config.WebLimits{Series: 2}, request{path: get("query", "query", "cpu_usage", "time", "1750003200"), status: 422, errorType: execution}, "2 series"},
		{config.WebLimits{Timeout: conf.Duration(20 * time.Millisecond)}, request{path: slow, status: 503, errorType: "timeout"}, "20ms"},
		{config.WebLimits{}, request{path: slow + "&timeout=0.03", status: 503, errorType: "timeout"}, "30ms"},
		{config.WebLimits{}, request{path: "label/host/values?match[]=ramp&timeout=0.000001", status: 503, errorType: "timeout"}, ""},
		{config.WebLimits{}, request{path: get("query_range", "query", "1", "start", "0", "end", "99999999", "step", "1"), status: 400, errorType: badData}, "11,000"},
	} {
		base := serve(t, web.Config{Redis: configOf(t, client), Settings: config.Web{Limits: test.limits}})
		got := test.r.send(t, base)
		test.r.check(t, got)
		if !strings.Contains(got.Error, test.says) {
			t.Errorf("%s: %q does not name the limit %s", test.r, got.Error, test.says)
		}
	}
}

// TestGzip: long answers are compressed for clients that accept it, and say the same.
func TestGzip(t *testing.T) {
	client := querytest.Open(t)
	querytest.Add(t, client, caseSamples(t, "post-and-time-formats"))
	base := serve(t, web.Config{Redis: configOf(t, client)})
	fetch := func(path, accept string) (encoding string, body []byte) {
		t.Helper()
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, base+path, nil)
		r.Header.Set("Accept-Encoding", accept)
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if resp.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%s: Vary: %q", path, resp.Header.Get("Vary"))
		}
		if body, err = io.ReadAll(resp.Body); err != nil {
			t.Fatal(err)
		}
		return resp.Header.Get("Content-Encoding"), body
	}
	long := "/api/v1/" + get("query_range", "query", "ramp", "start", "1750003200", "end", "1750003800", "step", "1")
	_, plain := fetch(long, "identity")
	encoding, packed := fetch(long, "br, gzip;q=0.8")
	unpacker, err := gzip.NewReader(strings.NewReader(string(packed)))
	if err != nil || encoding != "gzip" {
		t.Fatal(encoding, err)
	}
	if text, err := io.ReadAll(unpacker); err != nil || string(text) != string(plain) || 4*len(packed) > len(plain) {
		t.Errorf("%v: %d bytes, packed %d", err, len(plain), len(packed))
	}
	for path, accept := range map[string]string{long: "gzip;q=0", "/health": "gzip", "/api/v1/query?query=1": "gzip"} {
		if encoding, _ := fetch(path, accept); encoding != "" {
			t.Errorf("%s with %s is encoded as %s", path, accept, encoding)
		}
	}
}

// TestUnknownPaths: unknown pages are the dashboard, unknown endpoints do not exist, and no path leaves the embedded files.
func TestUnknownPaths(t *testing.T) {
	base := serve(t, web.Config{Redis: configOf(t, querytest.Open(t))})
	for path, want := range map[string]int{
		"/api/v2/query": 404, "/api/": 404, "/api/v1/": 404, "/api/logs/x": 404, "/hosts": 200, "/host/..%2f..%2fetc%2fpasswd": 200, "/host/%3Cscript%3E": 200,
		"/%00": 200, "/static/../../web.go": 200,
	} {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, base+path, nil)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != want || strings.Contains(string(body), "package web") || strings.Contains(string(body), "root:") {
			t.Errorf("%s: %d %.100s", path, resp.StatusCode, body)
		}
	}
}

// TestClientGoesAway: the work for a client ends with its connection, and the place of its query is free again.
func TestClientGoesAway(t *testing.T) {
	client := querytest.Open(t)
	handler, err := web.New(web.Config{Redis: configOf(t, client), Settings: config.Web{Limits: config.WebLimits{Concurrent: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = handler.Close() }()
	ctx, cancel := context.WithCancel(t.Context())
	w := httptest.NewRecorder()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		handler.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "http://localhost/api/v1/"+slow, nil))
	}()
	cancel()
	<-ended
	var got reply
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 499 || got.ErrorType != "canceled" {
		t.Errorf("%d %s %v", w.Code, w.Body, err)
	}
	w = httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/api/v1/query?query=1", nil))
	if w.Code != 200 {
		t.Error(fmt.Sprint(w.Code, w.Body))
	}
}

// TestPagesAreKept: a browser loads the files of the dashboard once.
func TestPagesAreKept(t *testing.T) {
	base := serve(t, web.Config{Redis: redisconn.Defaults()})
	ask := func(path, tag string) *http.Response {
		t.Helper()
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, base+path, http.NoBody)
		r.Header.Set("If-None-Match", tag)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp
	}
	for _, path := range []string{"/", "/host/web-1", "/index.html"} {
		first := ask(path, "")
		if second := ask(path, first.Header.Get("ETag")); first.StatusCode != http.StatusOK || second.StatusCode != http.StatusNotModified || first.Header.Get("Cache-Control") != "no-cache" {
			t.Error(path, first.StatusCode, second.StatusCode, first.Header)
		}
		if other := ask(path, `W/"x"`); other.StatusCode != http.StatusOK {
			t.Error(path, other.StatusCode)
		}
	}
	if cached := ask("/api/v1/query?query=1", "").Header.Get("Cache-Control"); cached != "no-store" {
		t.Error(cached)
	}
}

// TestListsThatAreCut: a list that the parameter limit cuts says so.
func TestListsThatAreCut(t *testing.T) {
	client := querytest.Open(t)
	querytest.Add(t, client, caseSamples(t, "grafana-variables"))
	base := serve(t, web.Config{Redis: configOf(t, client)})
	for path, want := range map[string]int{
		"label/host/values?limit=2": 2, "label/host/values?limit=5": 5, "labels?limit=1": 1, "series?match[]=cpu_usage&limit=3": 3, "query?query=cpu_usage&time=1750003800&limit=2": 2,
	} {
		got := request{path: path}.send(t, base)
		list, ok := got.Data.([]any)
		if object, isObject := got.Data.(map[string]any); isObject {
			list, ok = object["result"].([]any)
		}
		if !ok || len(list) != want || len(got.Warnings) != 1 || !strings.Contains(got.Warnings[0], fmt.Sprint(want)) {
			t.Errorf("%s: %+v", path, got)
		}
	}
	if got := (request{path: "series?match[]=cpu_usage&limit=4"}).send(t, base); len(got.Warnings) != 0 {
		t.Errorf("nothing is left out: %+v", got)
	}
}

// TestMetadata: metrics have the type and the description from the tables of the inputs, and the unit of their series.
func TestMetadata(t *testing.T) {
	client := querytest.Open(t)
	querytest.Load(t, client, "disk_free{host=\"a\",unit=\"bytes\"} 1 1750003200\nstrange{host=\"a\"} 1 1750003200\n# EOF\n")
	describe := func(name string) (promapi.MetricDoc, bool) {
		return promapi.MetricDoc{Type: "gauge", Help: `free "space"`}, name == "disk_free"
	}
	base := serve(t, web.Config{Redis: configOf(t, client), Describe: describe})
	for _, r := range []request{
		{path: "metadata", data: `{"disk_free":[{"type":"gauge","help":"free \"space\"","unit":"bytes"}],"strange":[{"type":"unknown","help":"","unit":""}]}`},
		{path: "metadata?limit=1", data: `{"disk_free":[{"type":"gauge","help":"free \"space\"","unit":"bytes"}]}`},
		{path: "metadata?metric=strange&limit_per_metric=1", data: `{"strange":[{"type":"unknown","help":"","unit":""}]}`},
		{path: "metadata?metric=nothing", data: `{}`},
		{path: "metadata?limit=x", status: 400, errorType: badData},
	} {
		r.check(t, r.send(t, base))
	}
}
