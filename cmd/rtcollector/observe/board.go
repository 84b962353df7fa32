package observe

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rtcollector/rtcollector/internal/connlog"
)

// Limits of what a board keeps. What is beyond counts in the totals, and under [others].
const (
	maxEvents       = 10_000
	maxOpen         = 100_000
	maxGroups       = 5_000 // of one view
	maxProcesses    = 5_000
	maxDestinations = 500 // of one process
)

// others is the group of everything that a full board has no group for.
const others = "(others)"

// View is what the bars stand for.
type View int

// Views.
const (
	ByProvider View = iota
	ByDomain
	ByPort
	ByProcess
	viewCount
)

var viewNames = [viewCount]string{"provider", "domain", "port", "process"}

// String returns the name of a view.
func (v View) String() string { return viewNames[v] }

// ParseView returns the view with a name.
func ParseView(name string) (View, error) {
	i := slices.Index(viewNames[:], name)
	if i < 0 {
		return 0, fmt.Errorf("must be one of %s", strings.Join(viewNames[:], ", "))
	}
	return View(i), nil
}

// groupOf returns the group of an event in a view.
func (v View) groupOf(e *connlog.Event) string {
	switch v {
	case ByProvider:
		return cmp.Or(e.Provider, "other")
	case ByDomain:
		return cmp.Or(e.Destination(), "(none)")
	case ByPort:
		port := e.Remote.Port()
		if e.Direction != connlog.Out {
			port = e.Local.Port()
		}
		return e.Proto + " " + strconv.Itoa(int(port))
	default:
		return processName(e)
	}
}

func processName(e *connlog.Event) string {
	if e.PID == 0 {
		return cmp.Or(e.Comm, "(unknown)")
	}
	return fmt.Sprintf("%s[%d]", e.Comm, e.PID)
}

// Counts is what happened to the connections of a group.
type Counts struct {
	Active, Opened, Closed, Failed, Alerts int
	Tx, Rx                                 int64 // bytes of payload of the connections that ended
}

// Group is a bar.
type Group struct {
	Name string
	Counts
}

// Totals is what happened to all connections.
type Totals struct {
	Counts
	Peak    int            // highest number of connections at the same time
	ByAlert map[string]int // number of alerts by their kind

	durations time.Duration // of the connections that ended and whose duration is known
	timed     int
}

// MeanDuration returns the mean duration of the connections that ended. ok is false if none is known.
func (t *Totals) MeanDuration() (mean time.Duration, ok bool) {
	if t.timed == 0 {
		return 0, false
	}
	return t.durations / time.Duration(t.timed), true
}

// Process is a process that made connections.
type Process struct {
	PID                                     int
	Comm, Cmdline, User, Ancestry, Provider string
	First, Last                             time.Time
	Counts
	destinations map[string]*Counts
}

// processKey identifies a process; a PID can be used again.
type processKey struct {
	pid  int
	comm string
}

// connection identifies an open connection.
type connection struct {
	run    string
	number uint64
}

// entry is an event in the list.
type entry struct {
	number uint64 // 1 for the first event
	event  connlog.Event
	search string // what a filter looks into, in lower case
}

// Board knows what was seen. Any goroutine may use it.
type Board struct {
	mu        sync.Mutex
	version   uint64            // changes with every event
	events    [maxEvents]*entry // ring: the event number n is at n % maxEvents
	totals    Totals
	timeline  timeline
	groups    [viewCount]map[string]*Counts
	processes map[processKey]*Process
	open      map[connection]opened
	changed   chan struct{} // closed with the next event
}

// opened is where an open connection was counted. Its close event may know more, such as a domain.
type opened struct {
	groups      [viewCount]*Counts
	process     *Counts
	destination *Counts
}

// NewBoard returns an empty board.
func NewBoard() *Board {
	b := &Board{processes: map[processKey]*Process{}, open: map[connection]opened{}, changed: make(chan struct{}), totals: Totals{ByAlert: map[string]int{}}}
	for v := range b.groups {
		b.groups[v] = map[string]*Counts{}
	}
	return b
}

// Add counts an event and keeps it in the list.
func (b *Board) Add(e *connlog.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.version++
	close(b.changed)
	b.changed = make(chan struct{})
	b.events[b.version%maxEvents] = &entry{b.version, *e, searchText(e)}
	if e.Direction == connlog.Listen && e.Kind != connlog.Alert {
		return // not a connection
	}
	if e.Conn == 0 { // an alert that is about several
		b.addGeneralAlert(e)
		return
	}
	key := connection{e.RunID, e.Conn}
	where, isOpen := b.open[key]
	if !isOpen {
		where = b.find(e)
	}
	where.each(&b.totals.Counts, func(c *Counts) { c.add(e, isOpen) })
	switch {
	case e.Kind == connlog.Alert:
		b.totals.ByAlert[e.Alert]++
	case e.Kind == connlog.Close:
		if isOpen {
			delete(b.open, key)
			b.timeline.add(change{e.Time, -1})
		}
		if e.HasDuration {
			b.totals.durations += e.Duration
			b.totals.timed++
		}
	case e.Error == "" && !isOpen && len(b.open) < maxOpen:
		b.open[key] = where
		where.each(&b.totals.Counts, func(c *Counts) { c.Active++ })
		b.timeline.add(change{e.Time, 1})
	}
}

// addGeneralAlert counts an alert about all connections, or about those of a provider.
func (b *Board) addGeneralAlert(e *connlog.Event) {
	b.totals.add(e, false)
	b.totals.ByAlert[e.Alert]++
	if e.Provider != "" {
		findCounts(b.groups[ByProvider], e.Provider, maxGroups).add(e, false)
	}
}

// add counts an event. isOpen reports whether its connection counts as active.
func (c *Counts) add(e *connlog.Event, isOpen bool) {
	switch {
	case e.Kind == connlog.Alert:
		c.Alerts++
	case e.Kind == connlog.Connect && e.Error != "":
		c.Failed++
	case e.Kind == connlog.Connect:
		c.Opened++
	default:
		c.Closed++
		c.Tx += max(e.TxBytes, 0)
		c.Rx += max(e.RxBytes, 0)
		if isOpen {
			c.Active--
		}
	}
}

// each calls f for everything that a connection counts for.
func (o *opened) each(totals *Counts, f func(*Counts)) {
	f(totals)
	for _, c := range o.groups {
		f(c)
	}
	f(o.process)
	f(o.destination)
}

// find returns what the connection of an event counts for.
func (b *Board) find(e *connlog.Event) (o opened) {
	for v := range b.groups {
		o.groups[v] = findCounts(b.groups[v], View(v).groupOf(e), maxGroups)
	}
	p := b.findProcess(e)
	o.process, o.destination = &p.Counts, findCounts(p.destinations, destinationOf(e), maxDestinations)
	return o
}

func findCounts(all map[string]*Counts, name string, most int) *Counts {
	c, known := all[name]
	if !known {
		if len(all) >= most && name != others {
			return findCounts(all, others, most)
		}
		c = &Counts{}
		all[name] = c
	}
	return c
}

func (b *Board) findProcess(e *connlog.Event) *Process {
	key := processKey{e.PID, e.Comm}
	p, known := b.processes[key]
	if !known && len(b.processes) >= maxProcesses {
		key = processKey{0, others}
		p, known = b.processes[key]
	}
	if !known {
		p = &Process{PID: key.pid, Comm: key.comm, First: e.Time, destinations: map[string]*Counts{}}
		b.processes[key] = p
	}
	p.Last = e.Time
	if key.comm != others {
		p.Cmdline, p.User = cmp.Or(e.Cmdline, p.Cmdline), cmp.Or(e.User, p.User)
		p.Ancestry, p.Provider = cmp.Or(e.Ancestry, p.Ancestry), cmp.Or(e.Provider, p.Provider)
	}
	return p
}

// destinationOf returns the remote end with its port and direction.
func destinationOf(e *connlog.Event) string {
	if !e.Remote.IsValid() {
		return "(none)"
	}
	text := fmt.Sprintf("%s %s:%d", e.Proto, e.Destination(), e.Remote.Port())
	if e.Direction == connlog.In {
		return fmt.Sprintf("%s from %s to port %d", e.Proto, e.Destination(), e.Local.Port())
	}
	return text
}

func searchText(e *connlog.Event) string {
	return strings.ToLower(strings.Join([]string{
		string(e.Kind), e.Alert, processName(e), e.Cmdline, e.User, e.Provider, e.Domain, e.Remote.String(), e.Proto, e.Error, e.Message,
	}, " "))
}

// snapshot is what the view shows of a board at one moment.
type snapshot struct {
	version uint64
	totals  Totals
	groups  []Group  // those with most active connections first
	events  []*entry // that are wanted, the oldest first
}

// read returns what a view shows. Events and groups are those that contain the filter, in lower case.
func (b *Board) read(v View, show Kinds, filter string) snapshot {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := snapshot{version: b.version, totals: b.totals, groups: sortGroups(b.groups[v], filter)}
	s.totals.Peak = b.timeline.peak()
	s.totals.ByAlert = maps.Clone(b.totals.ByAlert)
	for n := b.version - min(b.version, maxEvents) + 1; n <= b.version; n++ {
		if e := b.events[n%maxEvents]; show.Has(&e.event) && strings.Contains(e.search, filter) {
			s.events = append(s.events, e)
		}
	}
	return s
}

// Read returns the totals, and the groups of a view.
func (b *Board) Read(v View) (Totals, []Group) {
	s := b.read(v, 0, "")
	return s.totals, s.groups
}

// WaitFor waits until the totals are as wanted, or ctx ends.
func (b *Board) WaitFor(ctx context.Context, wanted func(*Totals) bool) error {
	for {
		b.mu.Lock()
		changed, ok := b.changed, wanted(&b.totals)
		b.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// hasChanged reports whether an event came after a snapshot.
func (b *Board) hasChanged(s *snapshot) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.version != s.version
}

func sortGroups(all map[string]*Counts, filter string) (groups []Group) {
	for name, c := range all {
		if strings.Contains(strings.ToLower(name), filter) {
			groups = append(groups, Group{name, *c})
		}
	}
	slices.SortFunc(groups, func(a, b Group) int {
		return cmp.Or(cmp.Compare(b.Active, a.Active), cmp.Compare(b.Opened+b.Failed, a.Opened+a.Failed), cmp.Compare(a.Name, b.Name))
	})
	return groups
}

// process returns the process of an event, and its destinations.
func (b *Board) process(e *connlog.Event) (p Process, destinations []Group, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	found, ok := b.processes[processKey{e.PID, e.Comm}]
	if !ok {
		return Process{}, nil, false
	}
	return *found, sortGroups(found.destinations, ""), true
}
