// Package processes counts the processes of a Linux host by what they do.
package processes

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/scan"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

//go:embed README.md
var readme string

// Plugin is the input's definition.
var Plugin = plugins.Poll("processes", "processes by state, threads, and their limits", func() Config { return Config{} }, build).
	On("linux").Doc(readme)

// Config has no settings of its own.
type Config struct{}

type input struct {
	proc  *hostfs.Dir
	count func(pid, stat []byte) // adds to tally
	tally tally

	byState             [numStates]*telemetry.Series
	total, totalThreads *telemetry.Series
	limits              [2]limit
}

// tally is what one gather has counted so far. Nothing is kept of a process.
type tally struct {
	byState [numStates]int
	threads uint64
	odd     string // the first process whose file made no sense
}

type limit struct {
	file   *hostfs.File
	series *telemetry.Series
}

func build(env plugins.Env, _ Config) (*input, error) {
	f := env.Factory
	in := &input{
		proc:         env.FS.ProcDir(),
		total:        f.Gauge("processes_total", telemetry.None),
		totalThreads: f.Gauge("processes_total_threads", telemetry.None),
		limits: [2]limit{
			{env.FS.ProcFile("sys", "kernel", "pid_max"), f.Gauge("processes_pid_max", telemetry.None)},
			{env.FS.ProcFile("sys", "kernel", "threads-max"), f.Gauge("processes_threads_max", telemetry.None)},
		},
	}
	in.count = in.tally.add
	for s, name := range metricNames() {
		in.byState[s] = f.Gauge(name, telemetry.None)
	}
	return in, nil
}

// Gather implements plugins.Gatherer.
func (in *input) Gather(_ context.Context, out *telemetry.Batch) error {
	return errors.Join(in.addProcesses(out), in.limits[0].add(out), in.limits[1].add(out))
}

func (in *input) addProcesses(out *telemetry.Batch) error {
	in.tally = tally{}
	if err := in.proc.Heads("stat", isPID, in.count); err != nil {
		return err // a part of the processes would look like all of them
	}
	total := 0
	for _, n := range in.tally.byState {
		total += n
	}
	if total > 0 { // else they are hidden from us, even our own
		for s, n := range in.tally.byState {
			out.Add(in.byState[s], float64(n))
		}
		out.Add(in.total, float64(total))
		out.Add(in.totalThreads, float64(in.tally.threads))
	}
	if in.tally.odd != "" {
		return fmt.Errorf("parse %s: no state and threads of a process", filepath.Join(in.proc.Path(), in.tally.odd, "stat"))
	}
	return nil
}

// add counts a process. Its file is empty where a container masks it.
func (t *tally) add(pid, stat []byte) {
	if len(stat) == 0 {
		return
	}
	letter, threads, ok := parseStat(stat)
	if !ok {
		if t.odd == "" {
			t.odd = string(pid)
		}
		return
	}
	t.byState[stateOf(letter)]++
	t.threads += threads
}

func (l *limit) add(out *telemetry.Batch) error {
	data, err := l.file.ReadOptional()
	if err != nil || len(data) == 0 {
		return err
	}
	field, _ := scan.Field(data)
	n, ok := scan.Uint(field)
	if !ok {
		return fmt.Errorf("parse %s: no number", l.file.Path())
	}
	out.Add(l.series, float64(n))
	return nil
}
