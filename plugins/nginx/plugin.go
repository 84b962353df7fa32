// Package nginx reports the connections and requests of nginx servers.
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

// Config says where the pages are.
type Config struct {
	httpx.Pages `yaml:",inline"`
}

func defaults() Config { return Config{httpx.PagesOf("http://localhost/nginx_status")} }

// maxPage is far more than the page ever has.
const maxPage = 64 << 10

// server is one nginx.
type server struct {
	*httpx.Page
	gauges  [numFields]*telemetry.Series
	totals  [numFields]*telemetry.Total
	dropped *telemetry.Total
	plus    *plus
	isPlus  bool // what answers now
}

func build(env plugins.Env, c Config) (servers httpx.Group[*server], err error) {
	pages, err := c.Open(env.Secrets)
	for _, p := range pages {
		servers = append(servers, newServer(env.Factory, p))
	}
	return servers, err
}

func newServer(f *telemetry.Factory, p *httpx.Page) *server {
	s := &server{Page: p, dropped: f.Counter("nginx_dropped", telemetry.None, p.Labels...), plus: newPlus(f, p)}
	for i, name := range map[int]string{active: "nginx_active", reading: "nginx_reading", writing: "nginx_writing", waiting: "nginx_waiting"} {
		s.gauges[i] = f.Gauge(name, telemetry.None, p.Labels...)
	}
	for i, name := range map[int]string{accepts: "nginx_accepts", handled: "nginx_handled", requests: "nginx_requests"} {
		s.totals[i] = f.Counter(name, telemetry.None, p.Labels...)
	}
	return s
}

// Ask implements httpx.Server: it asks for the page and, if that turns out to be the API of NGINX Plus, for what there is below it.
func (s *server) Ask(ctx context.Context) {
	s.Fetch(ctx, maxPage)
	if s.isPlus = s.Err == nil && isAPI(s.Text); s.isPlus {
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
	fields, ok := parse(s.Text)
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
	if fields[accepts] >= fields[handled] {
		s.dropped.Add(out, fields[accepts]-fields[handled])
	}
}
