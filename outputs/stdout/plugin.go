// Package stdout prints samples and events, to see what would be written or to pipe it into redis-cli.
//
//   - plugin.go: settings and [Printer].
//   - print.go: samples as a table, as JSON and as commands. event.go: events.
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

// Format is a format for samples and events.
type Format string

// The formats.
const (
	Table Format = "table"  // for people
	JSON  Format = "json"   // one object per line
	TSAdd Format = "ts.add" // one command per line, for redis-cli; samples only
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

// Config holds the settings of the output.
type Config struct {
	Format Format `yaml:"format"`
}

// Defaults returns settings that print a table.
func Defaults() Config { return Config{Format: Table} }

// Printer prints samples and events.
type Printer struct {
	out          *bufio.Writer
	format       Format
	slot         telemetry.Slot
	line         []byte // memory for a line
	log          *slog.Logger
	warnedEvents bool // logged that events are not printed
}

// New builds the output. It prints to env.Stdout, which may be nil.
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
	return &Printer{out: bufio.NewWriter(terminal.NewWriter(out, style)), format: config.Format, slot: env.Slot, log: log}, nil
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
		p.printSamplesJSON(batches)
	case TSAdd:
		p.printCommands(batches)
	default:
		p.printSampleTable(batches)
	}
	if err := p.out.Flush(); err != nil {
		return outputs.Permanent(fmt.Errorf("print samples: %w", err))
	}
	return nil
}

// forEachSample calls print for every sample.
func forEachSample(batches []*telemetry.Batch, print func(s *telemetry.Series, ms int64, v float64)) {
	for _, b := range batches {
		for i := range b.Len() {
			print(b.Sample(i))
		}
	}
}
