package web

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/rtcollector/rtcollector/internal/connlog"
	"github.com/rtcollector/rtcollector/outputs"
)

// connectionFold makes connections of their events, which come the oldest first. What it holds is bounded by the number of events that are read.
type connectionFold struct {
	read   int
	oldest time.Time // the first event
	known  map[connectionID]*observed
	all    []*observed
	alerts []*observed // one for each event
}

// connectionID identifies a connection in a store of many hosts.
type connectionID struct {
	host, run string
	conn      uint64
}

// observed is a connection as its events describe it. What a later event does not know is from an earlier one.
type observed struct {
	connlog.Event
	opened, closed time.Time // zero: not in the time that was read
	alerts         []string  // kinds
	totals         connlog.Totals
}

func newConnectionFold() *connectionFold {
	return &connectionFold{known: map[connectionID]*observed{}}
}

// add adds an event. Documents that are not about a connection are left out.
func (f *connectionFold) add(found outputs.FoundEvent) error {
	if f.read++; !isConnection(found) {
		return nil
	}
	e, err := connlog.Parse(found.Document)
	if err != nil {
		return nil //nolint:nilerr // it is about something else
	}
	if f.oldest.IsZero() {
		f.oldest = e.Time
	}
	c := f.find(&e)
	c.add(&e)
	if e.Kind == connlog.Alert {
		f.alerts = append(f.alerts, &observed{Event: c.Event, alerts: []string{e.Alert}})
	}
	return nil
}

// find returns the connection of an event. Alerts that are not about one connection have one of their own.
func (f *connectionFold) find(e *connlog.Event) *observed {
	id := connectionID{e.Host, e.RunID, e.Conn}
	c := f.known[id]
	if c == nil || e.Conn == 0 {
		c = &observed{Event: *e}
		f.known[id] = c
		f.all = append(f.all, c)
	}
	return c
}

func (c *observed) add(e *connlog.Event) {
	old := c.Event
	c.Event = *e
	if e.Domain == "" {
		c.Domain, c.DomainSource = old.Domain, old.DomainSource
	}
	if !e.Remote.IsValid() {
		c.Remote, c.Local = old.Remote, old.Local
	}
	c.Provider, c.Comm, c.PID, c.User = cmp.Or(e.Provider, old.Provider), cmp.Or(e.Comm, old.Comm), cmp.Or(e.PID, old.PID), cmp.Or(e.User, old.User)
	c.Cmdline, c.Ancestry = cmp.Or(e.Cmdline, old.Cmdline), cmp.Or(e.Ancestry, old.Ancestry)
	c.Proto, c.Direction = cmp.Or(e.Proto, old.Proto), cmp.Or(e.Direction, old.Direction)
	c.Error, c.RetryCount, c.BeforeStart = cmp.Or(e.Error, old.Error), max(e.RetryCount, old.RetryCount), e.BeforeStart || old.BeforeStart
	if e.Kind != connlog.Close && !c.closed.IsZero() { // events of one millisecond have no order
		c.Duration, c.HasDuration, c.TxBytes, c.RxBytes, c.Reason = old.Duration, old.HasDuration, old.TxBytes, old.RxBytes, old.Reason
	}
	c.totals.Count(e)
	switch e.Kind {
	case connlog.Connect:
		c.opened = e.Time
	case connlog.Close:
		c.closed = e.Time
	case connlog.Alert:
		if !slices.Contains(c.alerts, e.Alert) {
			c.alerts = append(c.alerts, e.Alert)
		}
	}
}

// States of connections at the end of the time that was read.
const (
	stateOpen   = "open" // it has no end in this time
	stateClosed = "closed"
	stateFailed = "failed" // could not be made
)

func (c *observed) state() string {
	switch {
	case !c.closed.IsZero():
		return stateClosed
	case c.Error != "":
		return stateFailed
	}
	return stateOpen
}

// connectionsAnswer is the answer of the endpoint. Times are seconds since 1970.
type connectionsAnswer struct {
	Since      float64          `json:"since"` // from here on events were read
	Until      float64          `json:"until"`
	Truncated  bool             `json:"truncated"` // there are older events than since, which were not read because there are too many
	Total      connectionTotals `json:"total"`
	Groups     []groupJSON      `json:"groups"`
	GroupsMore int              `json:"groups_more"` // groups that were cut

	Connections     []connectionJSON `json:"connections"`      // the newest first
	ConnectionsMore int              `json:"connections_more"` // connections that were cut
	Open            []connectionJSON `json:"open"`
	OpenMore        int              `json:"open_more"`
	Alerts          []alertJSON      `json:"alerts"`
	AlertsMore      int              `json:"alerts_more"`
}

type connectionTotals struct {
	Opened  int64   `json:"opened"`
	Failed  int64   `json:"failed"`
	Closed  int64   `json:"closed"`
	Open    int64   `json:"open"` // without an end until until
	Alerts  int64   `json:"alerts"`
	Tx      int64   `json:"tx_bytes"` // of closed connections
	Rx      int64   `json:"rx_bytes"`
	Mean    float64 `json:"mean_ms"`
	Longest float64 `json:"longest_ms"`
	Last    float64 `json:"last_seen"` // the newest event; 0: none
}

type groupJSON struct {
	groupKey
	connectionTotals
}

// connectionJSON is one connection. What is not known is left out.
type connectionJSON struct {
	ID       string   `json:"id"`
	State    string   `json:"state"`
	Time     float64  `json:"time"` // of its newest event
	Opened   *float64 `json:"opened,omitempty"`
	Closed   *float64 `json:"closed,omitempty"`
	Duration *float64 `json:"duration_ms,omitempty"`
	Tx       *int64   `json:"tx_bytes,omitempty"`
	Rx       *int64   `json:"rx_bytes,omitempty"`

	Host         string   `json:"host"`
	Process      string   `json:"process"`
	PID          int      `json:"pid,omitempty"`
	User         string   `json:"user,omitempty"`
	Cmdline      string   `json:"cmdline,omitempty"`
	Ancestry     string   `json:"ancestry,omitempty"`
	Provider     string   `json:"provider"`
	Proto        string   `json:"proto"`
	Direction    string   `json:"direction"`
	Domain       string   `json:"domain"`
	DomainSource string   `json:"domain_source,omitempty"`
	Local        string   `json:"local,omitempty"`
	Remote       string   `json:"remote,omitempty"`
	Retries      int      `json:"retry_count,omitempty"`
	Error        string   `json:"error,omitempty"`
	Reason       string   `json:"reason,omitempty"`
	BeforeStart  bool     `json:"before_start,omitempty"`
	Alerts       []string `json:"alerts,omitempty"`
	Session      string   `json:"session,omitempty"`
	RunID        string   `json:"run_id,omitempty"`
	Via          string   `json:"via,omitempty"`
}

type alertJSON struct {
	Time     float64 `json:"time"`
	Kind     string  `json:"kind"`
	Message  string  `json:"message"`
	Host     string  `json:"host"`
	Process  string  `json:"process"`
	Provider string  `json:"provider"`
	Domain   string  `json:"domain"`
	ID       string  `json:"connection,omitempty"` // the connection that it is about
}

// answer returns what a query wants to know of the events.
func (f *connectionFold) answer(q *connectionQuery) *connectionsAnswer {
	a := &connectionsAnswer{
		Since: secondsOf(q.events.Since), Until: secondsOf(q.events.Until), Groups: []groupJSON{}, Connections: []connectionJSON{}, Open: []connectionJSON{}, Alerts: []alertJSON{},
	}
	if a.Truncated = f.read >= maxConnectionEvents; a.Truncated && !f.oldest.IsZero() {
		a.Since = secondsOf(f.oldest)
	}
	chosen := newestFirst(slices.DeleteFunc(f.all, func(c *observed) bool { return !q.matches(c) }))
	a.addGroups(chosen, groupings[q.by])
	for _, c := range chosen {
		if c.Conn == 0 {
			continue // an alert about several
		}
		if hasRoom(&a.ConnectionsMore, len(a.Connections), q.last) {
			a.Connections = append(a.Connections, c.json())
		}
		if c.state() == stateOpen && hasRoom(&a.OpenMore, len(a.Open), q.last) {
			a.Open = append(a.Open, c.json())
		}
	}
	for _, c := range newestFirst(slices.DeleteFunc(f.alerts, func(c *observed) bool { return !q.matches(c) })) {
		if hasRoom(&a.AlertsMore, len(a.Alerts), q.last) {
			a.Alerts = append(a.Alerts, c.alertJSON())
		}
	}
	return a
}

// hasRoom reports whether a list of this length has room, and otherwise counts what was cut.
func hasRoom(more *int, length, most int) bool {
	if length < most {
		return true
	}
	*more++
	return false
}

// newestFirst sorts by the newest event. Those of one moment keep their order.
func newestFirst(all []*observed) []*observed {
	slices.SortStableFunc(all, func(a, b *observed) int { return b.Time.Compare(a.Time) })
	return all
}

// addGroups adds the totals, and those of each group, the most connections first.
func (a *connectionsAnswer) addGroups(all []*observed, key func(*connlog.Event) groupKey) {
	groups := map[groupKey]*groupTotals{}
	var whole groupTotals
	for _, c := range all {
		k := key(&c.Event)
		if groups[k] == nil {
			groups[k] = &groupTotals{}
		}
		groups[k].add(c)
		whole.add(c)
	}
	a.Total = whole.json()
	for k, g := range groups {
		a.Groups = append(a.Groups, groupJSON{k, g.json()})
	}
	slices.SortFunc(a.Groups, func(x, y groupJSON) int {
		return cmp.Or(cmp.Compare(y.Opened+y.Failed, x.Opened+x.Failed), cmp.Compare(y.Last, x.Last),
			cmp.Compare(x.Process, y.Process), cmp.Compare(x.Domain, y.Domain), cmp.Compare(x.Provider, y.Provider), cmp.Compare(x.Port, y.Port))
	})
	shown := min(maxGroups, len(a.Groups))
	a.Groups, a.GroupsMore = a.Groups[:shown], len(a.Groups)-shown
}

type groupTotals struct {
	connlog.Totals
	open int64
	last time.Time
}

func (g *groupTotals) add(c *observed) {
	g.Add(c.totals)
	if c.Conn != 0 && c.state() == stateOpen {
		g.open++
	}
	if c.Time.After(g.last) {
		g.last = c.Time
	}
}

func (g *groupTotals) json() connectionTotals {
	j := connectionTotals{
		Opened: g.Opened, Failed: g.Failed, Closed: g.Closed, Open: g.open, Alerts: g.Alerts, Tx: g.TxBytes, Rx: g.RxBytes,
		Mean: millisOf(g.Mean()), Longest: millisOf(g.Longest),
	}
	if !g.last.IsZero() {
		j.Last = secondsOf(g.last)
	}
	return j
}

func (c *observed) json() connectionJSON {
	j := connectionJSON{
		ID: c.id(), State: c.state(), Time: secondsOf(c.Time), Host: c.Host, Process: c.Comm, PID: c.PID, User: c.User, Cmdline: c.Cmdline, Ancestry: c.Ancestry,
		Provider: c.Provider, Proto: c.Proto, Direction: c.Direction, Domain: c.Destination(), DomainSource: c.DomainSource,
		Local: addressOf(c.Local), Remote: addressOf(c.Remote), Retries: c.RetryCount, Error: c.Error, Reason: c.Reason, BeforeStart: c.BeforeStart, Alerts: c.alerts,
		Session: c.Session, RunID: c.RunID, Via: c.Via,
	}
	if !c.opened.IsZero() {
		j.Opened = new(secondsOf(c.opened))
	}
	if !c.closed.IsZero() {
		j.Closed = new(secondsOf(c.closed))
		if c.HasDuration {
			j.Duration = new(millisOf(c.Duration))
		}
		if c.TxBytes >= 0 {
			j.Tx = &c.TxBytes
		}
		if c.RxBytes >= 0 {
			j.Rx = &c.RxBytes
		}
	}
	return j
}

func (c *observed) alertJSON() alertJSON {
	j := alertJSON{
		Time: secondsOf(c.Time), Kind: c.Alert, Message: cmp.Or(c.Message, c.Summary()), Host: c.Host, Process: c.Comm, Provider: c.Provider, Domain: c.Destination(),
	}
	if c.Conn != 0 {
		j.ID = c.id()
	}
	return j
}

// id identifies the connection in all answers.
func (c *observed) id() string { return fmt.Sprintf("%s/%s/%d", c.Host, c.RunID, c.Conn) }

func addressOf(a netip.AddrPort) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

func secondsOf(t time.Time) float64    { return float64(t.UnixMilli()) / 1000 }
func millisOf(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
