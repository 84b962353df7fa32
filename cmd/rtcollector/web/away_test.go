package web_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/web"
	"github.com/rtcollector/rtcollector/internal/embedded"
	"github.com/rtcollector/rtcollector/internal/query/querytest"
	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/redisconn/redistest"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/outputs/redissearch"
)

// fetch returns the status and the body of GET.
func fetch(t testing.TB, url string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// status is the answer of /api/status.
type status struct {
	Version string
	Redis   struct {
		Address, Version, Error string
		Reachable               bool
	}
	TimeSeries bool `json:"time_series"`
	Search     bool
	Missing    []string
	Lookback   float64 `json:"lookback_seconds"`
	Auth       string
	Now        float64
}

func fetchStatus(t testing.TB, base string) (s status) {
	t.Helper()
	code, body := fetch(t, base+"/api/status")
	if err := json.Unmarshal([]byte(body), &s); err != nil || code != 200 {
		t.Fatal(code, body, err)
	}
	return s
}

// both returns a server's settings for series and log lines in the same Redis.
func both(c redisconn.Config) web.Config {
	search := redissearch.Defaults()
	search.Config = c
	return web.Config{Redis: c, Events: &search, Version: "1.2.3"}
}

// TestRedisAway: while Redis is away, answers say so and the server stays; then it recovers by itself.
func TestRedisAway(t *testing.T) {
	server, err := embedded.Listen("127.0.0.1:0", embedded.Config{})
	if err != nil {
		t.Fatal(err)
	}
	addr := server.Addr()
	c := redisconn.Defaults()
	c.Host, c.Port = servicetest.HostPort(t, addr)
	base := serve(t, both(c))
	checkThere := func() {
		t.Helper()
		servicetest.Until(t, "the server answers again", func(context.Context) error {
			if status := fetchStatus(t, base); !status.Redis.Reachable || !status.TimeSeries {
				return io.ErrNoProgress
			}
			return nil
		})
		for _, path := range []string{"/ready", "/api/v1/query?query=up", "/api/v1/series?match[]=up", "/api/hosts"} {
			if code, body := fetch(t, base+path); code != 200 {
				t.Errorf("%s: %d %s", path, code, body)
			}
		}
	}
	checkAway := func() {
		t.Helper()
		for path, want := range map[string]int{
			"/health": 200, "/ready": 503, "/hosts": 200, "/metrics": 200, "/api/v1/query?query=up": 503, "/api/v1/series?match[]=up": 503, "/api/v1/labels?match[]=up": 503,
			"/api/v1/status/buildinfo": 200, "/api/v1/rules": 200, "/api/hosts": 503, "/api/logs": 503, "/api/logs/volume": 503,
		} {
			code, body := fetch(t, base+path)
			if code != want || code == 503 && path != "/ready" && !strings.Contains(body, addr) {
				t.Errorf("%s: %d %s", path, code, body)
			}
		}
		s := fetchStatus(t, base)
		if s.Redis.Reachable || s.TimeSeries || s.Search || !strings.Contains(s.Redis.Error, addr) || s.Redis.Address != addr || s.Lookback != 300 || s.Auth != "none" {
			t.Errorf("%+v", s)
		}
	}
	checkThere()
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	checkAway()
	if server, err = embedded.Listen(addr, embedded.Config{}); err != nil {
		t.Fatal(err)
	}
	checkThere()
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	base = serve(t, both(c)) // away from the start
	checkAway()
	if server, err = embedded.Listen(addr, embedded.Config{}); err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	checkThere()
}

// TestSilentRedis: a Redis that does not answer ends a request at its time limit, and not later.
func TestSilentRedis(t *testing.T) {
	addr := servicetest.ServeRaw(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	c := redisconn.Defaults()
	c.Host, c.Port = servicetest.HostPort(t, addr)
	base := serve(t, both(c))
	r := request{path: "query?query=up&timeout=0.1", status: 503, errorType: "timeout"}
	r.check(t, r.send(t, base))
	for _, path := range []string{"series?match[]=up&timeout=0.1", "labels?match[]=up&timeout=0.1"} {
		r := request{path: path, status: 503, errorType: "timeout"}
		r.check(t, r.send(t, base))
	}
	if code, _ := fetch(t, base+"/health"); code != 200 {
		t.Error(code)
	}
}

// TestPlainRedis: without the modules, answers say which one is missing, and what needs none works.
func TestPlainRedis(t *testing.T) {
	server := redistest.StartPlain(t, "")
	c := redisconn.Defaults()
	c.Host, c.Port = servicetest.HostPort(t, server.Addr())
	base := serve(t, both(c))
	s := fetchStatus(t, base)
	if !s.Redis.Reachable || s.TimeSeries || s.Search || len(s.Missing) != 2 || !strings.HasPrefix(s.Redis.Version, "7.") {
		t.Errorf("%+v", s)
	}
	missing := strings.Join(s.Missing, "\n")
	if !strings.Contains(missing, "TimeSeries") || !strings.Contains(strings.ToLower(missing), "search") {
		t.Error(missing)
	}
	for path, want := range map[string]struct {
		code int
		text string
	}{
		"/api/v1/query?query=1%2B1": {200, `"2"`}, "/api/v1/query?query=up": {503, "TimeSeries"}, "/api/v1/series?match[]=up": {503, "TimeSeries"}, "/api/hosts": {503, "TimeSeries"},
		"/api/logs": {503, "Search"}, "/api/logs/volume": {503, "Search"}, "/ready": {200, "ok"},
	} {
		if code, body := fetch(t, base+path); code != want.code || !strings.Contains(strings.ToLower(body), strings.ToLower(want.text)) {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
}

// TestReadOnlyUser: the rights in the documentation are sufficient to read, and not to write.
func TestReadOnlyUser(t *testing.T) {
	server := redistest.Start(t)
	if modules, ok := server.Do("MODULE", "LIST").([]any); !ok || len(modules) == 0 {
		t.Skip("needs RTC_TEST_REDIS_SERVER, a Redis with time series")
	}
	c := redisconn.Defaults()
	c.Host, c.Port = servicetest.HostPort(t, server.Addr())
	admin, err := redisconn.Open(t.Context(), c, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = admin.Close() }()
	querytest.Add(t, admin, caseSamples(t, "grafana-variables"))
	args := []any{"ACL", "SETUSER", "viewer", "reset", "on", ">pw", "~*"}
	for _, rule := range strings.Fields(web.Rights) {
		if !strings.HasPrefix(rule, "+ft.") { // this server may have no search
			args = append(args, rule)
		}
	}
	server.Do(args...)
	c.Username, c.Password = secret.Literal("viewer"), secret.Literal("pw")
	base := serve(t, web.Config{Redis: c})
	for _, r := range []request{
		{path: get("query", "query", `sum(cpu_usage)`, "time", "1750003800"), data: `{"resultType":"vector","result":[{"metric":{},"value":[1750003800,"100"]}]}`},
		{path: get("query", "query", `count({cluster="prod",host=~"web.*"})`, "time", "1750003800")},
		{path: get("query_range", "query", "avg_over_time(cpu_usage[5m])", "start", "1750003200", "end", "1750003800", "step", "60")},
		{path: get("series", "match[]", "mem_used")},
		{path: get("label/host/values", "match[]", `cpu_usage{cluster="lab"}`), data: `["web-9"]`},
	} {
		r.check(t, r.send(t, base))
	}
	if code, body := fetch(t, base+"/api/hosts"); code != 200 {
		t.Error(code, body)
	}
	if s := fetchStatus(t, base); !s.TimeSeries || s.Redis.Version != "" {
		t.Errorf("%+v", s)
	}
	viewer := server.Client().Conn()
	defer func() { _ = viewer.Close() }()
	if err := viewer.Do(t.Context(), "AUTH", "viewer", "pw").Err(); err != nil {
		t.Fatal(err)
	}
	for _, write := range [][]any{{"TS.ADD", "x", 1, 1}, {"SET", "x", 1}, {"DEL", "x"}, {"FLUSHALL"}, {"CONFIG", "GET", "*"}} {
		if err := viewer.Do(t.Context(), write...).Err(); err == nil || !strings.HasPrefix(err.Error(), "NOPERM") {
			t.Errorf("%v: %v", write, err)
		}
	}
	server.Do("ACL", "SETUSER", "viewer", ">wrong", "<pw") // a changed password is told
	server.Do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
	if code, body := fetch(t, base+"/api/hosts"); code != 503 || !strings.Contains(body, "password") || strings.Contains(body, `"pw"`) {
		t.Error(code, body)
	}
}
