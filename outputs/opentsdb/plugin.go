// Package opentsdb writes samples to OpenTSDB and everything that understands its protocols: lines ("telnet") or HTTP.
//
//   - plugin.go: settings and [Writer]. format.go: names, tags and lines. answer.go: answers over HTTP.
package opentsdb

import (
	"context"
	_ "embed"
	"errors"
	"fmt"

	"github.com/rtcollector/rtcollector/internal/catalog"
	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/linesender"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
)

//go:embed README.md
var readme string

// Plugin is the definition of the output "opentsdb".
var Plugin = outputs.Define("opentsdb", "writes samples to OpenTSDB, VictoriaMetrics and others, as telnet lines or over HTTP", Defaults, New).
	Doc(readme + linesender.Readme)

// kind returns what is particular to OpenTSDB.
func kind() linesender.Kind {
	return linesender.Kind{
		Name: "opentsdb", Port: 4242, Path: "/api/put?details", ContentType: "application/json",
		Protocols: []linesender.Protocol{linesender.TCP, linesender.TLS, linesender.Unix, linesender.HTTP, linesender.HTTPS},
	}
}

// Config holds the settings of the output.
type Config struct {
	linesender.Config     `yaml:",inline"`
	linesender.HTTPConfig `yaml:",inline"`
	Tags                  []string `yaml:"tags" conf:"public"` // labels that are preferred when there are more than max_tags
	MaxTags               int      `yaml:"max_tags"`
}

// Defaults returns settings that write to OpenTSDB on this machine.
func Defaults() Config {
	return Config{
		Config: linesender.Defaults(kind()), HTTPConfig: linesender.HTTPConfig{BatchSize: 200, Gzip: true},
		MaxTags: 8, // tsd.storage.max_tags
	}
}

// Validate implements conf.Validator.
func (c *Config) Validate() error {
	errs := []error{c.ValidateAs(kind()), c.ValidateWith(&c.Config, kind())}
	if c.MaxTags < 1 {
		errs = append(errs, conf.Key("max_tags", "must be at least 1: OpenTSDB needs a tag"))
	}
	return errors.Join(errs...)
}

// Writer writes samples.
type Writer struct {
	*linesender.Sender

	format *lines
}

// New builds the output. It does not connect.
func New(env outputs.Env, c Config) (*Writer, error) {
	f := &lines{preferred: c.Tags, maxTags: c.MaxTags, isHTTP: c.IsHTTP(kind()), log: env.Log}
	given := linesender.Env{Host: env.Host, Slot: env.Slot, Log: env.Log, Secrets: env.Secrets}
	var s *linesender.Sender
	var err error
	if f.isHTTP {
		s, err = linesender.NewHTTP(given, c.Config, c.HTTPConfig, kind(), f, linesender.Body{Begin: "[", Between: ",", End: "]", Judge: judge})
	} else {
		s, err = linesender.New(given, c.Config, kind(), f, true)
	}
	return &Writer{s, f}, err
}

// WriteMetrics implements [outputs.MetricWriter].
func (w *Writer) WriteMetrics(ctx context.Context, batches []*telemetry.Batch) error {
	r := w.Write(ctx, batches)
	return outputs.Outcome(r.Settled, r.Rejected, r.Why, r.Err)
}

// Inspect implements [outputs.Inspector].
func (w *Writer) Inspect(ctx context.Context, series []*telemetry.Series) catalog.Report {
	w.format.cut = 0
	r := w.Sender.Inspect(ctx, series)
	if w.format.cut > 0 {
		r.Warnings = append(r.Warnings, fmt.Sprintf("%d series have more than %d tags: the last ones are left out; tags says which ones come first, and max_tags how many the server allows",
			w.format.cut, w.format.maxTags))
	}
	return r
}
