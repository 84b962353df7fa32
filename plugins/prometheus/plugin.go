// Package prometheus reads the pages of exporters.
package prometheus

import (
	"context"
	_ "embed"
	"errors"
	"fmt"

	"github.com/rtcollector/rtcollector/internal/httpx"
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
}

const (
	nodeExporter = "http://localhost:9100/metrics"

	// accept prefers the older format, which has no series that say when others were created.
	accept = "text/plain;version=0.0.4,application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1"

	maxPage = 64 << 20
)

func defaults() Config { return Config{Config: httpx.Defaults(), URL: nodeExporter} }

// Validate implements conf.Validator.
func (c *Config) Validate() error {
	_, err := c.addresses()
	return errors.Join(c.Config.Validate(), err)
}

func (c *Config) addresses() ([]httpx.Address, error) {
	return httpx.Places("url", c.URL, nodeExporter, c.URLs)
}

type input struct {
	targets []*target
}

// target is one exporter.
type target struct {
	*httpx.Target
	factory *telemetry.Factory
	labels  []telemetry.Label
	series  *telemetry.Vec[string, handle]
	round   int
	text    []byte
	names   map[string]bool // of metrics on this page that are called like rates; nil: not known yet
	err     error
}

func build(env plugins.Env, c Config) (*input, error) {
	all, err := c.addresses()
	in := &input{}
	for _, a := range all {
		t := &target{
			Target: c.Target(a, env.Secrets), factory: env.Factory,
			labels: []telemetry.Label{{Key: "instance", Value: a.HostPort()}},
			series: telemetry.NewVec(func(string) handle { return handle{} }), // made when the kind is known
		}
		if path := a.Path(all); path.Value != "" {
			t.labels = append(t.labels, path)
		}
		t.Accept = accept
		in.targets = append(in.targets, t)
	}
	return in, err
}

// Gather implements plugins.Gatherer.
func (in *input) Gather(ctx context.Context, out *telemetry.Batch) error {
	httpx.Together(ctx, in.targets, func(ctx context.Context, t *target) { t.text, t.err = t.Get(ctx, maxPage) })
	var errs []error
	for _, t := range in.targets {
		if t.err == nil {
			t.err = t.read(out)
		}
		errs = append(errs, t.err)
	}
	return errors.Join(errs...)
}

// Close implements io.Closer.
func (in *input) Close() error {
	for _, t := range in.targets {
		t.Close()
	}
	return nil
}

// read writes the page's samples.
func (t *target) read(out *telemetry.Batch) error {
	t.round++
	t.names = nil
	p := parser{rest: t.text}
	good, wrong := 0, 0
	var first error
	for {
		s, line, ok, more := p.next()
		if !more {
			break
		}
		if ok && t.add(out, s) {
			good++
			continue
		}
		if wrong++; wrong == 1 {
			first = fmt.Errorf("parse %s: line %d is no sample: %.80q", t, p.line, line)
		}
	}
	t.series.Sweep()
	switch {
	case good == 0 && (wrong > 0 || p.line == 0):
		return t.Unexpected(t.text, "metrics in the text format of Prometheus")
	case wrong > 1:
		return fmt.Errorf("%w, and %d more", first, wrong-1)
	}
	return first
}
