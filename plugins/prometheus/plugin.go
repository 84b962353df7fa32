// Package prometheus reads the pages of exporters.
package prometheus

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"time"

	"github.com/rtcollector/rtcollector/internal/httpx"
	"github.com/rtcollector/rtcollector/internal/promtext"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

//go:embed README.md
var readme string

// Plugin is the input's definition.
var Plugin = plugins.Poll("prometheus", "what exporters of Prometheus and OpenMetrics have to say", defaults, build).OnRequest().Doc(readme + httpx.Readme)

// Config says where the pages are.
type Config struct {
	httpx.Config `yaml:",inline"`
	URL          string   `yaml:"url" conf:"public"`
	URLs         []string `yaml:"urls" conf:"public"` // instead of the default of url, or beside another
	Gzip         bool     `yaml:"gzip"`
}

const (
	nodeExporter = "http://localhost:9100/metrics"

	// accept prefers the older format, which has no series that say when others were created.
	accept = "text/plain;version=0.0.4,application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1"

	maxPage = 24 << 20

	// maxSeries is what the series of all pages may take in memory, in bytes: about 50,000.
	maxSeries = 32 << 20

	up      = "up"
	took    = "scrape_duration_seconds"
	scraped = "scrape_samples_scraped"
)

func defaults() Config { return Config{Config: httpx.Defaults(), URL: nodeExporter} }

// Validate implements conf.Validator.
func (c *Config) Validate() error {
	_, err := c.addresses()
	return errors.Join(c.Config.Validate(), err)
}

func (c *Config) addresses() ([]httpx.Address, error) {
	return httpx.ParsePageURLs("url", c.URL, nodeExporter, c.URLs)
}

// target is one exporter.
type target struct {
	*httpx.Target
	page              *promtext.Reader
	up, took, scraped *telemetry.Series
	text              []byte
	elapsed           time.Duration
	err               error
}

func build(env plugins.Env, c Config) (targets httpx.Group[*target], err error) {
	all, err := c.addresses()
	quota := &promtext.Quota{Most: maxSeries}
	for _, a := range all {
		t := newTarget(env, &c, a, all)
		t.page.Quota = quota
		targets = append(targets, t)
	}
	return targets, err
}

// newTarget makes a target. Its own metrics are called as Prometheus calls them (prometheus.io/docs/concepts/jobs_instances).
func newTarget(env plugins.Env, c *Config, a httpx.Address, all []httpx.Address) *target {
	labels := []telemetry.Label{{Key: "instance", Value: a.HostPort()}}
	if path := a.Path(all); path.Value != "" {
		labels = append(labels, path)
	}
	t := &target{
		Target: c.Target(a, env.Secrets), page: promtext.NewReader(env.Factory, labels...),
		up:      env.Factory.Gauge(up, telemetry.None, labels...),
		took:    env.Factory.Gauge(took, telemetry.Seconds, labels...),
		scraped: env.Factory.Gauge(scraped, telemetry.None, labels...),
	}
	t.Accept, t.Compressed = accept, c.Gzip
	t.page.Taken = []string{up, took, scraped}
	return t
}

// Ask implements httpx.Server.
func (t *target) Ask(ctx context.Context) {
	began := time.Now()
	t.text, t.err = t.Get(ctx, maxPage)
	t.elapsed = time.Since(began)
}

// Add implements httpx.Server: it writes the page's samples, and whether there was one.
func (t *target) Add(out *telemetry.Batch) error {
	samples, err := 0, t.err
	if err == nil {
		defer func() { t.text = nil; t.Done() }()
		samples, err = t.page.Read(out, t.text)
		empty := len(bytes.TrimSpace(t.text)) == 0
		switch {
		case samples == 0 && (err != nil || empty):
			t.err = t.Unexpected(t.text, "metrics in the text format of Prometheus")
			err = t.err
		case err != nil:
			err = fmt.Errorf("parse %s: %w", t, err)
		}
	}
	if errors.Is(err, context.Canceled) {
		return err // says nothing about the target
	}
	out.Add(t.took, t.elapsed.Seconds())
	out.Add(t.scraped, float64(samples))
	if t.err == nil {
		out.Add(t.up, 1)
	} else {
		out.Add(t.up, 0)
	}
	return err
}
