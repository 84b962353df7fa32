// Package processgroups reports what groups of processes use: databases, web servers, shells.
//
//   - config.go: the settings. plugin.go: the input. series.go: the series of a group.
//   - sockets.go: TCP connections of a group. kernel.go: what the eBPF programs cost.
//
// Package procusage adds up the processes; package procclass knows their groups.
package processgroups

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
var Plugin = plugins.Poll("process_groups", "what groups of processes use: CPU, memory, I/O, network (Linux)", defaults, build).
	On("linux").OnRequest().Doc(readme)

type input struct {
	env    plugins.Env
	config Config
	rules  *procclass.Rules
	open   procusage.Opener // procusage.Open, but for tests
	series *seriesSet

	watcher *procusage.Watcher // nil: not open
	groups  *procusage.Groups
	release func() error
	sockets *socketCounter // nil: connections are not counted
}

func build(env plugins.Env, c Config) (*input, error) {
	rules, err := c.Load()
	if err != nil {
		return nil, err
	}
	return &input{env: env, config: c, rules: rules, open: procusage.Open, series: newSeriesSet(env)}, nil
}

// Open implements plugins.Opener.
func (in *input) Open(context.Context) error {
	w, release, err := in.open(in.env.Shared, in.env.FS, in.env.Log, in.config.Settings, in.rules)
	if err != nil {
		return err
	}
	in.watcher, in.release = w, release
	in.groups = w.Group(in.needs(), in.config.keyOf)
	if in.config.Connections {
		in.sockets = newSocketCounter(in.env)
	}
	return nil
}

// pssShare is the part of the time that reading PSS may take, unless the settings say otherwise: 1 %.
const pssShare = 100

func (in *input) needs() procusage.Needs {
	needs := in.series.needs
	needs.Memory = needs.Memory && in.config.PSS
	if needs.Budget = in.config.PSSBudget.D(); needs.Budget == 0 {
		needs.Budget = in.env.Interval / pssShare
	}
	needs.Network, needs.Disks = in.config.Network, in.config.Disks
	return needs
}

// keepEmpty is how long a group without processes is reported with 0 of them. After that its series end.
const keepEmpty = 10 * time.Minute

// Gather implements plugins.Gatherer.
func (in *input) Gather(ctx context.Context, out *telemetry.Batch) error {
	look, err := in.watcher.Look(ctx, out.Began, procusage.MaxAge(in.env.Interval))
	defer in.watcher.Unlock()
	if err != nil {
		return err
	}
	in.groups.All(func(t *procusage.Totals) {
		if t.Now.Processes > 0 || out.Began.Sub(t.Emptied) < keepEmpty {
			in.addGroup(out, t)
		}
	})
	if in.sockets != nil {
		err = in.sockets.add(ctx, in, out)
	}
	in.series.addLook(out, &look)
	in.series.addPrograms(in.watcher.Kernel(), in.config.MeasurePrograms, out)
	in.series.sweep(out)
	return err
}

// Close implements io.Closer.
func (in *input) Close() error {
	if in.release == nil {
		return nil
	}
	if in.sockets != nil {
		in.sockets.close()
	}
	in.watcher.Remove(in.groups)
	return in.release()
}
