package cli

import (
	"context"
	"slices"
	"strings"

	"github.com/rtcollector/rtcollector/internal/tskey"
	"github.com/rtcollector/rtcollector/internal/tsread"
)

// latest holds the newest value of every series of one host, by metric, as Redis has it.
type latest map[string][]point

// point is the newest value of one series.
type point struct {
	instance string // value of its instance label, "" if it has none
	value    float64
}

// isInstance reports whether a label tells the rows of the live table apart.
func isInstance(label string) bool {
	switch label {
	case "core", "iface", "device", "mount":
		return true
	}
	return false
}

// readLatest reads the newest value of every series of a host.
func readLatest(ctx context.Context, r *tsread.Reader, host string) (latest, error) {
	all, err := r.Latest(ctx, tsread.Equal("host", host), tskey.NameLabel+"!=")
	l := latest{}
	for _, d := range all {
		p := point{value: d.Samples[0].Value}
		for label, value := range d.Labels {
			if isInstance(label) {
				p.instance = value
			}
		}
		l[d.Name()] = append(l[d.Name()], p)
	}
	for _, points := range l {
		slices.SortFunc(points, func(a, b point) int { return strings.Compare(a.instance, b.instance) })
	}
	return l, err
}

// one returns the value of a metric without instances, or of one instance; [missing] if it does not exist yet.
func (l latest) one(name, instance string) float64 {
	for _, p := range l[name] {
		if p.instance == instance {
			return p.value
		}
	}
	return missing
}

// instances returns the instances of a metric, sorted.
func (l latest) instances(name string) []string {
	var all []string
	for _, p := range l[name] {
		all = append(all, p.instance)
	}
	return all
}
