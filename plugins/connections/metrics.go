package connections

import (
	"cmp"
	"slices"

	"github.com/rtcollector/rtcollector/internal/connlog"
	"github.com/rtcollector/rtcollector/internal/metric"
	"github.com/rtcollector/rtcollector/internal/remotename"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// series are the input's series.
type series struct {
	byKey      *telemetry.Vec[totalsKey, keySeries]
	byProvider *telemetry.Vec[string, byteSeries]
	byDomain   *telemetry.Vec[string, domainSeries]
	alerts     *telemetry.Vec[string, telemetry.Total]
	suppressed *telemetry.Vec[string, telemetry.Total]
	programs   *telemetry.Vec[string, programSeries]

	missed        *telemetry.Total
	tracked       *telemetry.Series
	processes     *telemetry.Series
	conversations *telemetry.Series
	names         nameSeries
	topDomains    int
}

// nameSeries are the series about the names of remote ends.
type nameSeries struct {
	lookups, failures         *telemetry.Total
	packets, dropped, unusual *telemetry.Total // of a capture
}

type keySeries struct {
	active, peak           *telemetry.Series
	opened, closed, failed *telemetry.Total
}

type byteSeries struct{ tx, rx *telemetry.Total }

type domainSeries struct{ active *telemetry.Series }

type programSeries struct{ runs, time *telemetry.Total }

func label(name, value string) telemetry.Label {
	return telemetry.Label{Key: name, Value: metric.LabelValue(value, 200)}
}

func newSeries(f *telemetry.Factory, c *Config) *series {
	return &series{
		byKey: telemetry.NewVec(f, func(f *telemetry.Factory, k totalsKey) keySeries {
			labels := []telemetry.Label{label("provider", k.provider), label("proto", k.proto)}
			return keySeries{
				active: f.Gauge("connections_active", telemetry.None, labels...), peak: f.Gauge("connections_peak", telemetry.None, labels...),
				opened: f.Counter("connections_opened", telemetry.None, labels...), closed: f.Counter("connections_closed", telemetry.None, labels...),
				failed: f.Counter("connections_failed", telemetry.None, labels...),
			}
		}),
		byProvider: telemetry.NewVec(f, func(f *telemetry.Factory, provider string) byteSeries {
			l := label("provider", provider)
			return byteSeries{f.Counter("connections_tx_bytes", telemetry.Bytes, l), f.Counter("connections_rx_bytes", telemetry.Bytes, l)}
		}),
		byDomain: telemetry.NewVec(f, func(f *telemetry.Factory, domain string) domainSeries {
			return domainSeries{f.Gauge("connections_by_domain", telemetry.None, label("domain", domain))}
		}),
		alerts:        kindCounters(f, "connections_alerts"),
		suppressed:    kindCounters(f, "connections_alerts_suppressed"),
		missed:        f.Counter("connections_missed", telemetry.None),
		tracked:       f.Gauge("connections_tracked", telemetry.None),
		processes:     f.Gauge("connections_processes", telemetry.None),
		conversations: f.Gauge("connections_conversations", telemetry.None),
		programs: telemetry.NewVec(f, func(f *telemetry.Factory, program string) programSeries {
			l := label("program", program)
			return programSeries{f.Counter("connections_program_runs", telemetry.None, l), f.Counter("connections_program_time", telemetry.Seconds, l)}
		}),
		names:      newNameSeries(f, c),
		topDomains: c.TopDomains,
	}
}

func newNameSeries(f *telemetry.Factory, c *Config) (n nameSeries) {
	if c.Domains == domainsOff {
		return n
	}
	n.lookups, n.failures = f.Counter("connections_lookups", telemetry.None), f.Counter("connections_lookups_failed", telemetry.None)
	if c.Domains == domainsCapture {
		n.packets, n.dropped = f.Counter("connections_captured", telemetry.None), f.Counter("connections_captured_dropped", telemetry.None)
		n.unusual = f.Counter("connections_captured_malformed", telemetry.None)
	}
	return n
}

// addSamples reports what finding names took.
func (n *nameSeries) addSamples(names remotename.Namer, out *telemetry.Batch) {
	if names == nil {
		return
	}
	stats := names.Stats()
	n.lookups.Add(out, float64(stats.PTRQueries))
	n.failures.Add(out, float64(stats.PTRFailures+stats.PTRRejected))
	if n.packets != nil {
		n.packets.Add(out, float64(stats.Packets))
		n.dropped.Add(out, float64(stats.Dropped))
		n.unusual.Add(out, float64(stats.Malformed))
	}
}

func kindCounters(f *telemetry.Factory, name string) *telemetry.Vec[string, telemetry.Total] {
	return telemetry.NewVec(f, func(f *telemetry.Factory, kind string) telemetry.Total {
		return *f.Counter(name, telemetry.None, label("kind", kind))
	})
}

// addSamples reports what the tracker has counted.
func (s *series) addSamples(in *input, out *telemetry.Batch) {
	t := in.tracker
	bytes := map[string]totals{}
	for key, sum := range t.totals {
		k := s.byKey.Get(key)
		out.Add(k.active, float64(sum.active))
		out.Add(k.peak, float64(sum.peak))
		sum.peak = sum.active
		k.opened.Add(out, float64(sum.opened))
		k.closed.Add(out, float64(sum.closed))
		k.failed.Add(out, float64(sum.failed))
		b := bytes[key.provider]
		b.tx, b.rx = b.tx+sum.tx, b.rx+sum.rx
		bytes[key.provider] = b
	}
	for provider, b := range bytes {
		p := s.byProvider.Get(provider)
		p.tx.Add(out, float64(b.tx))
		p.rx.Add(out, float64(b.rx))
	}
	for _, d := range topDomains(t, s.topDomains) {
		out.Add(s.byDomain.Get(d.name).active, float64(d.active))
	}
	for _, kind := range alertKinds() {
		s.alerts.Get(kind).Add(out, float64(t.alerts.raised[kind]))
		s.suppressed.Get(kind).Add(out, float64(t.alerts.suppressed[kind]))
	}
	out.Add(s.tracked, float64(len(t.open)))
	out.Add(s.processes, float64(t.processes.Len()))
	s.names.addSamples(t.names, out)
	s.addKernel(in, out)
	s.byKey.Sweep(out)
	s.byProvider.Sweep(out)
	s.byDomain.Sweep(out)
	s.programs.Sweep(out)
}

// addKernel reports what the eBPF programs lost and cost.
func (s *series) addKernel(in *input, out *telemetry.Batch) {
	missed := in.tracker.missed + in.tracker.droppedEvents
	if in.observer != nil {
		if lost, err := in.observer.Lost(); err == nil {
			missed += lost.Events + lost.Conversations
		}
		out.Add(s.conversations, float64(len(in.kernel.conversations)))
		if in.config.MeasureTime {
			s.addPrograms(in, out)
		}
	}
	s.missed.Add(out, float64(missed))
}

func (s *series) addPrograms(in *input, out *telemetry.Batch) {
	usage, err := in.observer.Usage()
	if err != nil {
		in.env.Log.Debug("the cost of the eBPF programs is unknown", "error", err)
		return
	}
	for _, u := range usage {
		p := s.programs.Get(u.Program)
		p.runs.Add(out, float64(u.Runs))
		p.time.Add(out, u.Time.Seconds())
	}
}

type domainCount struct {
	name   string
	active int
}

// topDomains returns the domains with the most open connections.
func topDomains(t *tracker, n int) []domainCount {
	if n == 0 {
		return nil
	}
	counts := map[string]int{}
	for c := range t.open {
		if c.name.Name != "" && c.direction != connlog.Listen {
			counts[c.name.Name]++
		}
	}
	all := make([]domainCount, 0, len(counts))
	for name, active := range counts {
		all = append(all, domainCount{name, active})
	}
	slices.SortFunc(all, func(a, b domainCount) int { return cmp.Or(b.active-a.active, cmp.Compare(a.name, b.name)) })
	return all[:min(n, len(all))]
}
