// Package stdout prints samples and events: to see what would be written, or to pipe it into redis-cli.
package stdout

import (
	"bufio"
	"context"
	_ "embed"
	"fmt"
	"io"
	"log/slog"

	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/internal/terminal"
	"github.com/rtcollector/rtcollector/outputs"
)

//go:embed README.md
var readme string

// Plugin is the definition of the output "stdout".
var Plugin = outputs.Define("stdout", "prints samples and events as a table or as JSON, samples also as TS.ADD commands", Defaults, New).Doc(readme)

// Format is how samples and events are printed.
type Format string

// The formats.
const (
	Table Format = "table"  // for people
	JSON  Format = "json"   // one object a line
	TSAdd Format = "ts.add" // one command a line, for redis-cli; samples only
)

// UnmarshalScalar implements conf.Scalar.
func (f *Format) UnmarshalScalar(text string) error {
	switch v := Format(text); v {
	case Table, JSON, TSAdd:
		*f = v
		return nil
	}
	return fmt.Errorf("must be %s, %s or %s", Table, JSON, TSAdd)
}

// Config are the output's settings.
type Config struct {
	Format Format `yaml:"format"`
}

// Defaults prints a table.
func Defaults() Config { return Config{Format: Table} }

// Printer is the live output.
type Printer struct {
	out    *bufio.Writer
	format Format
	log    *slog.Logger
	said   bool // that events are left out
}

// New makes the output.
func New(env outputs.Env, config Config) (*Printer, error) {
	out := env.Stdout
	if out == nil {
		out = io.Discard
	}
	log := env.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	style := terminal.Text // ts.add is plain ASCII
	if config.Format == JSON {
		style = terminal.JSON
	}
	return &Printer{out: bufio.NewWriter(terminal.NewWriter(out, style)), format: config.Format, log: log}, nil
}

// Open implements [outputs.Output].
func (p *Printer) Open(context.Context) error { return nil }

// Close implements [outputs.Output].
func (p *Printer) Close() error { return nil }

// WriteMetrics implements [outputs.MetricWriter].
func (p *Printer) WriteMetrics(ctx context.Context, batches []*telemetry.Batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	switch p.format {
	case JSON:
		p.json(batches)
	case TSAdd:
		p.commands(batches)
	default:
		p.table(batches)
	}
	if err := p.out.Flush(); err != nil {
		return outputs.Permanent(fmt.Errorf("print samples: %w", err))
	}
	return nil
}

// each calls print for every sample.
func each(batches []*telemetry.Batch, print func(s *telemetry.Series, ms int64, v float64)) {
	for _, b := range batches {
		for i := range b.Len() {
			print(b.Sample(i))
		}
	}
}
