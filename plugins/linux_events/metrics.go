package linuxevents

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/rtcollector/rtcollector/internal/bpf"
	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/metric"
	"github.com/rtcollector/rtcollector/internal/scan"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

// series are the input's series.
type series struct {
	config *Config

	latency  *telemetry.Vec[latencyKey, latencySeries]
	runQueue *telemetry.Vec[string, histogram] // one entry, "", once it is measured

	retransmits, resetsSent, resetsReceived *telemetry.Vec[string, telemetry.Total] // by family

	forks, execs, exits, oomKills *telemetry.Total
	failures                      *telemetry.Vec[string, telemetry.Total] // by reason

	lost     *telemetry.Vec[string, telemetry.Total]
	maps     *telemetry.Vec[string, mapSeries]
	programs *telemetry.Vec[string, programSeries]
}

type latencyKey struct{ device, op string }

type latencySeries struct {
	excluded bool
	histogram
}

type mapSeries struct{ entries, capacity *telemetry.Series }

type programSeries struct{ runs, time *telemetry.Total }

// The bounds that have series: disks are not faster than the first, and threads seldom wait longer than a second.
const (
	leastLatency, mostLatency = 10 * time.Microsecond, 10 * time.Second
	leastWait, mostWait       = time.Microsecond, time.Second
)

func newSeries(f *telemetry.Factory, c *Config) *series {
	return &series{
		config: c,
		latency: telemetry.NewVec(f, func(f *telemetry.Factory, k latencyKey) latencySeries {
			if !c.includesDevice(k.device) {
				return latencySeries{excluded: true}
			}
			return latencySeries{histogram: newHistogram(f, "block_latency", leastLatency, mostLatency, label("device", k.device), label("op", k.op))}
		}),
		runQueue: telemetry.NewVec(f, func(f *telemetry.Factory, _ string) histogram {
			return newHistogram(f, "run_queue_latency", leastWait, mostWait)
		}),
		retransmits: counters(f, "tcp_retransmits", "family"), resetsSent: counters(f, "tcp_resets_sent", "family"),
		resetsReceived: counters(f, "tcp_resets_received", "family"),
		forks:          f.Counter("process_forks", telemetry.None), execs: f.Counter("process_execs", telemetry.None),
		exits: f.Counter("process_exits", telemetry.None), oomKills: f.Counter("process_oom_kills", telemetry.None),
		failures: counters(f, "process_failures", "reason"),
		lost:     counters(f, "linux_events_lost", "what"),
		maps: telemetry.NewVec(f, func(f *telemetry.Factory, name string) mapSeries {
			l := label("map", name)
			return mapSeries{f.Gauge("linux_events_map_entries", telemetry.None, l), f.Gauge("linux_events_map_capacity", telemetry.None, l)}
		}),
		programs: telemetry.NewVec(f, func(f *telemetry.Factory, name string) programSeries {
			l := label("program", name)
			return programSeries{f.Counter("linux_events_program_runs", telemetry.None, l), f.Counter("linux_events_program_time", telemetry.Seconds, l)}
		}),
	}
}

func label(name, value string) telemetry.Label {
	return telemetry.Label{Key: name, Value: metric.LabelValue(value, 200)}
}

// counters are counters of one name that a label tells apart.
func counters(f *telemetry.Factory, name, key string) *telemetry.Vec[string, telemetry.Total] {
	return telemetry.NewVec(f, func(f *telemetry.Factory, value string) telemetry.Total {
		return *f.Counter(name, telemetry.None, label(key, value))
	})
}

// addSamples reports what the eBPF programs have measured.
func (in *input) addSamples(out *telemetry.Batch) error {
	s := in.series
	err := errors.Join(s.addLatencies(in.meter, in.proc.diskstats, out), s.addTCP(in.meter, out))
	if in.config.RunQueue {
		waits, readErr := in.meter.RunQueue()
		if err = errors.Join(err, readErr); readErr == nil {
			s.runQueue.Get("").addSamples(out, &waits)
		}
	}
	s.addProcesses(&in.processes, out)
	return errors.Join(err, s.addOwn(in, out))
}

// addLatencies reports the latencies of disks. What is measured of one that is gone is forgotten.
func (s *series) addLatencies(m meter, diskstats *hostfs.File, out *telemetry.Batch) error {
	data, err := diskstats.Read()
	if err != nil {
		return fmt.Errorf("find the names of disks: %w", err)
	}
	names := diskNames(data)
	err = m.BlockLatency(func(l *bpf.BlockLatency) (forget bool) {
		name := names[l.Disk]
		if name == "" {
			return true
		}
		if h := s.latency.Get(latencyKey{name, l.Op.String()}); !h.excluded {
			h.addSamples(out, &l.Histogram)
		}
		return false
	})
	s.latency.Sweep(out)
	return err
}

// diskNames returns the names of all disks and partitions in /proc/diskstats.
func diskNames(data []byte) map[bpf.Disk]string {
	names := map[bpf.Disk]string{}
	for line := range bytes.Lines(data) {
		major, rest := scan.CutField(line)
		minor, rest := scan.CutField(rest)
		name, _ := scan.CutField(rest)
		a, okMajor := scan.ParseUint(major)
		b, okMinor := scan.ParseUint(minor)
		if okMajor && okMinor && a <= math.MaxUint32 && b <= math.MaxUint32 && len(name) > 0 {
			names[bpf.Disk{Major: uint32(a), Minor: uint32(b)}] = string(name)
		}
	}
	return names
}

func (s *series) addTCP(m meter, out *telemetry.Batch) error {
	tcp, err := m.TCP()
	if err != nil {
		return err
	}
	addFamilies(s.retransmits, tcp.Retransmits, out)
	if m.HasResets() {
		addFamilies(s.resetsSent, tcp.ResetsSent, out)
		addFamilies(s.resetsReceived, tcp.ResetsReceived, out)
	}
	return nil
}

func addFamilies(v *telemetry.Vec[string, telemetry.Total], n bpf.ByFamily, out *telemetry.Batch) {
	v.Get("ipv4").Add(out, float64(n.IPv4))
	v.Get("ipv6").Add(out, float64(n.IPv6))
}

func (s *series) addProcesses(p *processes, out *telemetry.Batch) {
	s.forks.Add(out, float64(p.forks))
	s.execs.Add(out, float64(p.execs))
	s.exits.Add(out, float64(p.exits))
	s.oomKills.Add(out, float64(p.oomKills))
	s.failures.Get("code").Add(out, float64(p.failedCode))
	s.failures.Get("signal").Add(out, float64(p.failedSignal))
}

// addOwn reports what the programs lost and cost.
func (s *series) addOwn(in *input, out *telemetry.Batch) error {
	lost, err := in.meter.Lost()
	if err != nil {
		return err
	}
	for what, n := range map[string]uint64{
		"events": lost.Events + in.processes.droppedEvents, "requests": lost.Requests, "latencies": lost.Latencies, "waits": lost.Waits,
		"skipped": lost.Skipped,
	} {
		s.lost.Get(what).Add(out, float64(n))
	}
	fill, err := in.meter.Fill()
	for _, f := range fill {
		m := s.maps.Get(f.Map)
		out.Add(m.entries, float64(f.Entries))
		out.Add(m.capacity, float64(f.Capacity))
	}
	s.maps.Sweep(out)
	if in.config.MeasureTime {
		err = errors.Join(err, s.addPrograms(in.meter, out))
	}
	return err
}

func (s *series) addPrograms(m meter, out *telemetry.Batch) error {
	usage, err := m.Usage()
	for _, u := range usage {
		p := s.programs.Get(u.Program)
		p.runs.Add(out, float64(u.Runs))
		p.time.Add(out, u.Time.Seconds())
	}
	s.programs.Sweep(out)
	return err
}

var _ plugins.Opener = (*input)(nil)
