//go:build linux && (386 || amd64 || arm || arm64 || loong64 || mips64le || mipsle || ppc64le || riscv64)

package bpf

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/ringbuf"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"
)

// loaded are the programs of one object, attached, and their maps.
type loaded struct {
	list     []Program // all of the object
	programs map[string]*ebpf.Program
	maps     map[string]*ebpf.Map
	open     []io.Closer     // in the order in which they were opened
	ring     *ringbuf.Reader // nil without the map "events"
	record   ringbuf.Record
}

// load loads the programs of spec and attaches them. Call close also after an error.
func (l *loaded) load(spec *ebpf.CollectionSpec, measureTime bool) error {
	collection, err := ebpf.NewCollection(spec)
	if err != nil {
		return err
	}
	l.programs, l.maps = collection.Programs, collection.Maps
	l.open = append(l.open, closer(collection.Close))
	if measureTime {
		measuring, err := ebpf.EnableStats(unix.BPF_STATS_RUN_TIME)
		if err != nil {
			return fmt.Errorf("measure the time of eBPF programs: %w", err)
		}
		l.open = append(l.open, measuring)
	}
	if events := l.maps["events"]; events != nil {
		if l.ring, err = ringbuf.NewReader(events); err != nil {
			return err
		}
		l.open = append(l.open, l.ring)
	}
	for name, p := range l.programs {
		attached, err := link.AttachTracing(link.TracingOptions{Program: p})
		if err != nil {
			return fmt.Errorf("attach %s: %w", name, err)
		}
		l.open = append(l.open, attached)
	}
	return nil
}

type closer func()

func (c closer) Close() error { c(); return nil }

// removeMemlock lifts a limit that matters before Linux 5.11 only.
func removeMemlock() error { return rlimit.RemoveMemlock() }

// removeUnavailable removes the optional programs whose tracepoints this kernel does not have.
func removeUnavailable(spec *ebpf.CollectionSpec, kernel *btf.Spec, programs []Program) error {
	for _, p := range programs {
		if spec.Programs[p.Name] == nil {
			continue
		}
		_, err := hookArguments(kernel, p.Tracepoint)
		switch {
		case err == nil:
		case p.Optional && errors.Is(err, btf.ErrNotFound):
			delete(spec.Programs, p.Name)
		default:
			return fmt.Errorf("find tracepoint %s: %w", p.Tracepoint, err)
		}
	}
	return nil
}

// hookArguments returns what a tracepoint passes to programs.
func hookArguments(kernel *btf.Spec, tracepoint string) ([]btf.FuncParam, error) {
	var hook *btf.Typedef
	if err := kernel.TypeByName("btf_trace_"+tracepoint, &hook); err != nil {
		return nil, err
	}
	pointer, ok := hook.Type.(*btf.Pointer)
	if !ok {
		return nil, btf.ErrNotFound
	}
	function, ok := pointer.Target.(*btf.FuncProto)
	if !ok || len(function.Params) == 0 {
		return nil, btf.ErrNotFound
	}
	return function.Params[1:], nil // the first one is the tracepoint's own
}

// removeUnused removes the maps that no program uses.
func removeUnused(spec *ebpf.CollectionSpec) {
	used := map[string]bool{}
	for _, p := range spec.Programs {
		for i := range p.Instructions {
			if ins := &p.Instructions[i]; ins.IsLoadFromMap() || ins.Src == asm.PseudoMapFD {
				used[ins.Reference()] = true
			}
		}
	}
	for name := range spec.Maps {
		if !used[name] && !isVariables(name) {
			delete(spec.Maps, name)
		}
	}
}

// isVariables reports whether a map holds the variables of the programs.
func isVariables(name string) bool { return name[0] == '.' }

// maxEventsPerRead bounds how long [loaded.read] works while more events keep arriving.
const maxEventsPerRead = 8192

// read calls each with the events that have arrived, in their order. It waits for more until this time has passed.
func (l *loaded) read(wait time.Duration, each func(data []byte) error) error {
	l.ring.SetDeadline(time.Now().Add(wait))
	for range maxEventsPerRead {
		switch err := l.ring.ReadInto(&l.record); {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil
		case err != nil:
			return fmt.Errorf("read events of the eBPF programs: %w", err)
		}
		if err := each(l.record.RawSample); err != nil {
			return err
		}
	}
	return nil
}

// entriesBatch is how many entries of a map are read at once.
const entriesBatch = 256

// entries reads the entries of a map. Its buffers are used again.
type entries[K, V any] struct {
	keys   []K
	values []V
}

// each calls f with every entry of m, and deletes those for which it returns true.
func (b *entries[K, V]) each(m *ebpf.Map, what string, f func(*K, *V) (forget bool)) error {
	if b.keys == nil {
		b.keys, b.values = make([]K, entriesBatch), make([]V, entriesBatch)
	}
	var forget []K
	var cursor ebpf.MapBatchCursor
	for {
		n, err := m.BatchLookup(&cursor, b.keys, b.values, nil)
		if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return fmt.Errorf("read %s: %w", what, err)
		}
		for i := range n {
			if f(&b.keys[i], &b.values[i]) {
				forget = append(forget, b.keys[i])
			}
		}
		if err != nil { // that was the last batch
			break
		}
	}
	for i := range forget {
		if err := m.Delete(&forget[i]); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return fmt.Errorf("forget %s: %w", what, err)
		}
	}
	return nil
}

// Numbers of the counters (enum counter in c/common.h).
const (
	lostEvents = iota
	lostConversations
	lostTraffic
	lostBlock
	lostRequests
	lostLatencies
	lostWaits
	retransmitsIPv4
	retransmitsIPv6
	resetsSentIPv4
	resetsSentIPv6
	resetsReceivedIPv4
	resetsReceivedIPv6
	countersEnd
)

// counters returns the counters of the programs.
func (l *loaded) counters() (sums [countersEnd]uint64, err error) {
	m := l.maps["counters"]
	if m == nil {
		return sums, nil
	}
	var perCPU []uint64
	for number := range uint32(countersEnd) {
		if err := m.Lookup(&number, &perCPU); err != nil {
			return sums, fmt.Errorf("read the counters of the eBPF programs: %w", err)
		}
		for _, n := range perCPU {
			sums[number] += n
		}
	}
	return sums, nil
}

// Usage returns what each program has cost.
func (l *loaded) Usage() ([]Usage, error) {
	var all []Usage
	for _, p := range l.list {
		program := l.programs[p.Name]
		if program == nil {
			continue
		}
		stats, err := program.Stats()
		if err != nil {
			return nil, fmt.Errorf("read the cost of %s: %w", p.Name, err)
		}
		all = append(all, Usage{p.Name, stats.RunCount, stats.Runtime})
	}
	return all, nil
}

// skipped returns how many runs of programs the kernel left out, because they interrupted themselves.
func (l *loaded) skipped() (n uint64, err error) {
	for name, program := range l.programs {
		stats, err := program.Stats()
		if err != nil {
			return 0, fmt.Errorf("read how often %s was skipped: %w", name, err)
		}
		n += stats.RecursionMisses
	}
	return n, nil
}

// Close detaches and unloads the programs.
func (l *loaded) Close() error {
	var errs []error
	for i := len(l.open) - 1; i >= 0; i-- {
		errs = append(errs, l.open[i].Close())
	}
	l.open = nil
	return errors.Join(errs...)
}

// SinceBoot returns the time since the system started, also while it was suspended: the clock of events.
func SinceBoot() time.Duration {
	var now unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &now) != nil {
		return 0
	}
	return time.Duration(now.Nano())
}
