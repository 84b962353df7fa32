// Package execinput runs commands and reports what they print as metrics and events.
//
// config.go has the settings, and names.go names the commands. parse.go, influx.go and nagios.go parse the formats of the output into
// a parsedOutput (series.go), and events.go makes events. explain.go describes failures.
package execinput

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strings"

	"github.com/rtcollector/rtcollector/internal/bom"
	"github.com/rtcollector/rtcollector/internal/childproc"
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
	user     *childproc.User // nil: the agent's
	commands []*command
}

// command is one configured command with its series.
type command struct {
	name  string // its label
	host  string // of its events
	shell bool   // a shell runs it
	child childproc.Command

	executionTime, exitStatus, info *telemetry.Series
	printed                         *printedSeries
	page                            *promtext.Reader
	nagiosState                     int // of the last gather
}

func build(env plugins.Env, config Config) (*input, error) {
	in := &input{env: env, config: config}
	if config.User != "" {
		var err error
		if in.user, err = childproc.LookUpUser(config.User); err != nil {
			return nil, err
		}
	}
	if len(config.Commands) == 0 {
		env.Log.Warn("no command is listed, so none is run: list some under commands")
	}
	names := nameCommands(config.Commands)
	for i, c := range config.Commands {
		in.commands = append(in.commands, newCommand(env.Factory.Unbounded(), &config, c.Command, names[i], in.user))
	}
	return in, nil
}

func newCommand(f *telemetry.Factory, config *Config, line, name string, user *childproc.User) *command {
	label := telemetry.Label{Key: "cmd", Value: name}
	c := &command{
		name: name, host: f.Host(), shell: config.Shell.needsShell(line),
		child:         childproc.Command{Args: childproc.Shell(line), Dir: config.WorkingDir, User: user, MaxOutput: int(config.MaxOutputSize)},
		executionTime: f.Gauge("exec_execution_time", telemetry.Seconds, label),
		exitStatus:    f.Gauge("exec_exit_status", telemetry.None, label),
		info:          f.Info("exec_info", []telemetry.Label{label}, telemetry.Label{Key: "command", Value: commandLabel(line)}),
		page:          promtext.NewReader(f, label),
		printed:       newPrintedSeries(f, label),
	}
	c.page.MaxSamples = maxSeries
	if !c.shell {
		c.child.Args, _ = splitWords(line) // Validate has checked the line
	}
	return c
}

// Gather implements plugins.Gatherer. It runs all commands at once.
func (in *input) Gather(ctx context.Context, out *telemetry.Batch) error {
	environment, err := in.buildEnvironment(ctx)
	if err != nil {
		return err
	}
	results := make([]childproc.Result, len(in.commands))
	var all crew.Crew
	for i, c := range in.commands {
		all.Go(func() {
			child := c.child
			child.Env = environment
			results[i] = child.Run(ctx)
		})
	}
	all.Wait()
	var errs []error
	for i, c := range in.commands {
		if err := in.addResult(out, c, &results[i]); err != nil {
			errs = append(errs, fmt.Errorf("run %q: %w", c.name, err))
		}
	}
	return errors.Join(errs...)
}

// buildEnvironment returns the environment of the commands: the agent's or the user's, and what the configuration adds.
func (in *input) buildEnvironment(ctx context.Context) ([]string, error) {
	all := childproc.Environ(in.user)
	for _, v := range in.config.Environment {
		value, err := v.value.Resolve(ctx, in.env.Secrets)
		if err != nil {
			return nil, fmt.Errorf("set %s for the commands: %w", v.name, err)
		}
		all = append(all, v.name+"="+value)
	}
	return all, nil
}

// addResult turns the outcome of a command into samples and events.
func (in *input) addResult(out *telemetry.Batch, c *command, r *childproc.Result) error {
	out.Add(c.executionTime, r.Took.Seconds())
	out.Add(c.exitStatus, float64(r.Status))
	out.Add(c.info, 1)
	defer c.printed.Sweep(out)
	// The exit status of a nagios check is a state, not a failure.
	isState := in.config.DataFormat == formatNagios && !r.Killed() && !r.Truncated() && r.Status <= stateUnknown
	failed := r.Status != 0 && !isState
	severity := telemetry.Warning
	if failed {
		severity = telemetry.Error
	}
	c.addLog(out, r.Stderr, severity)
	var err error
	switch {
	case r.Truncated():
		err = c.explainFailure(r) // and use what was printed before
	case r.Killed(), failed && !in.config.IgnoreError:
		return c.explainFailure(r)
	}
	return errors.Join(err, c.parseOutput(out, in.config.DataFormat, r))
}

// parseOutput parses what a command printed. It leaves out the last line of a truncated output, because it is incomplete.
func (c *command) parseOutput(out *telemetry.Batch, format Format, r *childproc.Result) error {
	text, err := bom.Strip(r.Stdout)
	if err != nil {
		return fmt.Errorf("its output %w", err)
	}
	if r.Truncated() {
		if format == formatJSON {
			return nil // an incomplete object cannot be parsed
		}
		text = text[:strings.LastIndexByte(string(text), '\n')+1]
	}
	p := parsedOutput{}
	switch format {
	case formatJSON:
		parseJSON(text, &p)
	case formatMetrics:
		parseLines(text, &p, parseMetric)
	case formatInflux:
		parseLines(text, &p, parseInflux)
	case formatProm:
		return c.readPromPage(out, text)
	case formatLogfmt:
		parseLines(text, &p, parseLogfmt)
	case formatNagios:
		parseNagios(text, r.Status, &p)
		c.addStateChange(r.Status, &p)
	default:
		c.addLog(out, text, telemetry.Informational)
	}
	for _, e := range p.events {
		c.addEvent(out, e)
	}
	c.printed.addSamples(out, p.samples)
	return p.joinProblems()
}

// readPromPage reads metrics in Prometheus' text format.
func (c *command) readPromPage(out *telemetry.Batch, text []byte) error {
	if _, err := c.page.Read(out, text); err != nil {
		return fmt.Errorf("parse its output: %w", err)
	}
	return nil
}
