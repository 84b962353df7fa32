package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/connlog"
	"github.com/rtcollector/rtcollector/internal/eventdoc"
	"github.com/rtcollector/rtcollector/internal/match"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
)

const (
	maxConnectionEvents = 20_000 // that are read for an answer: the newest ones
	maxGroups           = 500    // in an answer
)

// connectionQuery is what a request asks for about observed connections.
type connectionQuery struct {
	events    outputs.EventQuery
	by        string // a key of groupings
	last      int    // the most connections and alerts in each list
	providers []string
	domains   match.List // in lower case
	alerts    []string
}

// serveConnections answers with the connections of some time, as the observer saw them: totals, the newest, those that are open, and alerts.
func (s *Server) serveConnections(w http.ResponseWriter, r *http.Request) {
	q, err := parseConnectionQuery(r.URL.Query(), time.Now())
	if err != nil {
		writeError(w, http.StatusBadRequest, err.Error())
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), logsTimeout)
	defer cancel()
	f := newConnectionFold()
	err = s.readers.use(ctx, func(reader outputs.EventReader) error {
		return reader.ReadEvents(ctx, q.events, f.add)
	})
	if err != nil {
		writeLogsError(ctx, w, err)
		return
	}
	writeJSON(w, http.StatusOK, f.answer(&q))
}

// parseConnectionQuery returns the query that the parameters describe: by default that of the last hour.
func parseConnectionQuery(v url.Values, now time.Time) (q connectionQuery, err error) {
	common := url.Values{"since": v["since"], "until": v["until"], "host": v["host"], "app": v["process"], "last": v["last"]}
	if q.events, err = parseFilters(common, defaultLast); err != nil {
		if rest, ok := strings.CutPrefix(err.Error(), "app: "); ok {
			err = errors.New("process: " + rest)
		}
		return q, err
	}
	e := &q.events
	e.Sources, e.To = []string{connlog.Source}, telemetry.Debug
	q.last, e.Last = e.Last, maxConnectionEvents
	if e.Until.IsZero() {
		e.Until = now
	}
	if e.Since.IsZero() {
		e.Since = e.Until.Add(-time.Hour)
	}
	if e.Since.After(e.Until) {
		return q, errors.New("since: is later than until")
	}
	q.by = cmp.Or(v.Get("by"), "provider")
	if _, ok := groupings[q.by]; !ok {
		return q, fmt.Errorf("by: must be %s, not %.40q", groupingNames, q.by)
	}
	return q, q.parseFilters(v)
}

// parseFilters sets the filters that an index does not know.
func (q *connectionQuery) parseFilters(v url.Values) error {
	for _, name := range []string{"provider", "domain", "alert"} {
		if len(v[name]) > maxFilters {
			return fmt.Errorf("%s: more than %d values", name, maxFilters)
		}
	}
	q.providers, q.alerts, q.domains = v["provider"], v["alert"], make(match.List, len(v["domain"]))
	for i, glob := range v["domain"] {
		if len(glob) > maxTextSize {
			return fmt.Errorf("domain: longer than %d bytes", maxTextSize)
		}
		if err := q.domains[i].UnmarshalScalar(strings.ToLower(glob)); err != nil {
			return fmt.Errorf("domain: %.40q %w", glob, err)
		}
	}
	return nil
}

// matches reports whether a connection passes the filters.
func (q *connectionQuery) matches(c *observed) bool {
	return (len(q.providers) == 0 || slices.Contains(q.providers, c.Provider)) &&
		(len(q.domains) == 0 || q.domains.Match(strings.ToLower(c.Destination()))) &&
		(len(q.alerts) == 0 || slices.ContainsFunc(q.alerts, func(kind string) bool { return slices.Contains(c.alerts, kind) }))
}

// groupingNames lists the keys of groupings.
const groupingNames = "provider, domain, process, port or process_domain"

// groupKey is what the connections of a group have in common; what it does not distinguish is empty.
type groupKey struct {
	Provider string `json:"provider"`
	Process  string `json:"process"`
	Domain   string `json:"domain"` // or the address if there is no name
	Port     string `json:"port"`
}

// groupings are the values of the parameter by.
var groupings = map[string]func(*connlog.Event) groupKey{
	"provider": func(e *connlog.Event) groupKey { return groupKey{Provider: e.Provider} },
	"domain":   func(e *connlog.Event) groupKey { return groupKey{Domain: e.Destination()} },
	"process":  func(e *connlog.Event) groupKey { return groupKey{Process: e.Comm} },
	"port":     func(e *connlog.Event) groupKey { return groupKey{Port: portOf(e)} },
	"process_domain": func(e *connlog.Event) groupKey {
		return groupKey{Provider: e.Provider, Process: e.Comm, Domain: e.Destination()}
	},
}

// portOf returns the port of the service as people write it: "443/tcp", or "22/tcp in".
func portOf(e *connlog.Event) string {
	if e.ServicePort() == 0 {
		return ""
	}
	name := strconv.Itoa(int(e.ServicePort())) + "/" + e.Proto
	if !e.IsOutgoing() {
		name += " in"
	}
	return name
}

// isConnection reports whether an event that the index found is the observer's. The index ignores upper and lower case.
func isConnection(found outputs.FoundEvent) bool {
	return found.Document.Text(eventdoc.Source) == connlog.Source
}
