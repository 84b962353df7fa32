// Package execinput runs commands and takes what they print as metrics and events.
package execinput

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/bom"
	"github.com/rtcollector/rtcollector/internal/crew"
	"github.com/rtcollector/rtcollector/internal/promtext"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

//go:embed README.md
var readme string

// Plugin is the input's definition.
var Plugin = plugins.Poll("exec", "runs commands: what they print, how they end and how long they take", defaults, build).
	OnRequest().Doc(readme)

type input struct {
	env      plugins.Env
	config   Config
	commands []*command
	whom     *credential
}

// command is one of the commands with its series.
type command struct {
	name       string // its label
	host       string // of its events
	words      []string
	shell      bool
	dir        string
	limit      int
	credential *credential

	took, status, info *telemetry.Series
	out                series
	page               *promtext.Reader
	state              int // of nagios: what it said last
}

func build(env plugins.Env, config Config) (*input, error) {
	in := &input{env: env, config: config}
	if config.User != "" {
		var err error
		if in.whom, err = lookUp(config.User); err != nil {
			return nil, err
		}
	}
	if len(config.Commands) == 0 {
		env.Log.Warn("no command is listed, so none is run: list some under commands")
	}
	names := nameAll(config.Commands)
	for i, c := range config.Commands {
		in.commands = append(in.commands, newCommand(env.Factory.Unbounded(), &config, c.Command, names[i], in.whom))
	}
	return in, nil
}

func newCommand(f *telemetry.Factory, config *Config, text, name string, whom *credential) *command {
	label := telemetry.Label{Key: "cmd", Value: name}
	c := &command{
		name: name, host: f.Host(), words: shellWords(text), dir: config.WorkingDir, shell: config.Shell.runs(text), limit: int(config.MaxOutputSize), credential: whom,
		took:   f.Gauge("exec_execution_time", telemetry.Seconds, label),
		status: f.Gauge("exec_exit_status", telemetry.None, label),
		info:   f.Info("exec_info", []telemetry.Label{label}, telemetry.Label{Key: "command", Value: labelText(text)}),
		page:   promtext.NewReader(f, label),
	}
	c.page.Most = maxSeries
	if !c.shell {
		c.words, _ = splitWords(text) // Validate has seen it
	}
	c.out.init(f, label)
	return c
}

// Gather implements plugins.Gatherer. All commands run at once.
func (in *input) Gather(ctx context.Context, out *telemetry.Batch) error {
	environment, err := in.environment(ctx)
	if err != nil {
		return err
	}
	ctx, stop := early(ctx)
	defer stop()
	results := make([]ran, len(in.commands))
	var all crew.Crew
	for i, c := range in.commands {
		all.Go(func() { results[i] = c.run(ctx, environment) })
	}
	all.Wait()
	var errs []error
	for i, c := range in.commands {
		if err := in.take(out, c, &results[i]); err != nil {
			errs = append(errs, fmt.Errorf("run %q: %w", c.name, err))
		}
	}
	return errors.Join(errs...)
}

// early ends a little before the gather's time, so that there is time left for killing what hangs, and a command that hangs is
// not taken for an input that does.
func early(ctx context.Context) (context.Context, context.CancelFunc) {
	end, limited := ctx.Deadline()
	if !limited {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, end.Add(-min(time.Until(end)/10, linger+50*time.Millisecond)))
}

// environment is that of the commands. One that runs as the agent's own user gets all of the agent's variables: it could read
// them in /proc anyway.
func (in *input) environment(ctx context.Context) ([]string, error) {
	all := os.Environ()
	if in.whom != nil {
		all = append(harmless(), in.whom.variables()...)
	}
	for _, v := range in.config.Environment {
		value, err := v.value.Resolve(ctx, in.env.Secrets)
		if err != nil {
			return nil, fmt.Errorf("set %s for the commands: %w", v.name, err)
		}
		all = append(all, v.name+"="+value)
	}
	return all, nil
}

// take turns what a command did into samples and events.
func (in *input) take(out *telemetry.Batch, c *command, r *ran) error {
	out.Add(c.took, r.took.Seconds())
	out.Add(c.status, float64(r.status))
	out.Add(c.info, 1)
	defer c.out.sweep(out)
	isCheck := in.config.DataFormat == formatNagios && !r.cut && !r.truncated && r.status <= stateUnknown // where a status is a state
	failed := r.status != 0 && !isCheck
	c.addLog(out, r.stderr, severityOf(failed))
	switch {
	case r.truncated: // what there is, is as good as ever
	case r.cut, failed && !in.config.IgnoreError:
		return r.err
	default:
		r.err = nil
	}
	return errors.Join(r.err, c.parse(out, in.config.DataFormat, r))
}

func severityOf(failed bool) telemetry.Severity {
	if failed {
		return telemetry.Error
	}
	return telemetry.Warning
}

// parse reads what a command printed. Of an output that was cut off, the last line is not whole.
func (c *command) parse(out *telemetry.Batch, format Format, r *ran) error {
	text, err := bom.Strip(r.stdout)
	if err != nil {
		return fmt.Errorf("its output %w", err)
	}
	if r.truncated {
		if format == formatJSON {
			return nil // half of it is nothing
		}
		text = text[:strings.LastIndexByte(string(text), '\n')+1]
	}
	p := parsed{}
	switch format {
	case formatJSON:
		parseJSON(text, &p)
	case formatMetrics:
		eachLine(text, &p, parseMetric)
	case formatInflux:
		eachLine(text, &p, parseInflux)
	case formatProm:
		return c.readPage(out, text)
	case formatLogfmt:
		eachLine(text, &p, parseLogfmt)
	case formatNagios:
		parseNagios(text, r.status, &p)
		c.tellState(r.status, &p)
	default:
		c.addLog(out, text, telemetry.Informational)
	}
	for _, e := range p.events {
		c.addEvent(out, e)
	}
	return errors.Join(c.out.add(out, p.samples), p.err())
}

// readPage reads metrics in Prometheus' text format.
func (c *command) readPage(out *telemetry.Batch, text []byte) error {
	if _, err := c.page.Read(out, text); err != nil {
		return fmt.Errorf("parse its output: %w", err)
	}
	return nil
}
