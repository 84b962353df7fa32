package remotename

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rtcollector/rtcollector/internal/connlog"
	"github.com/rtcollector/rtcollector/internal/crew"
)

const (
	maxTLSPorts  = 64
	blockTimeout = 50 * time.Millisecond // the kernel hands over a block of packets at the latest after this time
)

// Options say what is captured. The zero value captures in the network namespace of this process.
type Options struct {
	// Ports are the TCP ports whose connections are expected to begin with a ClientHello; empty: the usual ones. On others, only a hello in
	// one segment is found. At most 64.
	Ports []uint16
	// NetNS is the path of another network namespace, such as /run/netns/NAME or /proc/PID/ns/net. Entering it needs CAP_SYS_ADMIN. The capture keeps
	// the namespace alive.
	NetNS string
	// Resolver does the reverse look-ups; nil: the system's.
	Resolver Resolver
}

func (o Options) tlsPorts() ([]uint16, error) {
	if len(o.Ports) > maxTLSPorts {
		return nil, fmt.Errorf("%d ports; at most %d are possible", len(o.Ports), maxTLSPorts)
	}
	if len(o.Ports) == 0 {
		return tlsPorts(), nil
	}
	return slices.Clone(o.Ports), nil
}

// captureNamer implements [Namer] with what packets say, and reverse look-ups for the rest.
type captureNamer struct {
	*learner
	ptr     *ptrNamer
	source  packetSource // nil: a file that was read
	reader  crew.Crew
	failure error // of the source, after reader
	crash   error // the last panic while a packet was read
}

// addFunc takes a packet of the type of an Ethernet frame. The data is valid during the call.
type addFunc func(at time.Time, etherType uint16, data []byte)

// packetSource delivers packets.
type packetSource interface {
	// run calls handle for each block of packets, with a function that passes them on. It returns nil when the source is closed.
	run(handle func(block func(add addFunc))) error
	// dropped returns how many packets the kernel dropped so far.
	dropped() uint64
	close() error
}

// NewCapture returns a namer that reads DNS answers and the server names of TLS from the packets of all interfaces. It needs CAP_NET_RAW. It
// never makes an interface promiscuous. Addresses without a name are looked up as by [NewPTR].
func NewCapture(o Options) (Namer, error) {
	ports, err := o.tlsPorts()
	if err != nil {
		return nil, err
	}
	source, err := openCapture(ports, o.NetNS)
	if err != nil {
		return nil, err
	}
	return startCapture(o, ports, source), nil
}

func startCapture(o Options, ports []uint16, source packetSource) *captureNamer {
	n := &captureNamer{learner: newLearner(ports), source: source}
	n.live = true
	n.ptr = newPTR(o.Resolver, n.addOwnName)
	n.reader.Go(n.run)
	return n
}

// run reads packets until the source is closed.
func (n *captureNamer) run() {
	n.failure = n.source.run(func(block func(addFunc)) {
		n.mu.Lock()
		defer n.mu.Unlock()
		err := crew.Catch(func() error { block(n.addPacket); return nil })
		if err != nil { // a packet must not end the capture, nor be forgotten
			n.stats.Malformed++
			n.crash = err
		}
	})
	n.mu.Lock()
	defer n.mu.Unlock()
	n.live = false // nothing more arrives
}

// Lookup implements [Namer].
func (n *captureNamer) Lookup(c Conn) (name Name, final bool) {
	name, final = n.lookup(c, time.Now())
	if name.Name == "" && final {
		return n.ptr.Lookup(c)
	}
	return name, final
}

// Closed implements [Namer].
func (n *captureNamer) Closed(c Conn) {
	if c.Proto == connlog.TCP {
		n.closed(c)
	}
}

// Stats implements [Namer].
func (n *captureNamer) Stats() Stats {
	s, ptr := n.snapshot(time.Now()), n.ptr.Stats()
	s.PTRQueries, s.PTRFailures, s.PTRRejected = ptr.PTRQueries, ptr.PTRFailures, ptr.PTRRejected
	s.Addresses += ptr.Addresses
	s.Evicted += ptr.Evicted
	if n.source != nil {
		s.Dropped = n.source.dropped()
	}
	return s
}

// Close implements [Namer]. Its error says why the capture ended before, and what went wrong in it.
func (n *captureNamer) Close() error {
	err := n.ptr.Close()
	if n.source == nil {
		return err
	}
	err = errors.Join(err, n.source.close())
	n.reader.Wait()
	return errors.Join(err, n.failure, n.crash)
}
