// Package processtop reports the processes that use the most, by name, and stores a table of them now and then.
//
//   - config.go: the settings. plugin.go: the input. uses.go: what can be compared. ranking.go: who uses the most.
//   - series.go: the series. snapshot.go: the table, as events.
package processtop

import (
	"context"
	_ "embed"
	"time"

	"github.com/rtcollector/rtcollector/internal/procclass"
	"github.com/rtcollector/rtcollector/internal/procusage"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

//go:embed README.md
var readme string

// Plugin is the input's definition.
var Plugin = plugins.Poll("process_top", "the processes that use the most, and what ran at some time (Linux)", defaults, build).
	On("linux").OnRequest().Doc(readme)

type input struct {
	env    plugins.Env
	config Config
	rules  *procclass.Rules
	open   procusage.Opener // procusage.Open, but for tests
	series *telemetry.Vec[procusage.Key, nameSeries]

	watcher *procusage.Watcher
	names   *procusage.Groups
	release func() error

	looked   time.Time                                // the previous look
	previous map[*procusage.Totals]procusage.Counters // then
	maxCPU   float64                                  // percent of one core
	table    snapshots
}

func build(env plugins.Env, c Config) (*input, error) {
	rules, err := c.Load()
	if err != nil {
		return nil, err
	}
	maxCPU := 100 * float64(procusage.CPUs(env.FS))
	return &input{env: env, config: c, rules: rules, open: procusage.Open, series: newSeries(env, &c, maxCPU), maxCPU: maxCPU}, nil
}

// Open implements plugins.Opener.
func (in *input) Open(context.Context) error {
	w, release, err := in.open(in.env.Shared, in.env.FS, in.env.Log, in.config.Settings, in.rules)
	if err != nil {
		return err
	}
	in.watcher, in.release = w, release
	in.names = w.Group(in.config.needs(in.env.Interval), in.config.keyOf)
	return nil
}

// Gather implements plugins.Gatherer.
func (in *input) Gather(ctx context.Context, out *telemetry.Batch) error {
	look, err := in.watcher.Look(ctx, out.Began, procusage.MaxAge(in.env.Interval))
	defer in.watcher.Unlock()
	if err != nil {
		return err
	}
	elapsed := look.At.Sub(in.looked)
	if in.looked.IsZero() {
		elapsed = 0
	}
	in.addTop(out, in.usesOfNames(elapsed))
	in.remember(look.At)
	in.addSnapshot(out, &look)
	return nil
}

// addTop reports the names that use the most.
func (in *input) addTop(out *telemetry.Batch, all []candidate) {
	for _, u := range in.config.By {
		for _, c := range in.config.choose(all, u) {
			out.Add(in.series.Get(c.key).of[u], c.uses[u])
		}
	}
	in.series.Sweep(out)
}

// usesOfNames returns what each name uses: rates over the time since the previous look, if there was one.
func (in *input) usesOfNames(elapsed time.Duration) []candidate {
	var all []candidate
	in.names.All(func(t *procusage.Totals) {
		before := in.previous[t]
		if !in.watcher.Wants(t.Key) || t.Now.Processes == 0 && before == t.Counters {
			return
		}
		c := candidate{key: t.Key}
		c.uses.setRates(&before, &t.Counters, elapsed, in.maxCPU)
		if !t.Now.HasIO() {
			c.uses[read], c.uses[write] = unknown, unknown
		}
		c.uses[rss], c.uses[pss] = float64(t.Now.RSS()), unknown
		if t.Now.Measured() {
			c.uses[pss] = float64(t.Now.Memory.PSS)
		}
		in.hideNetwork(&c.uses)
		all = append(all, c)
	})
	return all
}

// hideNetwork removes the bytes on the network where they are not known.
func (in *input) hideNetwork(u *uses) {
	if !in.watcher.HasNetwork() || !in.config.Network {
		u[rx], u[tx] = unknown, unknown
	}
}

// remember keeps the counters for the next rates.
func (in *input) remember(at time.Time) {
	in.looked, in.previous = at, make(map[*procusage.Totals]procusage.Counters, len(in.previous))
	in.names.All(func(t *procusage.Totals) { in.previous[t] = t.Counters })
}

// Close implements io.Closer.
func (in *input) Close() error {
	if in.release == nil {
		return nil
	}
	in.watcher.Remove(in.names)
	return in.release()
}
