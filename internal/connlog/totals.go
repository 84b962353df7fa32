package connlog

import (
	"math"
	"time"
)

// Group identifies what [Totals] are counted for.
type Group struct {
	Provider    string
	Destination string // see [Event.Destination]
	Process     string // its name
	Port        uint16 // see [Event.ServicePort]
	Proto       string
	Direction   string
}

// Totals counts events of connections.
type Totals struct {
	Opened  int64 // connections that were made
	Failed  int64 // connections that could not be made
	Closed  int64
	Alerts  int64
	TxBytes int64 // of closed connections
	RxBytes int64
	Timed   int64 // closed connections whose duration is known
	Micros  int64 // sum of these durations in microseconds. A time.Duration would end after 292 years
	Longest time.Duration
}

// Group returns the group that the event counts for.
func (e *Event) Group() Group {
	return Group{
		Provider: e.Provider, Destination: e.Destination(), Process: e.Comm, Port: e.ServicePort(), Proto: e.Proto, Direction: e.Direction,
	}
}

// ServicePort returns the port that identifies the service: the remote one of a connection that this host made, else the local one.
func (e *Event) ServicePort() uint16 {
	if e.Direction == In || e.Direction == Listen {
		return e.Local.Port()
	}
	return e.Remote.Port()
}

// Count adds an event about a connection, not about a socket that waits for them.
func (t *Totals) Count(e *Event) {
	switch {
	case e.Kind == Alert:
		t.Alerts++
	case e.Kind == Connect && e.Error != "":
		t.Failed++
	case e.Kind == Connect:
		t.Opened++
	case e.Kind == Close:
		t.Closed++
		t.TxBytes, t.RxBytes = addCapped(t.TxBytes, e.TxBytes), addCapped(t.RxBytes, e.RxBytes)
		if e.HasDuration {
			t.Timed++
			t.Micros = addCapped(t.Micros, e.Duration.Microseconds())
			t.Longest = max(t.Longest, e.Duration)
		}
	}
}

// Add adds other totals.
func (t *Totals) Add(o Totals) {
	t.Opened, t.Failed, t.Closed, t.Alerts = t.Opened+o.Opened, t.Failed+o.Failed, t.Closed+o.Closed, t.Alerts+o.Alerts
	t.TxBytes, t.RxBytes = addCapped(t.TxBytes, o.TxBytes), addCapped(t.RxBytes, o.RxBytes)
	t.Timed, t.Micros, t.Longest = t.Timed+o.Timed, addCapped(t.Micros, o.Micros), max(t.Longest, o.Longest)
}

// Mean returns the mean duration, or 0 if none is known.
func (t *Totals) Mean() time.Duration {
	if t.Timed == 0 {
		return 0
	}
	return time.Duration(t.Micros/t.Timed) * time.Microsecond
}

// addCapped adds a number that is not negative. The sum ends at 2^53, the largest number up to which JSON and SQL functions are exact;
// only a wrong number gets there.
func addCapped(sum, n int64) int64 {
	const most = 1 << 53
	if n <= 0 {
		return sum
	}
	return int64(math.Min(float64(sum)+float64(min(n, most)), most))
}

// IsOutgoing reports whether the remote end is one that this host chose.
func (e *Event) IsOutgoing() bool { return e.Direction != In && e.Direction != Listen }
