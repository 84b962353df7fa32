// Package prometheus reads the metrics pages of exporters. Package promtext parses them; this package adds the settings, the
// requests, and the metrics about each page.
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
var Plugin = plugins.Poll("prometheus", "the metrics of exporters for Prometheus and OpenMetrics", defaults, build).OnRequest().Doc(readme + httpx.Readme)

// Config has the URLs of the pages.
type Config struct {
	httpx.Config `yaml:",inline"`
	URL          string   `yaml:"url" conf:"public"`
	URLs         []string `yaml:"urls" conf:"public"` // replaces the default of url, or adds to another value of it
	Gzip         bool     `yaml:"gzip"`
}

const (
	defaultURL = "http://localhost:9100/metrics"

	// accept prefers the older format, which has no series with the creation times of other series.
	accept = "text/plain;version=0.0.4,application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1"

	maxPage = 24 << 20

	// maxSeriesBytes bounds the memory of the series of all pages, in bytes. It is enough for about 50,000.
	maxSeriesBytes = 32 << 20

	metricUp       = "up"
	metricDuration = "scrape_duration_seconds"
	metricSamples  = "scrape_samples_scraped"
)

func defaults() Config { return Config{Config: httpx.Defaults(), URL: defaultURL} }

// Validate implements conf.Validator.
func (c *Config) Validate() error {
	_, err := c.addresses()
	return errors.Join(c.Config.Validate(), err)
}

func (c *Config) addresses() ([]httpx.Address, error) {
	return httpx.ParsePageURLs("url", c.URL, defaultURL, c.URLs)
}

// target is one exporter.
type target struct {
	*httpx.Target
	reader                    *promtext.Reader
	up, duration, sampleCount *telemetry.Series
	page                      []byte
	elapsed                   time.Duration
	fetchErr                  error
}

func build(env plugins.Env, c Config) (targets httpx.Group[*target], err error) {
	all, err := c.addresses()
	quota := &promtext.Quota{MaxBytes: maxSeriesBytes}
	for _, a := range all {
		t := newTarget(env, &c, a, all)
		t.reader.Quota = quota
		targets = append(targets, t)
	}
	return targets, err
}

// newTarget makes a target. The metrics about it have the names that Prometheus uses
// (prometheus.io/docs/concepts/jobs_instances).
func newTarget(env plugins.Env, c *Config, a httpx.Address, all []httpx.Address) *target {
	labels := []telemetry.Label{{Key: "instance", Value: a.HostPort()}}
	if path := a.Path(all); path.Value != "" {
		labels = append(labels, path)
	}
	t := &target{
		Target: c.Target(a, env.Secrets), reader: promtext.NewReader(env.Factory, labels...),
		up:          env.Factory.Gauge(metricUp, telemetry.None, labels...),
		duration:    env.Factory.Gauge(metricDuration, telemetry.Seconds, labels...),
		sampleCount: env.Factory.Gauge(metricSamples, telemetry.None, labels...),
	}
	t.Accept, t.Compressed = accept, c.Gzip
	t.reader.ReservedNames = []string{metricUp, metricDuration, metricSamples}
	return t
}

// Ask implements httpx.Server.
func (t *target) Ask(ctx context.Context) {
	began := time.Now()
	t.page, t.fetchErr = t.Get(ctx, maxPage)
	t.elapsed = time.Since(began)
}

// Add implements httpx.Server. It adds the samples of the page and those about the target.
func (t *target) Add(out *telemetry.Batch) error {
	samples, err := 0, t.fetchErr
	if err == nil {
		defer func() { t.page = nil; t.Done() }()
		samples, err = t.reader.Read(out, t.page)
		empty := len(bytes.TrimSpace(t.page)) == 0
		switch {
		case samples == 0 && (err != nil || empty):
			t.fetchErr = t.Unexpected(t.page, "metrics in the text format of Prometheus")
			err = t.fetchErr
		case err != nil:
			err = fmt.Errorf("parse %s: %w", t, err)
		}
	}
	if errors.Is(err, context.Canceled) {
		return err // not a failure of the target
	}
	out.Add(t.duration, t.elapsed.Seconds())
	out.Add(t.sampleCount, float64(samples))
	if t.fetchErr == nil {
		out.Add(t.up, 1)
	} else {
		out.Add(t.up, 0)
	}
	return err
}
