// Package nginx reports the connections and requests of nginx servers, from the page of stub_status or from the API of NGINX
// Plus.
//
//   - plugin.go: [Plugin] and the server behind a URL. parse.go parses the page of stub_status.
//   - plus.go reads the API. plusseries.go and peers.go turn its objects into samples.
package nginx

import (
	"context"
	_ "embed"

	"github.com/rtcollector/rtcollector/internal/httpx"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

//go:embed README.md
var readme string

// Plugin is the input's definition.
var Plugin = plugins.Poll("nginx", "connections and requests of nginx, zones and upstreams of NGINX Plus", defaults, build).OnRequest().Doc(readme + httpx.Readme)

// Config has the URLs of the pages.
type Config struct {
	httpx.Pages `yaml:",inline"`
}

func defaults() Config { return Config{httpx.PagesOf("http://localhost/nginx_status")} }

// maxPage bounds the page, in bytes.
const maxPage = 64 << 10

// server is one nginx server.
type server struct {
	*httpx.Page
	gauges  [numFields]*telemetry.Series
	totals  [numFields]*telemetry.Total
	dropped *telemetry.Total
	plus    *plusAPI
	isPlus  bool // the last reply was that of the API
}

func build(env plugins.Env, c Config) (servers httpx.Group[*server], err error) {
	pages, err := c.Open(env.Secrets)
	for _, p := range pages {
		servers = append(servers, newServer(env.Factory, p))
	}
	return servers, err
}

func newServer(f *telemetry.Factory, p *httpx.Page) *server {
	s := &server{Page: p, dropped: f.Counter("nginx_dropped", telemetry.None, p.Labels...), plus: newPlusAPI(f, p)}
	for i, name := range map[int]string{fieldActive: "nginx_active", fieldReading: "nginx_reading", fieldWriting: "nginx_writing", fieldWaiting: "nginx_waiting"} {
		s.gauges[i] = f.Gauge(name, telemetry.None, p.Labels...)
	}
	for i, name := range map[int]string{fieldAccepts: "nginx_accepts", fieldHandled: "nginx_handled", fieldRequests: "nginx_requests"} {
		s.totals[i] = f.Counter(name, telemetry.None, p.Labels...)
	}
	return s
}

// Ask implements httpx.Server. It reads the page and, if that is the root of the API of NGINX Plus, the endpoints below it.
func (s *server) Ask(ctx context.Context) {
	s.Fetch(ctx, maxPage)
	if s.isPlus = s.Err == nil && isAPIRoot(s.Text); s.isPlus {
		s.plus.fetch(ctx, s.Text)
	}
}

// Add implements httpx.Server.
func (s *server) Add(out *telemetry.Batch) error {
	if s.Err != nil {
		return s.Err
	}
	if s.isPlus {
		return s.addPlus(out)
	}
	fields, ok := parseStubStatus(s.Text)
	if !ok {
		return s.Unexpected(s.Text, "the page of nginx's stub_status or the API of NGINX Plus")
	}
	s.addFields(out, &fields)
	return nil
}

func (s *server) addFields(out *telemetry.Batch, fields *[numFields]float64) {
	for i, total := range s.totals {
		if total != nil {
			total.Add(out, fields[i])
			continue
		}
		out.Add(s.gauges[i], fields[i])
	}
	if fields[fieldAccepts] >= fields[fieldHandled] {
		s.dropped.Add(out, fields[fieldAccepts]-fields[fieldHandled])
	}
}
