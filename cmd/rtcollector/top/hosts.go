package top

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/tsread"
	"github.com/rtcollector/rtcollector/internal/units"
)

// hostRow is what the list shows of a host. Values that do not exist are NaN.
type hostRow struct {
	name                         string
	seen                         time.Time
	cpu                          []float64 // percent, over the span
	cpuNow, memory, disk         float64   // percent
	received, sent, load, uptime float64   // bytes per second, load, seconds
	concern                      string    // why the host needs a look; "": it does not
	silent                       bool
}

// A host is silent if its newest sample is older than three of its intervals, and at least as old as minSilence.
const minSilence = 90 * time.Second

func silenceAfter(interval time.Duration) time.Duration { return max(minSilence, 3*interval) }

// intervalWindow is how far back the interval of a host is looked for.
const intervalWindow = time.Hour

// readIntervals returns the time between two samples of hosts. It reads those that were not known before.
func (s *source) readIntervals(ctx context.Context, hosts []tsread.Data) (map[string]time.Duration, error) {
	s.mu.Lock() // an earlier reading may still run
	defer s.mu.Unlock()
	var ranges []tsread.Range
	var names []string
	for _, h := range hosts {
		if name := h.Labels["host"]; s.intervals[name] == 0 {
			last := h.Samples[0].Time
			names = append(names, name)
			ranges = append(ranges, tsread.Range{Key: h.Key, From: last - intervalWindow.Milliseconds(), To: last, Limit: 2})
		}
	}
	samples, err := s.reader.Samples(ctx, ranges, nil)
	for i, found := range samples {
		if len(found) == 2 {
			s.intervals[names[i]] = time.Duration(found[1].Time-found[0].Time) * time.Millisecond
		}
	}
	return maps.Clone(s.intervals), err
}

// The queries of the list of hosts.
const (
	cpuQuery     = `cpu_usage_active{core="cpu-total"}`
	memoryQuery  = `mem_used_percent`
	diskQuery    = `disk_used_percent`
	receiveQuery = `sum by (host) (net_rx_bytes_rate{iface!="lo"})`
	sendQuery    = `sum by (host) (net_tx_bytes_rate{iface!="lo"})`
	loadQuery    = `system_load1`
	uptimeQuery  = `system_uptime`
	// fullQuery returns in how many seconds a file system is full if it continues like in the last three hours.
	fullQuery = `-(disk_free / deriv(disk_free[3h])) > 0 < 14 * 86400 and on (host, mount) disk_used_percent > 50`
)

// readHosts reads the list of hosts, those that need a look first.
func (s *source) readHosts(ctx context.Context, now time.Time, over span) ([]hostRow, error) {
	live, err := s.reader.Latest(ctx, "type=host")
	if err != nil {
		return nil, err
	}
	intervals, err := s.readIntervals(ctx, live)
	if err != nil {
		return nil, err
	}
	cpu, cpuNow := &reading{expr: cpuQuery, ranged: true}, &reading{expr: cpuQuery}
	memory, disk, load, uptime := &reading{expr: memoryQuery}, &reading{expr: diskQuery}, &reading{expr: loadQuery}, &reading{expr: uptimeQuery}
	received, sent, full := &reading{expr: receiveQuery}, &reading{expr: sendQuery}, &reading{expr: fullQuery}
	if err := s.read(ctx, now, over, cpu, cpuNow, memory, disk, load, uptime, received, sent, full); err != nil {
		return nil, err
	}
	rows := make([]hostRow, len(live))
	lines, valueOf := cpu.byLabel("host"), func(r *reading) func(string) float64 {
		all := r.byLabel("host")
		return func(host string) float64 {
			if found, ok := all[host]; ok {
				return found.last()
			}
			return units.Missing
		}
	}
	cpus, memories, loads, uptimes := valueOf(cpuNow), valueOf(memory), valueOf(load), valueOf(uptime)
	rx, tx := valueOf(received), valueOf(sent)
	for i, l := range live {
		host := l.Labels["host"]
		rows[i] = hostRow{
			name: host, seen: time.UnixMilli(l.Samples[0].Time), cpuNow: cpus(host), memory: memories(host), disk: largest(disk, host),
			received: rx(host), sent: tx(host), load: loads(host), uptime: uptimes(host),
		}
		if line, ok := lines[host]; ok {
			rows[i].cpu = line.values
		}
		rows[i].findConcern(now, silenceAfter(intervals[host]), full)
	}
	slices.SortFunc(rows, func(a, b hostRow) int {
		if (a.concern == "") != (b.concern == "") {
			return strings.Compare(b.concern, a.concern) // those without a concern last
		}
		return strings.Compare(a.name, b.name)
	})
	return rows, nil
}

// largest returns the largest value among the series of a host.
func largest(r *reading, host string) float64 {
	most := units.Missing
	for _, s := range r.series {
		if s.labels.Get("host") == host && !(s.last() <= most) {
			most = s.last()
		}
	}
	return most
}

// findConcern decides whether a host needs a look, and why.
func (h *hostRow) findConcern(now time.Time, silence time.Duration, full *reading) {
	soonest := math.Inf(1)
	for _, s := range full.series {
		if left := s.last(); s.labels.Get("host") == h.name && left < soonest {
			soonest = left
			h.concern = fmt.Sprintf("%s full in %s", s.labels.Get("mount"), units.Coarse(left))
		}
	}
	switch age := now.Sub(h.seen); {
	case age > silence:
		h.silent = true
		h.concern = "silent for " + units.Coarse(age.Round(time.Second).Seconds())
	case h.disk >= 95 && h.concern == "":
		h.concern = "disk " + units.Percent(h.disk) + " full"
	case h.memory >= 95 && h.concern == "":
		h.concern = "memory " + units.Percent(h.memory) + " used"
	}
}
