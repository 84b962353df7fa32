package remotename

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rtcollector/rtcollector/internal/connlog"
	"github.com/rtcollector/rtcollector/internal/crew"
)

// Limits of reverse look-ups.
const (
	ptrWorkers    = 4
	ptrQueue      = 256
	ptrTimeout    = 5 * time.Second // for one address, with the forward look-ups
	maxPTRNames   = 4               // names of one address that are checked
	maxPTREntries = 16384

	// The resolver of the standard library returns no TTLs.
	ptrLife      = time.Hour
	ptrNoName    = 10 * time.Minute // the address has no name, or no name that leads back to it
	ptrAfterFail = time.Minute
)

// Resolver is what is needed of [net.Resolver].
type Resolver interface {
	LookupAddr(ctx context.Context, addr string) ([]string, error)
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// NewPTR returns a namer that looks up the names of addresses. Lookup returns at once; workers ask the resolver, [net.DefaultResolver] if nil.
// A name counts only if it leads back to the address: the owner of an address can give it any name. Private addresses are looked up,
// because home and company networks name them; loopback, link-local and multicast addresses are not.
func NewPTR(r Resolver) Namer { return newPTR(r, func(string, time.Time) {}) }

// ptrNamer implements [Namer] with reverse look-ups.
type ptrNamer struct {
	resolver Resolver
	ask      func(name string, until time.Time) // called before we ask for the addresses of a name
	queue    chan netip.Addr
	cancel   context.CancelFunc
	workers  crew.Crew

	mu      sync.Mutex
	entries *bounded[netip.Addr, ptrEntry]
	stats   Stats
}

// ptrEntry is what is known of an address.
type ptrEntry struct {
	name    string // "": none
	pending bool   // a look-up waits or runs
	expires time.Time
}

func newPTR(r Resolver, ask func(name string, until time.Time)) *ptrNamer {
	if r == nil {
		r = net.DefaultResolver
	}
	ctx, cancel := context.WithCancel(context.Background())
	n := &ptrNamer{resolver: r, ask: ask, queue: make(chan netip.Addr, ptrQueue), cancel: cancel, entries: newBounded[netip.Addr, ptrEntry](maxPTREntries, maxNameBytes)}
	for range ptrWorkers {
		n.workers.Go(func() { n.work(ctx) })
	}
	return n
}

// Lookup implements [Namer]. A name that expired is returned while it is looked up again.
func (n *ptrNamer) Lookup(c Conn) (name Name, final bool) {
	addr := plain(c.Remote).Addr()
	if !isNameable(addr) {
		return Name{}, true
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	e, _ := n.entries.get(addr)
	if !e.pending && !time.Now().Before(e.expires) {
		select {
		case n.queue <- addr:
			e.pending = true
			n.put(addr, e)
		default:
			n.stats.PTRRejected++
		}
	}
	if e.name == "" {
		return Name{}, !e.pending
	}
	return Name{Name: e.name, Source: connlog.FromPTR}, true
}

func (n *ptrNamer) put(addr netip.Addr, e ptrEntry) { n.entries.put(addr, e, 64+len(e.name)) }

func (n *ptrNamer) work(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case addr := <-n.queue:
			n.lookUp(ctx, addr)
		}
	}
}

// lookUp asks for the name of an address and keeps the outcome.
func (n *ptrNamer) lookUp(ctx context.Context, addr netip.Addr) {
	ctx, cancel := context.WithTimeout(ctx, ptrTimeout)
	defer cancel()
	name, err := n.resolve(ctx, addr)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.stats.PTRQueries++
	life := ptrLife
	switch {
	case err != nil:
		n.stats.PTRFailures++
		life = ptrAfterFail
		if old, ok := n.entries.get(addr); ok {
			name = old.name
		}
	case name == "":
		life = ptrNoName
	}
	n.put(addr, ptrEntry{name: name, expires: time.Now().Add(life)})
}

// resolve returns the first name of an address that leads back to it; "" and no error if there is none.
func (n *ptrNamer) resolve(ctx context.Context, addr netip.Addr) (string, error) {
	names, err := n.resolver.LookupAddr(ctx, addr.String())
	if err != nil {
		return "", ignoreNotFound(err)
	}
	var failure error
	for _, name := range names[:min(len(names), maxPTRNames)] {
		name, ok := cleanHost(strings.TrimSuffix(name, "."))
		if !ok {
			continue
		}
		n.ask(name, time.Now().Add(2*ptrTimeout))
		addrs, err := n.resolver.LookupNetIP(ctx, "ip", name+".") // the dot: without the search domains of this host
		if err != nil {
			failure = ignoreNotFound(err)
			continue
		}
		if slices.ContainsFunc(addrs, func(a netip.Addr) bool { return a.Unmap() == addr }) {
			return name, nil
		}
	}
	return "", failure
}

// ignoreNotFound returns nil for the answer that the name does not exist.
func ignoreNotFound(err error) error {
	if e, ok := errors.AsType[*net.DNSError](err); ok && e.IsNotFound {
		return nil
	}
	return err
}

// Closed implements [Namer]. Nothing is kept for one connection.
func (n *ptrNamer) Closed(Conn) {}

// Stats implements [Namer].
func (n *ptrNamer) Stats() Stats {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := n.stats
	s.Addresses, s.Evicted = n.entries.len(), n.entries.dropped
	return s
}

// Close implements [Namer]. It waits for the workers, whose look-ups are cancelled.
func (n *ptrNamer) Close() error {
	n.cancel()
	n.workers.Wait()
	return nil
}
