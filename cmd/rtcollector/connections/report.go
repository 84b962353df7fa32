package connections

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/rtcollector/rtcollector/internal/connlog"
	"github.com/rtcollector/rtcollector/outputs"
)

// notable is the number of groups in the lists of what deserves a look.
const notable = 3

// Report is what connections did in some time.
type Report struct {
	Since, Until time.Time // zero: no limit
	Run          outputs.ConnectionRun
	Whole        connlog.Totals

	Providers, Domains, Processes, Ports List

	New      []string  // destinations
	NewMore  int       // destinations that were cut
	NewSince time.Time // when they were first seen at the earliest
	KnowsNew bool      // false: there is nothing to compare with

	Longest   []Notable
	MostBytes []Notable

	destinations []string // all that were seen
}

// Notable is a group that deserves a look.
type Notable struct {
	connlog.Group
	connlog.Totals
}

// Query says what a report is about.
type Query struct {
	outputs.ConnectionQuery
	Latest bool // the latest run, instead of a time
	Top    int  // the number of lines in each list
}

// NewReport reads a report. Last is what the last report has seen.
func NewReport(ctx context.Context, s Store, q Query, last Seen) (*Report, error) {
	r := &Report{}
	if q.Latest {
		run, err := s.LatestRun(ctx)
		if err != nil || run.ID == "" {
			return r, err
		}
		r.Run = run
		q.ConnectionQuery = outputs.ConnectionQuery{Since: run.First, Until: run.Last, RunID: run.ID}
		if _, knowsFirst := s.(*tableStore); knowsFirst {
			last.Time = run.First
		}
	}
	groups := tally{}
	since, err := s.ReadTotals(ctx, q.ConnectionQuery, func(g connlog.Group, t connlog.Totals) error {
		groups.add(g, t)
		return nil
	})
	if err != nil {
		return nil, err
	}
	r.Since, r.Until = since, q.Until
	for _, t := range groups {
		r.Whole.Add(t)
	}
	r.Providers = newList(groups, q.Top, func(g connlog.Group) string { return g.Provider })
	r.Domains = newList(groups, q.Top, func(g connlog.Group) string { return g.Destination })
	r.Processes = newList(groups, q.Top, func(g connlog.Group) string { return g.Process })
	r.Ports = newList(groups, q.Top, portName)
	r.Longest = findNotable(groups, func(t connlog.Totals) int64 { return int64(t.Longest) })
	r.MostBytes = findNotable(groups, func(t connlog.Totals) int64 { return t.TxBytes + t.RxBytes })
	return r, r.addNew(ctx, s, q, last, groups)
}

// addNew adds the destinations that were not seen before.
func (r *Report) addNew(ctx context.Context, s Store, q Query, last Seen, groups tally) (err error) {
	seen := map[string]bool{}
	for g := range groups {
		addDestination(seen, g)
	}
	for name := range seen {
		r.destinations = append(r.destinations, name)
	}
	if !q.Until.IsZero() && !q.Latest { // what was new then is not known
		return nil
	}
	r.New, r.NewSince, r.KnowsNew, err = s.findNew(ctx, last, r.Since, groups)
	if q.Latest { // others may have seen it meanwhile
		r.New = slices.DeleteFunc(r.New, func(name string) bool { return !seen[name] })
	}
	if q.Top < len(r.New) {
		r.New, r.NewMore = r.New[:q.Top], len(r.New)-q.Top
	}
	return err
}

// findNotable returns the groups with the largest values, without those whose value is 0.
func findNotable(groups tally, value func(connlog.Totals) int64) (list []Notable) {
	for g, t := range groups {
		if v := value(t); v > 0 && (len(list) < notable || v >= value(list[len(list)-1].Totals)) {
			list = append(list, Notable{g, t})
			slices.SortFunc(list, func(a, b Notable) int {
				return cmp.Or(cmp.Compare(value(b.Totals), value(a.Totals)), compareGroups(a.Group, b.Group))
			})
			list = list[:min(len(list), notable)]
		}
	}
	return list
}

func compareGroups(a, b connlog.Group) int {
	return cmp.Or(cmp.Compare(a.Destination, b.Destination), cmp.Compare(a.Process, b.Process), cmp.Compare(a.Port, b.Port),
		cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.Proto, b.Proto), cmp.Compare(a.Direction, b.Direction))
}

// IsEmpty reports whether there was no event.
func (r *Report) IsEmpty() bool { return r.Whole == connlog.Totals{} }

// jsonNotable is how a Notable looks in JSON.
type jsonNotable struct {
	Provider string `json:"provider"`
	Domain   string `json:"domain"`
	Process  string `json:"process"`
	Port     uint16 `json:"port"`
	Proto    string `json:"proto"`
	jsonTotals
}

// MarshalJSON writes times in milliseconds since 1970 and durations in milliseconds.
func (r *Report) MarshalJSON() ([]byte, error) {
	type list struct {
		Lines []Line `json:"lines"`
		More  int    `json:"more"`
	}
	millis := func(t time.Time) *int64 {
		if t.IsZero() {
			return nil
		}
		ms := t.UnixMilli()
		return &ms
	}
	notables := func(of []Notable) []jsonNotable {
		all := make([]jsonNotable, 0, len(of))
		for _, n := range of {
			all = append(all, jsonNotable{n.Provider, n.Destination, n.Process, n.Port, n.Proto, toJSON(n.Totals)})
		}
		return all
	}
	var newSince *int64
	if r.KnowsNew {
		newSince = millis(r.NewSince)
	}
	return json.Marshal(struct {
		Since     *int64        `json:"since"`
		Until     *int64        `json:"until"`
		RunID     string        `json:"run_id,omitempty"`
		Session   string        `json:"session,omitempty"`
		Total     jsonTotals    `json:"total"`
		Providers list          `json:"providers"`
		Domains   list          `json:"domains"`
		Processes list          `json:"processes"`
		Ports     list          `json:"ports"`
		NewSince  *int64        `json:"new_since"`
		New       []string      `json:"new_destinations"`
		NewMore   int           `json:"new_destinations_more"`
		Longest   []jsonNotable `json:"longest"`
		MostBytes []jsonNotable `json:"most_bytes"`
	}{
		millis(r.Since), millis(r.Until), r.Run.ID, r.Run.Session, toJSON(r.Whole), list(r.Providers), list(r.Domains), list(r.Processes), list(r.Ports),
		newSince, append([]string{}, r.New...), r.NewMore, notables(r.Longest), notables(r.MostBytes),
	})
}
