// Package graphite writes samples as lines of Graphite's plaintext protocol, plain or with tags.
//
//   - plugin.go: settings and [Writer]. format.go: the lines.
package graphite

import (
	"context"
	_ "embed"
	"fmt"

	"github.com/rtcollector/rtcollector/internal/linesender"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
)

//go:embed README.md
var readme string

// Plugin is the definition of the output "graphite".
var Plugin = outputs.Define("graphite", "writes samples to Graphite and everything that understands its plaintext protocol", Defaults, New).
	Doc(readme + linesender.Readme)

// kind returns what is particular to Graphite.
func kind() linesender.Kind {
	return linesender.Kind{Name: "graphite", Port: 2003, Protocols: []linesender.Protocol{linesender.TCP, linesender.TLS, linesender.UDP, linesender.Unix}}
}

// Format is a form of lines.
type Format string

// The formats.
const (
	Plain  Format = "plain"  // PREFIX.HOST.METRIC.INSTANCE VALUE SECONDS
	Tagged Format = "tagged" // PREFIX.METRIC;tag=value VALUE SECONDS (Graphite 1.1)
)

// UnmarshalScalar implements conf.Scalar.
func (f *Format) UnmarshalScalar(text string) error {
	switch v := Format(text); v {
	case Plain, Tagged:
		*f = v
		return nil
	}
	return fmt.Errorf("must be %s or %s", Plain, Tagged)
}

// Config holds the settings of the output.
type Config struct {
	linesender.Config `yaml:",inline"`
	Format            Format `yaml:"format"`
}

// Defaults returns settings that write to carbon on this machine.
func Defaults() Config { return Config{Config: linesender.Defaults(kind()), Format: Plain} }

// Validate implements conf.Validator.
func (c *Config) Validate() error { return c.ValidateAs(kind()) }

// Writer writes samples.
type Writer struct{ *linesender.Sender }

// New builds the output. It does not connect.
func New(env outputs.Env, c Config) (*Writer, error) {
	s, err := linesender.New(linesender.Env{Host: env.Host, Slot: env.Slot, Log: env.Log, Secrets: env.Secrets}, c.Config, kind(), lines{c.Format}, false)
	return &Writer{s}, err
}

// WriteMetrics implements [outputs.MetricWriter].
func (w *Writer) WriteMetrics(ctx context.Context, batches []*telemetry.Batch) error {
	r := w.Write(ctx, batches)
	return outputs.Outcome(r.Settled, r.Rejected, r.Why, r.Err)
}
