// Package webtest tests Grafana's dashboards without Grafana, which cannot be had for tests: it sends what Grafana's Prometheus data
// source sends for the variables and queries of a dashboard.
package webtest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/agent/config"
	"github.com/rtcollector/rtcollector/cmd/rtcollector/web"
	"github.com/rtcollector/rtcollector/internal/httpauth"
	"github.com/rtcollector/rtcollector/internal/query/querytest"
	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/internal/tskey"
)

// Dashboard is a dashboard, and the data source that Grafana would use for it.
type Dashboard struct {
	Name     string        // file in examples/grafana/dashboards, without .json
	Rows     []string      // check only these; nil: all
	Server   http.Handler  // rtcollector web
	From, To time.Time     // the range that is shown
	Interval time.Duration // between two samples: the setting of the data source
}

// CheckBatches writes batches, gathered every ten seconds, to an embedded Redis and checks rows of a dashboard on them.
func CheckBatches(t testing.TB, name string, rows []string, batches ...*telemetry.Batch) {
	t.Helper()
	client := querytest.Open(t)
	d := Dashboard{Name: name, Rows: rows, Server: NewServer(t, client), Interval: 10 * time.Second}
	for _, b := range batches {
		for i := range b.Len() {
			s, ms, v := b.Sample(i)
			args := []any{"TS.ADD", tskey.Naming{}.Key(s) + tskey.Canonical(tskey.Identity(s)), ms, strconv.FormatFloat(v, 'g', -1, 64), "LABELS"}
			for _, l := range tskey.Labels(s) {
				args = append(args, l.Key, l.Value)
			}
			if err := client.Do(t.Context(), args...).Err(); err != nil {
				t.Fatal(err)
			}
		}
		d.To = time.UnixMilli(b.Time)
	}
	d.From = d.To.Add(-2 * d.Interval) // so that the newest sample is at a step
	d.Check(t)
}

// NewServer returns the web server for a Redis, without authentication.
func NewServer(t testing.TB, client *redisconn.Client) *web.Server {
	t.Helper()
	redis := redisconn.Defaults()
	redis.Host, redis.Port = servicetest.HostPort(t, client.Addr)
	s, err := web.New(web.Config{Settings: config.Web{Auth: httpauth.NoAuth()}, Redis: redis})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// file is what the test needs of a dashboard.
type file struct {
	Templating struct {
		List []struct {
			Name, Definition, AllValue string
			Multi                      bool
		}
	}
	Panels []struct {
		Title, Type string
		Targets     []struct {
			Expr    string
			Instant bool
		}
	}
}

// Check sends what Grafana sends for all variables and panels. It fails for an empty answer.
func (d Dashboard) Check(t testing.TB) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(moduleRoot(t), "examples/grafana/dashboards", d.Name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var f file
	if err := json.Unmarshal(text, &f); err != nil {
		t.Fatal(err)
	}
	chosen := map[string]string{}
	for _, v := range f.Templating.List {
		values := d.variable(t, d.replace(v.Definition, chosen))
		if len(values) == 0 {
			t.Fatalf("%s: variable %s has no values: %s", d.Name, v.Name, d.replace(v.Definition, chosen))
		}
		chosen[v.Name] = values[0]
		if v.Multi {
			d.checkPanels(t, &f, with(chosen, v.Name, "("+strings.Join(quoteAll(values), "|")+")")) // several are selected
			chosen[v.Name] = v.AllValue
		}
	}
	if n := d.checkPanels(t, &f, chosen); n == 0 {
		t.Errorf("%s: no query was checked", d.Name)
	}
}

func with(chosen map[string]string, name, value string) map[string]string {
	all := map[string]string{name: value}
	for k, v := range chosen {
		if k != name {
			all[k] = v
		}
	}
	return all
}

func quoteAll(values []string) (quoted []string) {
	for _, v := range values {
		quoted = append(quoted, regexp.QuoteMeta(v))
	}
	return quoted
}

// checkPanels sends the queries of the panels and returns their number. Variables that are not chosen yet are left out.
func (d Dashboard) checkPanels(t testing.TB, f *file, chosen map[string]string) (queries int) {
	t.Helper()
	if len(chosen) < len(f.Templating.List) {
		return 0
	}
	row := ""
	for _, p := range f.Panels {
		if p.Type == "row" {
			row = p.Title
			continue
		}
		if d.Rows != nil && !slices.Contains(d.Rows, row) {
			continue
		}
		for _, target := range p.Targets {
			queries++
			expr := d.replace(target.Expr, chosen)
			form := url.Values{"query": {expr}, "start": {seconds(d.From)}, "end": {seconds(d.To)}, "step": {strconv.Itoa(int(d.Interval.Seconds()))}}
			path := "/api/v1/query_range"
			if target.Instant {
				path, form = "/api/v1/query", url.Values{"query": {expr}, "time": {seconds(d.To)}}
			}
			var data struct{ Result []json.RawMessage }
			d.send(t, http.MethodPost, path, form, &data)
			if len(data.Result) == 0 {
				t.Errorf("%s, %s, %s: no data for %s", d.Name, row, p.Title, expr)
			}
		}
	}
	return queries
}

// replace replaces Grafana's variables as Grafana does.
func (d Dashboard) replace(text string, chosen map[string]string) string {
	pairs := []string{"$__rate_interval", strconv.Itoa(int(4*d.Interval.Seconds())) + "s"}
	for name, value := range chosen {
		pairs = append(pairs, "$"+name, strings.ReplaceAll(value, `\`, `\\`))
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

var labelValues = regexp.MustCompile(`^label_values\((.+), (\w+)\)$`)

// variable returns the values of a variable.
func (d Dashboard) variable(t testing.TB, definition string) (values []string) {
	t.Helper()
	m := labelValues.FindStringSubmatch(definition)
	if m == nil {
		t.Fatalf("%s: variable %s", d.Name, definition)
	}
	d.send(t, http.MethodGet, "/api/v1/label/"+m[2]+"/values", url.Values{"match[]": {m[1]}, "start": {seconds(d.From)}, "end": {seconds(d.To)}}, &values)
	return values
}

// send sends a request and decodes the data of a successful answer.
func (d Dashboard) send(t testing.TB, method, path string, form url.Values, data any) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, "http://127.0.0.1:8642"+path+"?"+form.Encode(), nil)
	if method == http.MethodPost {
		r = httptest.NewRequestWithContext(t.Context(), method, "http://127.0.0.1:8642"+path, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	answer := httptest.NewRecorder()
	d.Server.ServeHTTP(answer, r)
	var body struct {
		Status, Error string
		Warnings      []string
		Data          json.RawMessage
	}
	if err := json.Unmarshal(answer.Body.Bytes(), &body); err != nil || answer.Code != http.StatusOK {
		t.Fatalf("%s %s %s: %d %s", method, path, form, answer.Code, answer.Body)
	}
	if len(body.Warnings) > 0 {
		t.Errorf("%s %s: warnings %q", path, form, body.Warnings)
	}
	if err := json.Unmarshal(body.Data, data); err != nil {
		t.Fatal(err)
	}
}

func seconds(t time.Time) string {
	return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64)
}

// moduleRoot returns the directory with go.mod.
func moduleRoot(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
}
