package cli

import (
	"context"
	"slices"
	"strings"

	"github.com/rtcollector/rtcollector/internal/tskey"
	"github.com/rtcollector/rtcollector/internal/tsread"
)

// latestValues holds the newest value of every series of one host, by metric, as stored in Redis.
type latestValues map[string][]latestValue

// latestValue is the newest value of one series.
type latestValue struct {
	instance string // value of the instance label; "" without one
	value    float64
}

// isInstanceLabel reports whether a label distinguishes rows of the live table.
func isInstanceLabel(label string) bool {
	switch label {
	case "core", "iface", "device", "mount":
		return true
	}
	return false
}

// readLatest reads the newest value of every series of a host.
func readLatest(ctx context.Context, r *tsread.Reader, host string) (latestValues, error) {
	all, err := r.Latest(ctx, tsread.Equal("host", host), tskey.NameLabel+"!=")
	l := latestValues{}
	for _, d := range all {
		p := latestValue{value: d.Samples[0].Value}
		for label, value := range d.Labels {
			if isInstanceLabel(label) {
				p.instance = value
			}
		}
		l[d.Name()] = append(l[d.Name()], p)
	}
	for _, points := range l {
		slices.SortFunc(points, func(a, b latestValue) int { return strings.Compare(a.instance, b.instance) })
	}
	return l, err
}

// value returns the value of one instance of a metric, or [missing] if it does not exist yet. Metrics without instances have the
// instance "".
func (l latestValues) value(name, instance string) float64 {
	for _, p := range l[name] {
		if p.instance == instance {
			return p.value
		}
	}
	return missing
}

// instances returns the instances of a metric, sorted.
func (l latestValues) instances(name string) []string {
	var all []string
	for _, p := range l[name] {
		all = append(all, p.instance)
	}
	return all
}
