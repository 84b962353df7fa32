package web

import (
	"cmp"
	"context"
	"net/http"
	"slices"

	"github.com/rtcollector/rtcollector/internal/tskey"
	"github.com/rtcollector/rtcollector/internal/tsread"
)

// host is a host whose agent writes, or has written, to Redis.
type host struct {
	Host     string            `json:"host"`
	LastSeen float64           `json:"last_seen"` // seconds since 1970
	Tags     map[string]string `json:"tags"`
}

// aliveMatcher selects the liveness series of all hosts. Older agents gave them no name.
const aliveMatcher = "type=host"

// taggedMatcher selects series that most hosts have and whose labels are the user's tags besides the usual ones.
const taggedMatcher = tskey.NameLabel + "=(system_uptime,system_load1,internal_goroutines)"

func (s *Server) serveHosts(w http.ResponseWriter, r *http.Request) {
	hosts, err := s.readHosts(r.Context())
	if err != nil {
		writeStoreError(w, err)
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"hosts": hosts, "warnings": []string{}})
}

func (s *Server) readHosts(ctx context.Context) ([]host, error) {
	c, err := s.store.open(ctx)
	if err != nil {
		return nil, err
	}
	alive, err := c.reader.Latest(ctx, aliveMatcher)
	if err != nil {
		return nil, unavailable(ctx, err)
	}
	tagged, err := c.reader.List(ctx, taggedMatcher)
	if err != nil {
		return nil, unavailable(ctx, err)
	}
	tags := map[string]map[string]string{}
	for _, t := range tagged {
		tags[t.Labels["host"]] = mergeTags(tags[t.Labels["host"]], t)
	}
	newest := map[string]host{}
	for _, d := range alive {
		name := d.Labels["host"]
		seen := float64(d.Samples[0].Time) / 1000
		if h, known := newest[name]; name != "" && (!known || h.LastSeen < seen) {
			newest[name] = host{Host: name, LastSeen: seen, Tags: mergeTags(tags[name], d.Series)}
		}
	}
	hosts := make([]host, 0, len(newest))
	for _, h := range newest {
		hosts = append(hosts, h)
	}
	slices.SortFunc(hosts, func(a, b host) int { return cmp.Compare(a.Host, b.Host) })
	return hosts, nil
}

// mergeTags adds the labels of a series that are tags of the user.
func mergeTags(tags map[string]string, s tsread.Series) map[string]string {
	if tags == nil {
		tags = map[string]string{}
	}
	for name, value := range s.Labels {
		switch name {
		case tskey.NameLabel, "host", "source", "unit", "type", "agg", "bucket":
		default:
			tags[name] = value
		}
	}
	return tags
}
