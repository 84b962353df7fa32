//go:build linux && (386 || amd64 || arm || arm64 || loong64 || mips64le || mipsle || ppc64le || riscv64)

package bpf

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/ringbuf"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"
)

// Observer runs the programs of the connection observer. It belongs to one goroutine, except for [Observer.Lost] and
// [Observer.Usage].
type Observer struct {
	programs map[string]*ebpf.Program
	maps     map[string]*ebpf.Map
	open     []io.Closer // in the order in which they were opened
	ring     *ringbuf.Reader
	record   ringbuf.Record
	event    Event

	keys   []observerConversationKey
	values []observerConversation
}

// Observe loads the programs and attaches them. The error says what the system lacks and what to do.
func Observe(c Config) (*Observer, error) {
	o := &Observer{}
	if err := o.start(c); err != nil {
		_ = o.Close()
		return nil, explain(err)
	}
	return o, nil
}

func (o *Observer) start(c Config) error {
	if err := rlimit.RemoveMemlock(); err != nil { // needed before Linux 5.11 only
		return err
	}
	spec, err := loadObserver()
	if err != nil {
		return err
	}
	spec.Maps["events"].MaxEntries = uint32(cmp.Or(c.RingBytes, 4<<20))
	spec.Maps["conversations"].MaxEntries = uint32(cmp.Or(c.Conversations, 16384))
	if err := removeUnavailable(spec); err != nil {
		return err
	}
	collection, err := ebpf.NewCollection(spec)
	if err != nil {
		return err
	}
	o.programs, o.maps = collection.Programs, collection.Maps
	o.open = append(o.open, closer(collection.Close))
	if c.MeasureTime {
		measuring, err := ebpf.EnableStats(unix.BPF_STATS_RUN_TIME)
		if err != nil {
			return fmt.Errorf("measure the time of eBPF programs: %w", err)
		}
		o.open = append(o.open, measuring)
	}
	if o.ring, err = ringbuf.NewReader(o.maps["events"]); err != nil {
		return err
	}
	o.open = append(o.open, o.ring)
	for name, p := range o.programs {
		attached, err := link.AttachTracing(link.TracingOptions{Program: p})
		if err != nil {
			return fmt.Errorf("attach %s: %w", name, err)
		}
		o.open = append(o.open, attached)
	}
	return nil
}

type closer func()

func (c closer) Close() error { c(); return nil }

// removeUnavailable removes the optional programs whose tracepoints this kernel does not have.
func removeUnavailable(spec *ebpf.CollectionSpec) error {
	kernel, err := btf.LoadKernelSpec()
	if err != nil {
		return err
	}
	for _, p := range Programs() {
		var hook *btf.Typedef
		err := kernel.TypeByName("btf_trace_"+p.Tracepoint, &hook)
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

// maxEventsPerRead bounds how long [Observer.Read] works while more events keep arriving.
const maxEventsPerRead = 8192

// Read calls each with the events that have arrived, in their order. It waits for more until this time has passed. Events
// are reused: each must copy what it keeps.
func (o *Observer) Read(wait time.Duration, each func(*Event)) error {
	o.ring.SetDeadline(time.Now().Add(wait))
	for range maxEventsPerRead {
		switch err := o.ring.ReadInto(&o.record); {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil
		case err != nil:
			return fmt.Errorf("read events of the eBPF programs: %w", err)
		}
		if err := o.event.decode(o.record.RawSample); err != nil {
			return err
		}
		each(&o.event)
	}
	return nil
}

// conversationBatch is how many conversations are read at once.
const conversationBatch = 1024

// Conversations calls each with every conversation over UDP. It forgets those for which each returns true; one that goes on
// begins anew.
func (o *Observer) Conversations(each func(*ConversationInfo) (forget bool)) error {
	if o.keys == nil {
		o.keys, o.values = make([]observerConversationKey, conversationBatch), make([]observerConversation, conversationBatch)
	}
	m := o.maps["conversations"]
	var forget []observerConversationKey
	var cursor ebpf.MapBatchCursor
	for {
		n, err := m.BatchLookup(&cursor, o.keys, o.values, nil)
		if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return fmt.Errorf("read conversations over UDP: %w", err)
		}
		for i := range n {
			info := conversationInfo(&o.keys[i], &o.values[i])
			if each(&info) {
				forget = append(forget, o.keys[i])
			}
		}
		if err != nil { // that was the last batch
			break
		}
	}
	for i := range forget {
		if err := m.Delete(&forget[i]); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return fmt.Errorf("forget a conversation over UDP: %w", err)
		}
	}
	return nil
}

func conversationInfo(k *observerConversationKey, v *observerConversation) ConversationInfo {
	return ConversationInfo{
		ConversationKey: ConversationKey{int(k.Pid), k.Netns, netip.AddrPortFrom(netip.AddrFrom16(k.Remote).Unmap(), k.RemotePort)},
		First:           time.Duration(v.First), Last: time.Duration(v.Last), Tx: v.Tx, Rx: v.Rx, Sent: v.Sent, Received: v.Received,
	}
}

// HasReceivedBytes reports whether the kernel tells how much connected UDP sockets receive.
func (o *Observer) HasReceivedBytes() bool { return o.programs["udp_receive"] != nil }

// Numbers of the counters (enum counter in c/common.h).
const (
	lostEvents = iota
	lostConversations
)

// Lost returns what was lost since the programs were loaded.
func (o *Observer) Lost() (Lost, error) {
	events, err := o.readCounter(lostEvents)
	if err != nil {
		return Lost{}, err
	}
	conversations, err := o.readCounter(lostConversations)
	return Lost{Events: events, Conversations: conversations}, err
}

func (o *Observer) readCounter(number uint32) (sum uint64, err error) {
	var perCPU []uint64
	if err := o.maps["counters"].Lookup(&number, &perCPU); err != nil {
		return 0, fmt.Errorf("read the counters of the eBPF programs: %w", err)
	}
	for _, n := range perCPU {
		sum += n
	}
	return sum, nil
}

// Usage returns what each program has cost.
func (o *Observer) Usage() ([]Usage, error) {
	var all []Usage
	for _, p := range Programs() {
		program := o.programs[p.Name]
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

// Close detaches and unloads the programs.
func (o *Observer) Close() error {
	var errs []error
	for i := len(o.open) - 1; i >= 0; i-- {
		errs = append(errs, o.open[i].Close())
	}
	o.open = nil
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
