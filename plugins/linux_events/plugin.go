// Package linuxevents reports what happens in the kernel between two gathers: how long disks take, TCP segments that are sent again,
// processes that begin, end and fail, the OOM killer.
//
//   - config.go: the settings. plugin.go: the input, its life.
//   - processes.go: counts events of processes, and makes events of some. metrics.go: the series. histogram.go: those of a histogram.
//   - proc.go: what /proc has of it, for kernels without eBPF.
package linuxevents

import (
	"context"
	_ "embed"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rtcollector/rtcollector/internal/bpf"
	"github.com/rtcollector/rtcollector/internal/pause"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

//go:embed README.md
var readme string

// Plugin is the input's definition.
var Plugin = plugins.Serve("linux_events", "latency of disks and run queues, TCP retransmits, processes that fail, OOM kills (Linux, eBPF)", defaults, build).
	On("linux").OnRequest().Doc(readme)

// meter is *bpf.Meter, but for tests.
type meter interface {
	Read(wait time.Duration, each func(*bpf.ProcessEvent)) error
	BlockLatency(each func(*bpf.BlockLatency) (forget bool)) error
	RunQueue() (bpf.Histogram, error)
	TCP() (bpf.TCPTrouble, error)
	Fill() ([]bpf.MapFill, error)
	Lost() (bpf.MeterLost, error)
	Usage() ([]bpf.Usage, error)
	HasOOM() bool
	HasResets() bool
	Close() error
}

func openMeter(c bpf.MeterConfig) (meter, error) {
	m, err := bpf.OpenMeter(c)
	if err != nil {
		return nil, err // not a meter that is nil
	}
	return m, nil
}

type input struct {
	env    plugins.Env
	config Config
	series *series
	proc   *procSource
	open   func(bpf.MeterConfig) (meter, error)

	running atomic.Bool // Run emits the events; else they are a part of the gathers
	reading sync.Mutex  // held while events are read

	mu        sync.Mutex // guards what follows; not held while Run waits for events
	meter     meter      // nil: /proc is read
	processes processes
}

func build(env plugins.Env, c Config) (*input, error) {
	in := &input{env: env, config: c, open: openMeter, series: newSeries(env.Factory, &c), proc: newProcSource(env.FS)}
	in.processes = processes{host: env.Factory.Host(), signals: c.Signals, groups: newGroups(env.FS)}
	return in, nil
}

// Open implements plugins.Opener. Where the eBPF programs cannot be loaded, it warns, and /proc is read.
func (in *input) Open(context.Context) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.closeMeter()
	const text = "/proc is read: latencies, failed processes and the names of those that the OOM killer ends are not known"
	if in.config.Source == sourceProc {
		in.env.Log.Info(text)
		return nil
	}
	m, err := in.open(bpf.MeterConfig{
		Processes: true, Latency: true, Retransmits: true, RunQueue: in.config.RunQueue, MeasureTime: in.config.MeasureTime,
	})
	switch {
	case err == nil:
		in.meter, in.processes.oomAtExit = m, !m.HasOOM()
	case in.config.Source == sourceEBPF:
		return err
	default:
		in.env.Log.Warn(text, "because", err)
	}
	return nil
}

// readWait is how long the input waits for events before it looks whether it must end.
const readWait = 100 * time.Millisecond

// Run implements plugins.Runner. It reads events of processes and emits those that are worth a line.
func (in *input) Run(ctx context.Context, out plugins.Emitter) error {
	in.running.Store(true)
	defer in.running.Store(false)
	for ctx.Err() == nil {
		in.mu.Lock()
		m := in.meter
		in.mu.Unlock()
		if m == nil {
			pause.Sleep(ctx, readWait)
			continue
		}
		if err := in.read(m, readWait); err != nil {
			in.fallBack(err)
		}
		in.emit(ctx, out)
	}
	return nil
}

// read counts the events that have arrived.
func (in *input) read(m meter, wait time.Duration) error {
	in.reading.Lock()
	defer in.reading.Unlock()
	boot := time.Now().Add(-bpf.SinceBoot())
	return m.Read(wait, func(e *bpf.ProcessEvent) {
		in.mu.Lock()
		defer in.mu.Unlock()
		in.processes.handle(e, boot.Add(e.Time))
	})
}

func (in *input) emit(ctx context.Context, out plugins.Emitter) {
	in.mu.Lock()
	events := in.processes.takeEvents()
	in.mu.Unlock()
	if len(events) == 0 {
		return
	}
	now := time.Now()
	b := telemetry.NewBatch(now, now, 0)
	b.Events = events
	out.Emit(ctx, b)
}

// fallBack reads /proc from now on, because the events of the kernel cannot be read any more.
func (in *input) fallBack(err error) {
	in.env.Log.Warn("/proc is read from now on: latencies and failed processes are not known", "because", err)
	in.mu.Lock()
	defer in.mu.Unlock()
	in.closeMeter()
}

// Gather implements plugins.Gatherer.
func (in *input) Gather(_ context.Context, out *telemetry.Batch) error {
	in.mu.Lock()
	m := in.meter
	in.mu.Unlock()
	if m == nil {
		return in.gatherProc(out)
	}
	if !in.running.Load() {
		if err := in.read(m, 0); err != nil {
			return err
		}
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.meter == nil { // Run has fallen back in the meantime
		return nil
	}
	if !in.running.Load() {
		out.Events = append(out.Events, in.processes.takeEvents()...)
	}
	return in.addSamples(out)
}

func (in *input) closeMeter() {
	if in.meter == nil {
		return
	}
	if err := in.meter.Close(); err != nil {
		in.env.Log.Warn("unloading the eBPF programs failed", "error", err)
	}
	in.meter = nil
}

// Close implements io.Closer.
func (in *input) Close() error {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.closeMeter()
	return nil
}
