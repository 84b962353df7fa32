// Package jsonlines writes samples as JSON, one object per line, over TCP or HTTP.
//
//   - plugin.go: settings and [Writer]. format.go: the objects.
package jsonlines

import (
	"context"
	_ "embed"
	"errors"

	"github.com/rtcollector/rtcollector/internal/linesender"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
)

//go:embed README.md
var readme string

// Plugin is the definition of the output "json".
var Plugin = outputs.Define("json", "writes samples as JSON, one object per line, over TCP or HTTP", Defaults, New).Doc(readme + linesender.Readme)

// kind returns what is particular to this output.
func kind() linesender.Kind {
	return linesender.Kind{
		Name: "json", Port: 5448, ContentType: "application/x-ndjson", // the port of Netdata's backend of this name
		Protocols: []linesender.Protocol{linesender.TCP, linesender.TLS, linesender.UDP, linesender.Unix, linesender.HTTP, linesender.HTTPS},
	}
}

// Config holds the settings of the output.
type Config struct {
	linesender.Config     `yaml:",inline"`
	linesender.HTTPConfig `yaml:",inline"`
}

// Defaults returns settings that write to a program on this machine.
func Defaults() Config {
	c := Config{Config: linesender.Defaults(kind()), HTTPConfig: linesender.HTTPConfig{BatchSize: 1000}}
	c.Prefix = ""
	return c
}

// Validate implements conf.Validator.
func (c *Config) Validate() error {
	return errors.Join(c.ValidateAs(kind()), c.ValidateWith(&c.Config, kind()))
}

// Writer writes samples.
type Writer struct{ *linesender.Sender }

// New builds the output. It does not connect.
func New(env outputs.Env, c Config) (*Writer, error) {
	given := linesender.Env{Host: env.Host, Slot: env.Slot, Log: env.Log, Secrets: env.Secrets}
	if !c.IsHTTP(kind()) {
		s, err := linesender.New(given, c.Config, kind(), objects{}, false)
		return &Writer{s}, err
	}
	s, err := linesender.NewHTTP(given, c.Config, c.HTTPConfig, kind(), objects{}, linesender.Body{Judge: judge})
	return &Writer{s}, err
}

// judge implements [linesender.Body].
func judge(status int, _ []byte) (v linesender.Verdict, refused int, text string) {
	return linesender.JudgeStatus(status), 0, ""
}

// WriteMetrics implements [outputs.MetricWriter].
func (w *Writer) WriteMetrics(ctx context.Context, batches []*telemetry.Batch) error {
	r := w.Write(ctx, batches)
	return outputs.Outcome(r.Settled, r.Rejected, r.Why, r.Err)
}
