package connections

import (
	"cmp"
	"net/netip"
	"time"

	"github.com/rtcollector/rtcollector/internal/connlog"
	"github.com/rtcollector/rtcollector/internal/remotename"
)

// connection is a connection over TCP, or a conversation over UDP, of a watched process.
type connection struct {
	number      uint64
	process     *process // nil: unknown
	comm        string   // of the process when it connected; it may run another program later
	cmdline     string
	ancestry    string
	proto       string
	direction   string
	local       netip.AddrPort
	remote      netip.AddrPort
	netns       uint32
	inode       uint64 // of the socket; 0: unknown
	via         string
	beforeStart bool

	opened      time.Time // connect was called, or the first poll that saw it
	established time.Time // zero: not yet
	closed      time.Time // zero: open
	reason      string
	err         string
	tx, rx      int64 // -1: unknown
	retries     int

	name      remotename.Name
	provider  string
	announced bool   // its connect event was made
	overdue   bool   // its alert about the duration was made
	listed    uint64 // the last list of sockets that had it, by its number
}

// endpoint returns what the name of the remote end is looked up with.
func (c *connection) endpoint() remotename.Conn {
	return remotename.Conn{Proto: c.proto, Local: c.local, Remote: c.remote, Opened: c.opened}
}

// connectTime returns the time of the connect event: when the connection was established, or could not be.
func (c *connection) connectTime() time.Time {
	if c.established.IsZero() {
		return c.closed
	}
	return c.established
}

// duration returns how long the connection has been established, and whether that is known.
func (c *connection) duration(now time.Time) (d time.Duration, known bool) {
	if c.beforeStart || c.established.IsZero() {
		return 0, false
	}
	end := c.closed
	if end.IsZero() {
		end = now
	}
	return max(end.Sub(c.established), 0), true
}

// otherProvider is the label of metrics for connections of no known provider.
const otherProvider = "other"

func (c *connection) key() totalsKey { return totalsKey{cmp.Or(c.provider, otherProvider), c.proto} }

// event returns an event about the connection.
func (t *tracker) event(kind connlog.Kind, c *connection, at time.Time) connlog.Event {
	e := connlog.Event{
		Time: at, Host: t.host, Kind: kind, RunID: t.runID, Session: t.config.Session, Conn: c.number,
		Comm: c.comm, Cmdline: c.cmdline, Ancestry: c.ancestry,
		Provider: c.provider, Proto: c.proto, Direction: c.direction, Local: c.local, Remote: c.remote,
		Domain: c.name.Name, DomainSource: c.name.Source, TxBytes: c.tx, RxBytes: c.rx, RetryCount: c.retries, Error: c.err,
		BeforeStart: c.beforeStart, Via: c.via,
	}
	if c.process != nil {
		e.PID, e.User = c.process.PID, t.users.Name(c.process.UID)
	}
	return e
}
