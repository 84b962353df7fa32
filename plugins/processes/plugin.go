// Package processes counts the processes of a host by state. plugin.go has the series, and the input on Linux; host.go is the input on
// other systems; parse.go has the states.
package processes

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/proctable"
	"github.com/rtcollector/rtcollector/internal/scan"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

//go:embed README.md
var readme string

// Plugin is the input's definition.
var Plugin = plugins.Poll("processes", "processes by state, threads, and their limits", func() Config { return Config{} }, build).
	On("linux").Elsewhere("darwin", "windows", "freebsd").Doc(readme)

// Config has no settings of its own.
type Config struct{}

type input struct {
	proc       *hostfs.Dir
	addProcess func(pid, stat []byte) // adds a process to counts; kept to save an allocation per gather
	counts     processCounts

	series processSeries
	limits [2]kernelLimit
}

// processSeries are the metrics that exist on other systems, too.
type processSeries struct {
	byState             [numStates]*telemetry.Series
	total, totalThreads *telemetry.Series
}

func newProcessSeries(f *telemetry.Factory) processSeries {
	s := processSeries{total: f.Gauge("processes_total", telemetry.None), totalThreads: f.Gauge("processes_total_threads", telemetry.None)}
	for state, name := range metricNames() {
		s.byState[state] = f.Gauge(name, telemetry.None)
	}
	return s
}

// processCounts are the counts of one gather. Nothing is kept per process.
type processCounts struct {
	byState [numStates]int
	threads uint64
	badPID  string // PID of the first process whose file could not be parsed
}

// kernelLimit is the file with a kernel limit, and its series.
type kernelLimit struct {
	file   *hostfs.File
	series *telemetry.Series
}

func build(env plugins.Env, _ Config) (plugins.Gatherer, error) {
	f := env.Factory
	if env.Host != nil {
		return &hostInput{env.Host.Processes, newProcessSeries(f)}, nil
	}
	in := &input{
		proc:   env.FS.ProcDir(),
		series: newProcessSeries(f),
		limits: [2]kernelLimit{
			{env.FS.ProcFile("sys", "kernel", "pid_max"), f.Gauge("processes_pid_max", telemetry.None)},
			{env.FS.ProcFile("sys", "kernel", "threads-max"), f.Gauge("processes_threads_max", telemetry.None)},
		},
	}
	in.addProcess = in.counts.addProcess
	return in, nil
}

// Gather implements plugins.Gatherer.
func (in *input) Gather(_ context.Context, out *telemetry.Batch) error {
	return errors.Join(in.addProcesses(out), in.limits[0].addSample(out), in.limits[1].addSample(out))
}

func (in *input) addProcesses(out *telemetry.Batch) error {
	in.counts = processCounts{}
	if err := in.proc.ReadHeads("stat", proctable.IsPID, in.addProcess); err != nil {
		return err // incomplete counts would look complete
	}
	total := 0
	for _, n := range in.counts.byState {
		total += n
	}
	if total > 0 { // 0: all processes are hidden from us, even our own
		for s, n := range in.counts.byState {
			out.Add(in.series.byState[s], float64(n))
		}
		out.Add(in.series.total, float64(total))
		out.Add(in.series.totalThreads, float64(in.counts.threads))
	}
	if in.counts.badPID != "" {
		return fmt.Errorf("parse %s: no state and number of threads", filepath.Join(in.proc.Path(), in.counts.badPID, "stat"))
	}
	return nil
}

// addProcess counts a process. Its file is empty where a container masks it.
func (t *processCounts) addProcess(pid, stat []byte) {
	if len(stat) == 0 {
		return
	}
	parsed, ok := proctable.ParseStat(stat)
	if !ok {
		if t.badPID == "" {
			t.badPID = string(pid)
		}
		return
	}
	t.byState[stateOfLetter(parsed.State)]++
	t.threads += parsed.Threads
}

func (l *kernelLimit) addSample(out *telemetry.Batch) error {
	data, err := l.file.ReadOptional()
	if err != nil || len(data) == 0 {
		return err
	}
	field, _ := scan.CutField(data)
	n, ok := scan.ParseUint(field)
	if !ok {
		return fmt.Errorf("parse %s: not a number", l.file.Path())
	}
	out.Add(l.series, float64(n))
	return nil
}
