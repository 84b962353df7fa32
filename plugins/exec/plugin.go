// Package execinput runs commands and takes what they print as metrics and events.
package execinput

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"slices"
	"strings"
	"sync"

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

	took, status *telemetry.Series
	out          series
	state        int // of nagios: what it said last
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
	names := labels(config.Commands)
	for i, text := range config.Commands {
		c := &command{
			name: names[i], host: env.Factory.Host(), words: shellWords(text), shell: config.Shell, dir: config.WorkingDir, limit: int(config.MaxOutputSize),
			credential: in.whom,
		}
		if !config.Shell {
			c.words, _ = splitWords(text) // Validate has seen it
		}
		label := telemetry.Label{Key: "cmd", Value: c.name}
		c.took = env.Factory.Gauge("exec_execution_time", telemetry.Seconds, label)
		c.status = env.Factory.Gauge("exec_exit_status", telemetry.None, label)
		c.out.init(env.Factory, label)
		in.commands = append(in.commands, c)
	}
	return in, nil
}

// maxLabel is how much of a command becomes its label.
const maxLabel = 120

// labels makes labels of commands that Redis takes: it refuses parentheses and commas. Those that are cut or would be
// the same as another's end with a hash of the command.
func labels(commands []string) []string {
	var names []string
	for _, text := range commands {
		name := strings.Map(func(r rune) rune {
			switch {
			case r == '(' || r == ')' || r == ',':
				return '_'
			case r < ' ' || r == 0x7f:
				return ' '
			}
			return r
		}, strings.ToValidUTF8(text, "_"))
		name = strings.Join(strings.Fields(name), " ")
		if len(name) > maxLabel || slices.Contains(names, name) {
			h := fnv.New32a()
			_, _ = h.Write([]byte(text))
			name = fmt.Sprintf("%s~%08x", strings.ToValidUTF8(name[:min(len(name), maxLabel)], ""), h.Sum32())
		}
		names = append(names, name)
	}
	return names
}

// Gather implements plugins.Gatherer. All commands run at once.
func (in *input) Gather(ctx context.Context, out *telemetry.Batch) error {
	environment, err := in.environment(ctx)
	if err != nil {
		return err
	}
	results := make([]ran, len(in.commands))
	var wg sync.WaitGroup
	for i, c := range in.commands {
		wg.Go(func() { results[i] = c.run(ctx, environment) })
	}
	wg.Wait()
	var errs []error
	for i, c := range in.commands {
		if err := in.take(out, c, &results[i]); err != nil {
			errs = append(errs, fmt.Errorf("run %q: %w", c.name, err))
		}
	}
	return errors.Join(errs...)
}

// environment is that of the commands.
func (in *input) environment(ctx context.Context) ([]string, error) {
	all := os.Environ()
	if in.whom != nil {
		all = append(withoutSecrets(), in.whom.variables()...)
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
	defer c.out.sweep()
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
	text := r.stdout
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
