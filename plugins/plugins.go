// Package plugins is the contract between the agent and its inputs.
//
// An input is a folder below this one: a Config struct, a Definition that [Poll] or [Serve] makes from it, a README
// that is also its documentation in the program. It sees an [Env], never the agent and never YAML.
package plugins

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"log/slog"
	"regexp"
	"time"

	"github.com/rtcollector/rtcollector/internal/catalog"
	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/match"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/selfstat"
	"github.com/rtcollector/rtcollector/internal/shared"
	"github.com/rtcollector/rtcollector/internal/sysinfo"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// Gatherer is an input that is polled. The agent calls Gather once after Open and then at every multiple of the input's
// interval, always from the same goroutine and never twice at once. Gather appends what it reads to out. The agent
// delivers the content of out even when Gather returns an error, so that one unreadable file does not cost the rest.
//
// The deadline of ctx lies early enough before the input's timeout that what was read by then is still delivered in time.
// Gather must return soon after ctx is done. An input must not shorten the deadline for this purpose itself.
//
// The error is shown to a person: verb, object, cause ("read /proc/stat: permission denied"). The next Gather is called
// as usual after an error. A panic counts as an error; after five in a row the input is polled every five minutes.
type Gatherer interface {
	Gather(ctx context.Context, out *telemetry.Batch) error
}

// Runner is an input that data is pushed to. The agent calls Run once after Open. Run blocks until ctx is done, joins every
// goroutine it started, and then returns nil. When it returns earlier, with or without an error, the agent calls it again
// after a pause of 1 to 30 seconds.
//
// A Runner that is also a [Gatherer] is polled as well, from another goroutine than Run's and also while Run is paused.
type Runner interface {
	Run(ctx context.Context, out Emitter) error
}

// Emitter takes finished batches from a Runner. The Runner must not touch a batch after it emitted it. Emit may be called
// from any goroutine. Samples never wait. Where the input's buffer policy is to block, a batch with events waits until every
// output has room for it or ctx is done, which slows down the sender.
type Emitter interface {
	Emit(ctx context.Context, b *telemetry.Batch)
}

// Opener is implemented by inputs that must connect first. The agent calls Open before the first Gather or Run and, after an
// error, again with growing pauses until it succeeds or the agent stops.
//
// An input that holds something open also implements io.Closer. The agent calls Close exactly once, after the last Gather
// and after Run returned, also when Open never succeeded.
type Opener interface {
	Open(ctx context.Context) error
}

// Trier is implemented by Runners that can check whether Run would work, for example whether a port is free. The command
// check calls Try without Open or Run. Try must close what it opens.
type Trier interface {
	Try(ctx context.Context) error
}

// Observer marks inputs that report on the other inputs. They are polled a little after the others, so that they report on
// the same instant.
type Observer interface {
	Observes()
}

// Namer is implemented by configurations in which users name metrics themselves, so that no documentation can list them.
type Namer interface {
	// MetricNames returns the names as globs; names that are only prefixes end in "*". Counters also produce NAME_rate.
	MetricNames() []string
}

// Accumulator is implemented by configurations of inputs whose series or events add up over time, however long the agent runs.
type Accumulator interface {
	// Accumulates says, in one line for people, what an input with this interval adds to its destinations in a month.
	Accumulates(interval time.Duration) string
}

// Env is the environment that an input is built with.
type Env struct {
	ID       string             // unique in this agent: the name, or name#alias
	Factory  *telemetry.Factory // makes the input's series
	Log      *slog.Logger       // carries the input's ID already
	FS       hostfs.Root        // where the host's kernel files are
	Host     *sysinfo.Host      // reads the host where there are no such files; nil: there are
	Shared   *shared.Pool       // what inputs of this agent use together; nil: nothing
	Self     *selfstat.Registry // what the agent counts about itself
	Secrets  secret.Resolver
	Interval time.Duration // between two gathers
}

//go:embed README.md
var optionsDoc string

// OptionsDoc is the documentation of what every input understands, in Markdown.
func OptionsDoc() string { return optionsDoc }

// Options are the keys that every input understands beside its own.
type Options struct {
	Enabled    bool              `yaml:"enabled"`                   // false leaves the input out; for "internal", which is otherwise always there
	Interval   conf.Duration     `yaml:"interval"`                  // 0: the agent's interval
	Timeout    conf.Duration     `yaml:"timeout"`                   // 0: the interval
	Alias      string            `yaml:"alias" conf:"public"`       // tells several inputs of one kind apart in logs and statistics
	Tags       map[string]string `yaml:"tags" conf:"public"`        // added to the agent's tags
	NamePrefix string            `yaml:"name_prefix" conf:"public"` // stands before the name of every metric
	Metrics    Selection         `yaml:"metrics"`                   // which metrics are written
	Counters   Counters          `yaml:"counters"`                  // which counters are written; "": the agent's choice
	Rates      bool              `yaml:"rates"`                     // false leaves out the rates of counters
	WhenFull   WhenFull          `yaml:"when_full"`                 // what happens to events when a queue is full; "": the agent's choice
}

// Selection says which metrics of an input are written, by their names without the prefix: all that are included, or
// all if nothing is, but for those that are excluded. A list instead of a map is short for Include, unless the input's
// configuration is a [ListTaker].
type Selection struct {
	Include match.List `yaml:"include" conf:"public"`
	Exclude match.List `yaml:"exclude" conf:"public"`
	List    match.List `yaml:"-" conf:"list"`
}

// ListTaker is implemented by configurations to which a list below "metrics" means something of their own: names as the
// server has them, say.
type ListTaker interface{ TakeMetricList(names match.List) }

// Share implements catalog.Sharer: it hands the list form of "metrics" to whom it is for.
func (o *Options) Share(config any) {
	list := o.Metrics.List
	if len(list) == 0 {
		return
	}
	if taker, ok := config.(ListTaker); ok {
		taker.TakeMetricList(list)
		return
	}
	o.Metrics.Include = list
}

// Wants decides on a metric's name.
func (s Selection) Wants(name string) bool {
	return (len(s.Include) == 0 || s.Include.Match(name)) && !s.Exclude.Match(name)
}

// Counters is the value of the key "counters".
type Counters string

// Values of [Counters].
const (
	AllCounters    Counters = "all"
	MovingCounters Counters = "moving"
	NoCounters     Counters = "none"
)

// UnmarshalScalar implements conf.Scalar.
func (c *Counters) UnmarshalScalar(text string) error {
	switch *c = Counters(text); *c {
	case AllCounters, MovingCounters, NoCounters:
		return nil
	}
	return errors.New("must be all, moving (those that have changed since the agent started) or none (only their rates)")
}

// choice returns what the value means where series are made; "" means all.
func (c Counters) choice() telemetry.Counters {
	switch c {
	case MovingCounters:
		return telemetry.MovingCounters
	case NoCounters:
		return telemetry.NoCounters
	}
	return telemetry.AllCounters
}

// Choice returns what the options say about the series of the input. Counters is what holds where they say nothing about it.
func (o *Options) Choice(counters Counters) telemetry.Choice {
	c := telemetry.Choice{Prefix: o.NamePrefix, Counters: cmp.Or(o.Counters, counters).choice(), NoRates: !o.Rates}
	if len(o.Metrics.Include)+len(o.Metrics.Exclude) > 0 {
		c.Wants = o.Metrics.Wants
	}
	return c
}

// Validate implements conf.Validator.
func (o *Options) Validate() error {
	var errs []error
	if o.Interval != 0 && o.Interval.D() < MinInterval {
		errs = append(errs, conf.Key("interval", "must be at least %v", MinInterval))
	}
	if !namePart.MatchString(o.NamePrefix) {
		errs = append(errs, conf.Key("name_prefix", "%q may hold letters, digits and _ . : - only", o.NamePrefix))
	}
	return errors.Join(errs...)
}

// namePart is what may be in a name: Redis refuses parentheses and commas in labels, and braces mean something in keys.
var namePart = regexp.MustCompile(`^[\w.:-]*$`)

// MinInterval is the shortest interval between two gathers.
const MinInterval = 10 * time.Millisecond

// Input is a live input: a Gatherer, a Runner, or a Runner that is also polled for metrics.
type Input struct {
	Gatherer Gatherer
	Runner   Runner
}

type (
	// Definition is one kind of input.
	Definition = catalog.Definition[Env, Options, Input]
	// Built is a decoded configuration of an input.
	Built = catalog.Built[Env, Options, Input]
	// Catalog is a list of inputs.
	Catalog = catalog.Catalog[Env, Options, Input]
)

// Poll defines an input that is polled.
func Poll[C any, G Gatherer](name, summary string, defaults func() C, build func(Env, C) (G, error)) Definition {
	return define(name, summary, defaults, func(e Env, c C) (Input, error) {
		g, err := build(e, c)
		return Input{Gatherer: g}, err
	})
}

// Serve defines an input that data is pushed to. A Runner that is also a [Gatherer] is polled on the input's interval.
func Serve[C any, R Runner](name, summary string, defaults func() C, build func(Env, C) (R, error)) Definition {
	return define(name, summary, defaults, func(e Env, c C) (Input, error) {
		r, err := build(e, c)
		g, _ := any(r).(Gatherer)
		return Input{Runner: r, Gatherer: g}, err
	})
}

func define[C any](name, summary string, defaults func() C, build func(Env, C) (Input, error)) Definition {
	return catalog.Define[C, Env, Options](name, summary, defaults, func() Options { return Options{Enabled: true, Rates: true} }, build)
}
