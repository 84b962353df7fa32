package web_test

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/web"
	"github.com/rtcollector/rtcollector/internal/query/querytest"
	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/servicetest"
)

// configOf returns the settings of another connection to the server of a client.
func configOf(t testing.TB, client *redisconn.Client) redisconn.Config {
	t.Helper()
	c := redisconn.Defaults()
	if nodes, ok := strings.CutPrefix(client.Addr, "cluster "); ok {
		c.Cluster = strings.Split(nodes, ", ")
		return c
	}
	c.Host, c.Port = servicetest.HostPort(t, client.Addr)
	return c
}

// serve starts a web server and returns its address, "http://127.0.0.1:port".
func serve(t testing.TB, c web.Config) string {
	t.Helper()
	s, err := web.New(c)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s)
	t.Cleanup(func() {
		server.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return server.URL
}

// listen starts a web server with its own connections, as the program does, and returns its address.
func listen(t testing.TB, c web.Config) string {
	t.Helper()
	s, err := web.New(c)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return s.URL(l)
}

// caseSamples returns the samples of a case, without the values that RedisTimeSeries refuses.
func caseSamples(t testing.TB, testCase string) []querytest.Sample {
	t.Helper()
	text, err := os.ReadFile(querytest.CasePath("../../..", testCase, "samples.om"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(querytest.Parse(t, string(text)), func(s querytest.Sample) bool { return math.IsNaN(s.Value) || math.IsInf(s.Value, 0) })
}

// eachServer calls f with the address of a web server for every kind of Redis, filled with the samples of a case; "": none.
func eachServer(t *testing.T, testCase string, f func(t *testing.T, base string)) {
	for name, client := range querytest.Servers(t) {
		t.Run(name, func(t *testing.T) {
			if testCase != "" {
				querytest.Add(t, client, caseSamples(t, testCase))
			}
			f(t, serve(t, web.Config{Redis: configOf(t, client), Version: "1.2.3"}))
		})
	}
}

// request is a request to the API and what is expected.
type request struct {
	method string // "": GET
	path   string // below /api/v1/
	form   string // body
	kind   string // of the body; "": application/x-www-form-urlencoded

	status    int    // 0: 200
	errorType string // "": no error in JSON
	data      string // JSON; "": anything
	differs   string // why Prometheus 2.42 answers differently; "": it does not
}

// reply is a reply of the API.
type reply struct {
	status      int
	contentType string
	Status      string   `json:"status"`
	ErrorType   string   `json:"errorType"`
	Error       string   `json:"error"`
	Warnings    []string `json:"warnings"`
	Data        any      `json:"data"`
}

func (r request) String() string {
	return strings.TrimSpace(cmp.Or(r.method, "GET") + " " + r.path + " " + r.form[:min(len(r.form), 200)])
}

func (r request) send(t testing.TB, base string) (answer reply) {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), cmp.Or(r.method, http.MethodGet), base+"/api/v1/"+r.path, strings.NewReader(r.form))
	if err != nil {
		t.Fatal(err)
	}
	if r.form != "" {
		q.Header.Set("Content-Type", cmp.Or(r.kind, "application/x-www-form-urlencoded"))
	}
	resp, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatalf("%s: %v", r, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s: %v", r, err)
	}
	answer.status, answer.contentType = resp.StatusCode, resp.Header.Get("Content-Type")
	if answer.contentType == "application/json" {
		if err := json.Unmarshal(body, &answer); err != nil {
			t.Errorf("%s: %v in %s", r, err, body)
		}
	}
	return answer
}

// check compares a reply with what is expected.
func (r request) check(t testing.TB, got reply) {
	t.Helper()
	if want := cmp.Or(r.status, 200); got.status != want || got.ErrorType != r.errorType {
		t.Errorf("%s: %d %s %s, want %d %s", r, got.status, got.ErrorType, got.Error, want, r.errorType)
		return
	}
	if r.errorType != "" && (got.Status != "error" || got.Error == "") {
		t.Errorf("%s: %+v", r, got)
	}
	if r.data != "" {
		var want any
		if err := json.Unmarshal([]byte(r.data), &want); err != nil {
			t.Fatalf("%s: %v in %s", r, err, r.data)
		}
		if w, g := r.canonical(want), r.canonical(got.Data); w != g {
			t.Errorf("%s:\n got %s\nwant %s", r, g, w)
		}
	}
}

// canonical returns data as text. The order of the results counts only if the expression sorts.
func (r request) canonical(data any) string {
	if object, ok := data.(map[string]any); ok {
		if list, ok := object["result"].([]any); ok && !strings.Contains(r.path, "sort") {
			slices.SortFunc(list, func(a, b any) int { return cmp.Compare(asJSON(a), asJSON(b)) })
		}
	}
	return asJSON(data)
}

func asJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// get returns the path of a request with these parameters: name, value, name, value.
func get(path string, params ...string) string {
	separator := "?"
	for i := 0; i+1 < len(params); i += 2 {
		path += separator + url.QueryEscape(params[i]) + "=" + url.QueryEscape(params[i+1])
		separator = "&"
	}
	return path
}
