package prometheusendpoint_test

import (
	"compress/gzip"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/catalog/catalogtest"
	"github.com/rtcollector/rtcollector/internal/httpauth"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/internal/tlsx/tlstest"
	endpoint "github.com/rtcollector/rtcollector/outputs/prometheus_endpoint"
)

// open returns an output that serves.
func open(t *testing.T, change func(*endpoint.Config)) *endpoint.Output {
	t.Helper()
	o := newOutput(t, nil, change)
	if err := o.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.Close() })
	return o
}

// fetch sends a request with headers "Name: value" and returns the answer and its body.
func fetch(t *testing.T, client *http.Client, address string, headers ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func TestServe(t *testing.T) {
	o := open(t, func(c *endpoint.Config) { c.Path = "/page" })
	if err := o.WriteMetrics(t.Context(), []*telemetry.Batch{manySeries(100)}); err != nil {
		t.Fatal(err)
	}
	plain := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	resp, body := fetch(t, plain, o.URL())
	if resp.Header.Get("Content-Type") != "text/plain; version=0.0.4; charset=utf-8" || !strings.Contains(body, "net_metric_1_bytes_per_second{") {
		t.Errorf("%v\n%s", resp.Header, body)
	}
	resp, body = fetch(t, plain, o.URL(), "Accept: application/openmetrics-text")
	if resp.Header.Get("Content-Type") != "application/openmetrics-text; version=1.0.0; charset=utf-8" || !strings.HasSuffix(body, "# EOF\n") {
		t.Errorf("%v\n%s", resp.Header, body)
	}
	for _, accept := range []string{"text/plain", "application/openmetrics-text"} {
		resp, body = fetch(t, plain, o.URL(), "Accept: "+accept, "Accept-Encoding: gzip")
		unzipped, err := gzip.NewReader(strings.NewReader(body))
		if err != nil || resp.Header.Get("Content-Encoding") != "gzip" {
			t.Fatalf("%v, %v", err, resp.Header)
		}
		if text, err := io.ReadAll(unzipped); err != nil || !strings.Contains(string(text), "net_metric_1_bytes_per_second{") || len(text) < 3*len(body) {
			t.Errorf("%v, %d bytes", err, len(text))
		}
	}
	if resp, _ := fetch(t, plain, strings.Replace(o.URL(), "/page", "/metrics", 1)); resp.StatusCode != http.StatusNotFound {
		t.Error(resp.StatusCode)
	}
	if resp, err := plain.Post(o.URL(), "text/plain", strings.NewReader("x")); err != nil || resp.StatusCode != http.StatusMethodNotAllowed {
		t.Error(resp, err)
	} else {
		_ = resp.Body.Close()
	}
}

func TestAuth(t *testing.T) {
	const bearer, basic = "Authorization: Bearer sesame", "Authorization: Basic YWRtaW46c2VzYW1l" // admin:sesame
	for name, c := range map[string]struct {
		auth  *httpauth.Auth
		right string
	}{"token": {&httpauth.Auth{Token: secret.Literal("sesame")}, bearer}, "basic": {&httpauth.Auth{Username: secret.Literal("admin"), Password: secret.Literal("sesame")}, basic}} {
		o := open(t, func(config *endpoint.Config) { config.Auth = c.auth })
		for _, address := range []string{o.URL(), strings.Replace(o.URL(), "/metrics", "/api/v1/allmetrics", 1)} {
			for _, header := range []string{bearer, basic, "Authorization: Bearer wrong", "Accept: */*"} {
				resp, body := fetch(t, http.DefaultClient, address, header)
				want := http.StatusUnauthorized
				if header == c.right {
					want = http.StatusOK
				}
				if resp.StatusCode != want || want == 401 && !strings.Contains(resp.Header.Get("WWW-Authenticate"), "realm") || strings.Contains(body, "sesame") {
					t.Errorf("%s, %s: %d %s", name, header, resp.StatusCode, body)
				}
			}
		}
		for range 10 {
			fetch(t, http.DefaultClient, o.URL(), "Authorization: Bearer wrong")
		}
		if resp, _ := fetch(t, http.DefaultClient, o.URL(), c.right); resp.StatusCode != http.StatusTooManyRequests {
			t.Errorf("%s: a client may guess for ever: %d", name, resp.StatusCode)
		}
	}
}

func TestTLS(t *testing.T) {
	authority := tlstest.New(t)
	cert, key := authority.Issue(t, tlstest.Cert{})
	o := open(t, func(c *endpoint.Config) { c.TLS.Cert, c.TLS.Key, c.TLS.ClientCA = cert, key, authority.File })
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	with := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: authority.Pool(), Certificates: []tls.Certificate{pair}}}}
	if resp, body := fetch(t, with, o.URL()); resp.StatusCode != http.StatusOK || !strings.HasPrefix(o.URL(), "https://") {
		t.Error(resp.StatusCode, body)
	}
	without := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: authority.Pool()}}}
	if resp, err := without.Get(o.URL()); err == nil {
		_ = resp.Body.Close()
		t.Error("a client without a certificate is let in")
	}
}

// TestClients: no more connections than allowed are served at once, and a client that sends nothing does not keep its place.
func TestClients(t *testing.T) {
	o := open(t, func(c *endpoint.Config) {
		c.MaxClients = 1
		_ = (&c.Timeout).UnmarshalScalar("100ms")
	})
	address, _ := url.Parse(o.URL())
	silent, err := net.Dial("tcp", address.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	if resp, _ := fetch(t, http.DefaultClient, o.URL()); resp.StatusCode != http.StatusOK { // waits until the silent one is cut off
		t.Error(resp.StatusCode)
	}
	if _, err := silent.Read(make([]byte, 1)); err == nil {
		t.Error("the silent client is still connected")
	}
}

func TestPortInUse(t *testing.T) {
	o := open(t, nil)
	address, _ := url.Parse(o.URL())
	other := newOutput(t, nil, func(c *endpoint.Config) { c.Listen = address.Host })
	if err := other.Open(t.Context()); err == nil || !strings.Contains(err.Error(), "listen on "+address.Host) || !strings.Contains(err.Error(), "another address") {
		t.Error(err)
	}
	if err := o.Close(); err != nil {
		t.Error(err)
	}
	if err := other.Open(t.Context()); err != nil { // as the agent does after a pause
		t.Error(err)
	}
	_ = other.Close()
}

func TestSettings(t *testing.T) {
	for config, want := range map[string]string{
		"listen: :9273": "auth: none", "listen: ':9273'\nauth: none": "", "listen: nowhere": "must be an address and a port", "path: metrics": "must begin with a slash",
		"path: /api/v1/allmetrics": "not be /api/v1/allmetrics", "expires: 10ms": "at least 1s", "prefix: a-b": "beginning of a metric's name", "max_clients: 0": "at least 1",
		"timeout: 1ms": "at least 1s", "auth: {username: x}": "needs a password", "tls_cert: /x": "tls_key", "listen: '127.0.0.1:1'\nexpires: 1s": "", "listen: 0.0.0.0:1": "other machines",
	} {
		_, problems := catalogtest.Decode(t, endpoint.Plugin, config)
		if err := problems.Err(); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", config, err)
		}
	}
}

// startPrometheus starts a Prometheus that scrapes a target, and returns its address.
func startPrometheus(t *testing.T, target string) string {
	t.Helper()
	servicetest.RequireCommands(t, "prometheus", "prometheus")
	d := servicetest.New(t)
	settings := d.WriteFile("prometheus.yml", `scrape_configs:
  - job_name: rtcollector
    scrape_interval: 200ms
    scrape_timeout: 200ms
    honor_labels: true
    static_configs: [{targets: ["`+target+`"]}]
`)
	d.Args = []string{"prometheus", "--config.file=" + settings, "--storage.tsdb.path=" + filepath.Join(d.Dir, "data"), "--web.listen-address=127.0.0.1:$PORT"}
	d.Run()
	return "http://" + d.Addr()
}

// query returns the result of an expression: the metric and value of each series.
func query(ctx context.Context, server, expression string) (map[string]string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, server+"/api/v1/query?query="+url.QueryEscape(expression), http.NoBody)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	var answer struct {
		Data struct {
			Result []struct {
				Metric map[string]string
				Value  [2]any
			}
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return nil, err
	}
	found := map[string]string{}
	for _, s := range answer.Data.Result {
		found[s.Metric["__name__"]+" "+s.Metric["l"]] = fmt.Sprint(s.Value[1])
	}
	return found, nil
}

// TestScraped: Prometheus reads the page, which it asks for in OpenMetrics, with hostile labels and special values.
func TestScraped(t *testing.T) {
	o := open(t, nil)
	f := telemetry.NewFactory("h1", "test", nil)
	hostile := "a\"b\\c\nd\re\x00f\xffg"
	write := func() {
		b := telemetry.NewBatch(time.Now(), time.Now(), 4)
		b.Add(f.New("restarts_total", telemetry.Counter, telemetry.None), 3)
		b.Add(f.Gauge("my.gauge", telemetry.None, label("l", hostile)...), 1.5)
		b.AddAt(f.Gauge("infinite", telemetry.None), -1/zero(), b.Time)
		b.Add(f.New("both", telemetry.Counter, telemetry.None, label("l", "1")...), 1)
		b.Add(f.New("both", telemetry.Gauge, telemetry.None, label("l", "2")...), 2)
		if err := o.WriteMetrics(t.Context(), []*telemetry.Batch{b}); err != nil {
			t.Fatal(err)
		}
	}
	write()
	address, _ := url.Parse(o.URL())
	server := startPrometheus(t, address.Host)
	want := map[string]string{"restarts_total ": "3", "my_gauge a\"b\\c\nd\re\x00f\uFFFDg": "1.5", "infinite ": "-Inf", "both 1": "1", "both 2": "2"}
	servicetest.Until(t, "Prometheus has the samples", func(ctx context.Context) error {
		got, err := query(ctx, server, `{host="h1"}`)
		if err == nil && fmt.Sprint(got) != fmt.Sprint(want) {
			err = fmt.Errorf("got %q, want %q", got, want)
		}
		return err
	})
}

func zero() (z float64) { return z }
