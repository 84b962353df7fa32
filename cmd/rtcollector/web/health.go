package web

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/rtcollector/rtcollector/internal/metric"
	"github.com/rtcollector/rtcollector/internal/selfstat"
)

// healthProbe returns the handler of /health: the agent's, or one that answers as long as the server runs. Health checks need no
// credential here, so they say nothing but yes or no.
func (s *Server) healthProbe() http.HandlerFunc {
	if s.config.Agent != nil {
		return probe(s.config.Agent, checkHealth, false, nil)
	}
	return serveHealth
}

// readyProbe returns the handler of /ready: the agent's, or one that asks Redis.
func (s *Server) readyProbe() http.HandlerFunc {
	if s.config.Agent != nil {
		return probe(s.config.Agent, checkReady, false, nil)
	}
	return s.serveReady
}

// serveHealth answers as long as the server runs.
func serveHealth(w http.ResponseWriter, _ *http.Request) {
	_, _ = w.Write([]byte("ok\n"))
}

// serveReady answers whether Redis answers. It needs no credential, so it does not say more.
func (s *Server) serveReady(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), probeTimeout)
	defer cancel()
	c, err := s.store.open(ctx)
	if err == nil {
		err = c.client.Ping(ctx).Err()
	}
	if err != nil {
		http.Error(w, "Redis does not answer", http.StatusServiceUnavailable)
		return
	}
	_, _ = w.Write([]byte("ok\n"))
}

// serveMetrics answers with the statistics of the agent and of this server in Prometheus' text format.
func (s *Server) serveMetrics(w http.ResponseWriter, _ *http.Request) {
	var p page
	if s.config.Self != nil {
		p.addAgent(s.config.Self)
	}
	p.addRequests(&s.measured)
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	_, _ = w.Write(p.Bytes())
}

// page is a page of metrics. The names are those of the input internal (docs/inputs.md).
type page struct{ bytes.Buffer }

// labelEscapes are the escapes of values of labels in the text format.
var labelEscapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)

// family writes the type of a metric and its samples.
func (p *page) family(name, kind string, samples func(add func(v float64, labels ...string))) {
	fmt.Fprintf(p, "# TYPE %s %s\n", name, kind)
	samples(func(v float64, labels ...string) {
		p.WriteString(name)
		for i := 0; i+1 < len(labels); i += 2 {
			p.WriteByte("{,"[min(i, 1)])
			p.WriteString(labels[i] + `="` + labelEscapes.Replace(labels[i+1]) + `"`)
		}
		if len(labels) > 0 {
			p.WriteByte('}')
		}
		p.WriteString(" " + strconv.FormatFloat(v, 'g', -1, 64) + "\n")
	})
}

func (p *page) addAgent(r *selfstat.Registry) {
	for _, m := range []struct {
		name string
		of   func(*selfstat.Input) int64
	}{
		{"internal_gather_metrics_gathered", func(i *selfstat.Input) int64 { return i.Samples.Load() }},
		{"internal_gather_events_gathered", func(i *selfstat.Input) int64 { return i.Events.Load() }},
		{"internal_gather_errors", func(i *selfstat.Input) int64 { return i.Errors.Load() }},
		{"internal_gather_gather_timeouts", func(i *selfstat.Input) int64 { return i.Timeouts.Load() }},
		{"internal_gather_missed", func(i *selfstat.Input) int64 { return i.Missed.Load() }},
		{"internal_gather_gather_time_ns", func(i *selfstat.Input) int64 { return i.GatherTime.Load() }},
	} {
		p.family(m.name, "counter", func(add func(float64, ...string)) {
			for _, i := range r.Inputs() {
				add(float64(m.of(i)), "input", i.ID)
			}
		})
	}
	p.family("internal_input_healthy", "gauge", func(add func(float64, ...string)) {
		for _, i := range r.Inputs() {
			add(metric.Bool(!i.Condition.IsFailing()), "input", i.ID)
		}
	})
	p.family("internal_output_healthy", "gauge", func(add func(float64, ...string)) {
		for _, o := range r.Outputs() {
			add(metric.Bool(!o.Condition.IsFailing()), "output", o.ID)
		}
	})
	for _, m := range []struct {
		name, kind string
		of         func(*selfstat.Output) int64
	}{
		{"internal_write_metrics_written", "counter", func(o *selfstat.Output) int64 { return o.Written.Load() }},
		{"internal_write_metrics_dropped", "counter", func(o *selfstat.Output) int64 { return o.Dropped.Load() }},
		{"internal_write_metrics_rejected", "counter", func(o *selfstat.Output) int64 { return o.Rejected.Load() }},
		{"internal_write_retries", "counter", func(o *selfstat.Output) int64 { return o.Retries.Load() }},
		{"internal_write_writes", "counter", func(o *selfstat.Output) int64 { return o.Writes.Load() }},
		{"internal_write_write_time_ns", "counter", func(o *selfstat.Output) int64 { return o.WriteTime.Load() }},
		{"internal_write_buffer_size", "gauge", func(o *selfstat.Output) int64 { return o.Samples.Size.Load() }},
		{"internal_write_buffer_limit", "gauge", func(o *selfstat.Output) int64 { return o.Samples.Limit.Load() }},
		{"internal_write_event_buffer_bytes", "gauge", func(o *selfstat.Output) int64 { return o.Events.Size.Load() }},
		{"internal_write_event_buffer_limit_bytes", "gauge", func(o *selfstat.Output) int64 { return o.Events.Limit.Load() }},
	} {
		p.family(m.name, m.kind, func(add func(float64, ...string)) {
			for _, o := range r.Outputs() {
				add(float64(m.of(o)), "output", o.ID)
			}
		})
	}
}

func (p *page) addRequests(m *measurements) {
	m.mu.Lock()
	routes := maps.Clone(m.routes)
	m.mu.Unlock()
	sorted := slices.SortedFunc(maps.Keys(routes), func(a, b routeStatus) int {
		return cmp.Or(cmp.Compare(a.route, b.route), cmp.Compare(a.status, b.status))
	})
	p.family("rtcollector_web_requests_total", "counter", func(add func(float64, ...string)) {
		for _, k := range sorted {
			add(float64(routes[k].requests), "route", k.route, "status", strconv.Itoa(k.status))
		}
	})
	p.family("rtcollector_web_request_seconds_total", "counter", func(add func(float64, ...string)) {
		for _, k := range sorted {
			add(routes[k].seconds, "route", k.route, "status", strconv.Itoa(k.status))
		}
	})
}
