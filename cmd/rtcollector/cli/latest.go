package cli

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// latest is the newest value of every series of one host, as Redis has it.
type latest map[string][]point // by __name__

// point is the newest value of one series.
type point struct {
	instance string // value of its instance label, "" if it has none
	value    float64
}

// isInstance says whether a label tells the rows of the live table apart.
func isInstance(label string) bool {
	switch label {
	case "core", "iface", "device", "mount":
		return true
	}
	return false
}

// readLatest asks Redis for the newest value of every series of a host.
func readLatest(ctx context.Context, client *redis.Client, host string) (latest, error) {
	reply, err := client.Do(ctx, "TS.MGET", "WITHLABELS", "FILTER", "host="+host, "__name__!=").Slice()
	if err != nil {
		return nil, err
	}
	l := latest{}
	for _, entry := range reply {
		name, p, ok := parsePoint(entry)
		if ok {
			l[name] = append(l[name], p)
		}
	}
	for _, points := range l {
		slices.SortFunc(points, func(a, b point) int { return strings.Compare(a.instance, b.instance) })
	}
	return l, nil
}

// parsePoint reads one entry of a TS.MGET reply: [key, [[label, value], …], [time, value]].
func parsePoint(entry any) (name string, p point, ok bool) {
	fields, _ := entry.([]any)
	if len(fields) != 3 {
		return "", p, false
	}
	labels, _ := fields[1].([]any)
	for _, label := range labels {
		pair, _ := label.([]any)
		if len(pair) != 2 {
			continue
		}
		key, value := fmt.Sprint(pair[0]), fmt.Sprint(pair[1])
		if key == "__name__" {
			name = value
		}
		if isInstance(key) {
			p.instance = value
		}
	}
	sample, _ := fields[2].([]any)
	if len(sample) != 2 {
		return "", p, false
	}
	v, err := strconv.ParseFloat(fmt.Sprint(sample[1]), 64)
	p.value = v
	return name, p, err == nil && name != ""
}

// one returns the value of a metric without instances, or of one instance; [missing] when it does not exist yet.
func (l latest) one(name, instance string) float64 {
	for _, p := range l[name] {
		if p.instance == instance {
			return p.value
		}
	}
	return missing
}

// instances are the instances of a metric, sorted.
func (l latest) instances(name string) []string {
	var all []string
	for _, p := range l[name] {
		all = append(all, p.instance)
	}
	return all
}
