// Package connections reports which processes talk to which remote ends.
//
//   - config.go: the settings. plugin.go: the input, its life.
//   - watch.go: which processes are watched, and for which provider they work.
//   - Sources: kernel.go follows events of eBPF programs; list.go lists sockets, and poll.go compares two lists.
//   - tracker.go: what is known about each connection ([connection.go]), and the events about it. retries.go and alerts.go are a part of it.
//   - totals.go: counts. metrics.go: the series.
package connections

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rtcollector/rtcollector/internal/bpf"
	"github.com/rtcollector/rtcollector/internal/crew"
	"github.com/rtcollector/rtcollector/internal/pause"
	"github.com/rtcollector/rtcollector/internal/proctable"
	"github.com/rtcollector/rtcollector/internal/remotename"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

//go:embed README.md
var readme string

// Plugin is the input's definition.
var Plugin = plugins.Serve("connections", "which processes talk to which remote ends, with names, providers and alerts (Linux)", defaults, build).
	On("linux").OnRequest().Doc(readme)

type input struct {
	env    plugins.Env
	config Config
	series *series
	names  func(*Config, *slog.Logger) remotename.Namer // openNames, but for tests

	running atomic.Bool   // Run emits the events; else they are a part of the gathers
	wake    chan struct{} // there are events to emit

	mu       sync.Mutex // guards what follows
	tracker  *tracker
	finder   *finder
	polled   *polledView   // nil: events of the kernel are used
	kernel   *kernelView   // nil: sockets are polled
	observer *bpf.Observer // with kernel
	lost     uint64        // events that the kernel has lost, when it was last looked
	recheck  int           // gathers in which connections are looked for whose end may have been lost
}

func build(env plugins.Env, c Config) (*input, error) {
	return &input{env: env, config: c, names: openNames, series: newSeries(env.Factory, &c), wake: make(chan struct{}, 1)}, nil
}

// Open implements plugins.Opener. It chooses the sources and learns which processes and connections there are.
func (in *input) Open(ctx context.Context) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.closeSources()
	w := newWatcher(&in.config, ownPID(in.env.FS.Proc))
	in.tracker = &tracker{
		config: &in.config, watcher: w, processes: proctable.New[verdict](in.env.FS, w), users: proctable.NewUsers(in.env.FS),
		names: in.names(&in.config, in.env.Log), runID: strings.ToLower(rand.Text()[:8]), host: in.env.Factory.Host(),
		open: map[*connection]struct{}{}, totals: map[totalsKey]*totals{},
	}
	in.finder = newFinder(in.env.FS, in.env.Log)
	if err := in.openEBPF(); err != nil {
		return err
	}
	if err := in.tracker.processes.Scan(nil); err != nil {
		return err
	}
	if in.kernel == nil {
		in.polled = newPolledView(in.tracker)
		return nil
	}
	return in.adoptOpen(ctx)
}

// openEBPF loads the eBPF programs, unless sockets are to be polled. Where that is not possible, it warns once.
func (in *input) openEBPF() (err error) {
	if in.config.Source != sourcePoll {
		in.observer, err = bpf.Observe(bpf.Config{MeasureTime: in.config.MeasureTime})
		if err == nil {
			in.kernel = newKernelView(in.tracker)
			return nil
		}
		if in.config.Source == sourceEBPF {
			return err
		}
	}
	const text = "sockets are polled: connections that are shorter than the interval are not seen, nor datagrams of unconnected sockets, and durations are " +
		"as exact as the interval"
	if err != nil {
		in.env.Log.Warn(text, "interval", in.env.Interval, "because", err)
	} else {
		in.env.Log.Info(text, "interval", in.env.Interval)
	}
	return nil
}

// adoptOpen takes the connections that are open already. What the programs have reported in the meantime comes first, so that nothing counts
// twice.
func (in *input) adoptOpen(ctx context.Context) error {
	all, err := in.finder.find(ctx, in.tracker)
	if err != nil {
		in.env.Log.Warn("connections that were open before are not seen", "error", err)
	}
	if err := in.readEvents(0, in.kernel.handle); err != nil {
		return err
	}
	in.kernel.adopt(all, time.Now())
	return nil
}

// readEvents passes the events of the kernel on with their time.
func (in *input) readEvents(wait time.Duration, handle func(*bpf.Event, time.Time)) error {
	boot := time.Now().Add(-bpf.SinceBoot())
	return in.observer.Read(wait, func(e *bpf.Event) { handle(e, boot.Add(e.Time)) })
}

// ownPID returns the PID of this process as the host's /proc shows it, or -1.
func ownPID(proc string) int {
	link, err := os.Readlink(filepath.Join(proc, "self"))
	if err != nil {
		return -1
	}
	pid, err := strconv.Atoi(link)
	if err != nil {
		return -1
	}
	return pid
}

// readWait is how long the input waits for events before it does what else is due.
const readWait = 100 * time.Millisecond

// Run implements plugins.Runner.
func (in *input) Run(ctx context.Context, out plugins.Emitter) error {
	in.running.Store(true)
	defer in.running.Store(false)
	var c crew.Crew
	following, stop := context.WithCancel(context.WithoutCancel(ctx))
	c.Go(func() { in.emitAll(following, out) })
	err := in.follow(ctx)
	in.mu.Lock()
	in.tracker.shutDown(time.Now())
	in.mu.Unlock()
	stop()
	c.Wait()
	return err
}

// follow handles events until ctx ends. While it runs, nothing else replaces the observer.
func (in *input) follow(ctx context.Context) error {
	for ctx.Err() == nil {
		if in.observer == nil {
			pause.Sleep(ctx, readWait)
		} else if err := in.readEvents(readWait, in.handle); err != nil {
			in.fallBack(err)
		}
		in.doDue(time.Now())
	}
	if in.observer == nil {
		return nil
	}
	return in.readEvents(0, in.handle)
}

// fallBack polls sockets from now on, because the events of the kernel cannot be read any more. The connections that are known continue.
func (in *input) fallBack(err error) {
	in.env.Log.Warn("sockets are polled from now on: shorter connections than the interval are not seen", "interval", in.env.Interval, "because", err)
	in.mu.Lock()
	defer in.mu.Unlock()
	_ = in.observer.Close()
	in.observer, in.kernel = nil, nil
	in.polled = &polledView{t: in.tracker, known: maps.Clone(in.tracker.byInode()), polled: true}
}

func (in *input) handle(e *bpf.Event, at time.Time) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.kernel.handle(e, at)
}

// doDue makes the events whose time has come.
func (in *input) doDue(now time.Time) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.tracker.announceNamed(now)
	in.tracker.alerts.checkDurations(in.tracker, now)
	if len(in.tracker.events) > 0 {
		select {
		case in.wake <- struct{}{}:
		default:
		}
	}
}

// emitAll emits events until ctx ends, and then the rest. It has a goroutine of its own, because outputs may make it wait.
func (in *input) emitAll(ctx context.Context, out plugins.Emitter) {
	for {
		ended := ctx.Err() != nil
		in.mu.Lock()
		events := in.tracker.takeEvents()
		in.mu.Unlock()
		if len(events) > 0 {
			now := time.Now()
			b := telemetry.NewBatch(now, now, 0)
			b.Events = events
			out.Emit(ctx, b)
		}
		if ended {
			return
		}
		select {
		case <-in.wake:
		case <-ctx.Done():
		}
	}
}

// Gather implements plugins.Gatherer. It polls the sockets: for new and ended connections, or only for the bytes of those that are known.
func (in *input) Gather(ctx context.Context, out *telemetry.Batch) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	now := time.Now()
	var err error
	if in.kernel != nil {
		err = in.update(ctx, now)
	} else {
		err = in.poll(ctx, now)
	}
	in.tracker.announceNamed(now)
	in.tracker.alerts.checkDurations(in.tracker, now)
	if !in.running.Load() {
		out.Events = append(out.Events, in.tracker.takeEvents()...)
	}
	in.series.addSamples(in, out)
	return err
}

func (in *input) poll(ctx context.Context, now time.Time) error {
	if err := in.tracker.processes.Scan(nil); err != nil {
		return err
	}
	all, err := in.finder.find(ctx, in.tracker)
	if err != nil {
		return err // an incomplete list would end connections
	}
	in.polled.compare(all, now)
	return nil
}

// recheckGathers is how many gathers look for connections whose end may have been lost, after events were.
const recheckGathers = 3

// update takes the bytes of the open connections. After events were lost, it reads the processes and the connections again.
func (in *input) update(ctx context.Context, now time.Time) error {
	lost, err := in.observer.Lost()
	if err != nil {
		return err
	}
	if lost.Events > in.lost {
		in.env.Log.Warn("the kernel reports more than can be read, events were lost; connections without an end are looked for", "lost", lost.Events-in.lost)
		in.lost, in.recheck = lost.Events, recheckGathers
		err = in.tracker.processes.Scan(nil)
	}
	all, _, listErr := in.finder.listAll(ctx, in.tracker)
	if listErr == nil {
		in.kernel.update(all, now, in.recheck > 0)
	}
	in.recheck = max(in.recheck-1, 0)
	boot := now.Add(-bpf.SinceBoot())
	return errors.Join(err, listErr, in.kernel.updateConversations(in.observer, now, boot.Add))
}

// closeSources closes what Open has opened.
func (in *input) closeSources() {
	if in.observer != nil {
		if err := in.observer.Close(); err != nil {
			in.env.Log.Warn("unloading the eBPF programs failed", "error", err)
		}
	}
	if in.finder != nil {
		in.finder.close()
	}
	if in.tracker != nil && in.tracker.names != nil {
		_ = in.tracker.names.Close()
	}
	in.observer, in.kernel, in.polled, in.finder = nil, nil, nil, nil
}

// Close implements io.Closer.
func (in *input) Close() error {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.closeSources()
	return nil
}
