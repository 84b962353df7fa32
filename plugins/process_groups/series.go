package processgroups

import (
	"fmt"
	"time"

	"github.com/rtcollector/rtcollector/internal/bpf"
	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/metric"
	"github.com/rtcollector/rtcollector/internal/procusage"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

// seriesSet are the series of the input.
type seriesSet struct {
	fs       hostfs.Root
	groups   *telemetry.Vec[procusage.Key, groupSeries]
	programs *telemetry.Vec[string, programSeries]
	maps     *telemetry.Vec[string, mapSeries]
	devices  map[bpf.Disk]string // names
	needs    procusage.Needs     // of the metrics that the user wants

	read, unreadable, unmeasured, age, took *telemetry.Series
	lost                                    *telemetry.Total
}

// groupSeries are the series of a group.
type groupSeries struct {
	count, threads, fds, rss, pss, uss, swap *telemetry.Series
	counters                                 [procusage.NumCounters]*telemetry.Total
	disks                                    *telemetry.Vec[string, diskSeries]
	states                                   *telemetry.Vec[string, stateSeries]
}

type diskSeries struct{ readBytes, writeBytes, reads, writes *telemetry.Total }

type stateSeries struct{ connections *telemetry.Series }

type programSeries struct{ runs, time *telemetry.Total }

type mapSeries struct{ entries, capacity *telemetry.Series }

// counterMetric is the metric of a counter.
type counterMetric struct {
	name string
	unit telemetry.Unit
}

func counterMetrics() [procusage.NumCounters]counterMetric {
	return [procusage.NumCounters]counterMetric{
		procusage.UserCPU:             {"process_group_cpu_user", telemetry.Seconds},
		procusage.SystemCPU:           {"process_group_cpu_system", telemetry.Seconds},
		procusage.VoluntarySwitches:   {"process_group_context_switches_voluntary", telemetry.None},
		procusage.InvoluntarySwitches: {"process_group_context_switches_involuntary", telemetry.None},
		procusage.MinorFaults:         {"process_group_faults_minor", telemetry.None},
		procusage.MajorFaults:         {"process_group_faults_major", telemetry.None},
		procusage.ReadBytes:           {"process_group_read_bytes", telemetry.Bytes},
		procusage.WriteBytes:          {"process_group_write_bytes", telemetry.Bytes},
		procusage.ReadCalls:           {"process_group_read_calls", telemetry.None},
		procusage.WriteCalls:          {"process_group_write_calls", telemetry.None},
		procusage.RxBytes:             {"process_group_net_rx_bytes", telemetry.Bytes},
		procusage.TxBytes:             {"process_group_net_tx_bytes", telemetry.Bytes},
		procusage.Starts:              {"process_group_starts", telemetry.None},
		procusage.OOMKills:            {"process_group_oom_kills", telemetry.None},
	}
}

func newSeriesSet(env plugins.Env) *seriesSet {
	f := env.Factory
	s := &seriesSet{
		fs:         env.FS,
		devices:    map[bpf.Disk]string{},
		groups:     telemetry.NewVec(f, newGroupSeries),
		read:       f.Gauge("process_groups_processes", telemetry.None),
		unreadable: f.Gauge("process_groups_unreadable", telemetry.None),
		unmeasured: f.Gauge("process_groups_pss_missing", telemetry.None),
		age:        f.Gauge("process_groups_pss_age", telemetry.Seconds),
		took:       f.Gauge("process_groups_read_time", telemetry.Seconds),
		lost:       f.Counter("process_groups_lost", telemetry.None),
	}
	s.programs = telemetry.NewVec(f, func(f *telemetry.Factory, program string) programSeries {
		l := telemetry.Label{Key: "program", Value: program}
		return programSeries{f.Counter("process_groups_program_runs", telemetry.None, l), f.Counter("process_groups_program_time", telemetry.Seconds, l)}
	})
	s.maps = telemetry.NewVec(f, func(f *telemetry.Factory, name string) mapSeries {
		l := telemetry.Label{Key: "map", Value: name}
		return mapSeries{f.Gauge("process_groups_map_entries", telemetry.None, l), f.Gauge("process_groups_map_capacity", telemetry.None, l)}
	})
	probe := newGroupSeries(f, procusage.Key{Group: "g", Subgroup: "s"})
	s.needs = probe.needs()
	return s
}

// labelsOf returns the labels of a group. Empty ones are left out.
func labelsOf(k procusage.Key) []telemetry.Label {
	labels := []telemetry.Label{{Key: "group", Value: k.Group}, {Key: "subgroup", Value: k.Subgroup}}
	for _, l := range []telemetry.Label{{Key: "unit", Value: k.Unit}, {Key: "cgroup", Value: k.Cgroup}, {Key: "container", Value: k.Container}} {
		labels = append(labels, telemetry.Label{Key: l.Key, Value: metric.LabelValue(l.Value, 200)})
	}
	return labels
}

func newGroupSeries(f *telemetry.Factory, k procusage.Key) groupSeries {
	labels := labelsOf(k)
	with := func(name, value string) []telemetry.Label {
		return append(append([]telemetry.Label(nil), labels...), telemetry.Label{Key: name, Value: value})
	}
	g := groupSeries{
		count:   f.Gauge("process_group_count", telemetry.None, labels...),
		threads: f.Gauge("process_group_threads", telemetry.None, labels...),
		fds:     f.Gauge("process_group_fds", telemetry.None, labels...),
		rss:     f.Gauge("process_group_rss", telemetry.Bytes, labels...),
		pss:     f.Gauge("process_group_pss", telemetry.Bytes, labels...),
		uss:     f.Gauge("process_group_uss", telemetry.Bytes, labels...),
		swap:    f.Gauge("process_group_swap", telemetry.Bytes, labels...),
	}
	for c, m := range counterMetrics() {
		g.counters[c] = f.Counter(m.name, m.unit, labels...)
	}
	g.disks = telemetry.NewVec(f, func(f *telemetry.Factory, device string) diskSeries {
		l := with("device", device)
		return diskSeries{
			f.Counter("process_group_block_read_bytes", telemetry.Bytes, l...), f.Counter("process_group_block_write_bytes", telemetry.Bytes, l...),
			f.Counter("process_group_block_reads", telemetry.Operations, l...), f.Counter("process_group_block_writes", telemetry.Operations, l...),
		}
	})
	g.states = telemetry.NewVec(f, func(f *telemetry.Factory, state string) stateSeries {
		return stateSeries{f.Gauge("process_group_connections", telemetry.None, with("state", state)...)}
	})
	return g
}

// needs returns what must be read for the series that the user wants.
func (g *groupSeries) needs() procusage.Needs {
	wants := func(counters ...procusage.Counter) bool {
		for _, c := range counters {
			if g.counters[c].IsWanted() {
				return true
			}
		}
		return false
	}
	return procusage.Needs{
		Switches: wants(procusage.VoluntarySwitches, procusage.InvoluntarySwitches),
		FDs:      g.fds != nil,
		IO:       wants(procusage.ReadBytes, procusage.WriteBytes, procusage.ReadCalls, procusage.WriteCalls),
		Memory:   g.pss != nil || g.uss != nil,
	}
}

// addGroup reports a group. What is not known of all of its processes is left out.
func (in *input) addGroup(out *telemetry.Batch, t *procusage.Totals) {
	if !in.watcher.Wants(t.Key) {
		return
	}
	s, now := in.series.groups.Get(t.Key), &t.Now
	out.Add(s.count, float64(now.Processes))
	out.Add(s.threads, float64(now.Threads))
	if in.series.needs.FDs && now.HasFDs() {
		out.Add(s.fds, float64(now.FDs))
	}
	if now.HasStatus() {
		out.Add(s.rss, float64(now.RSS()))
		out.Add(s.swap, float64(now.Swap))
	}
	if in.config.PSS && in.series.needs.Memory && now.Measured() {
		out.Add(s.pss, float64(now.Memory.PSS))
		out.Add(s.uss, float64(now.Memory.USS))
	}
	for c, total := range s.counters {
		if in.isKnown(procusage.Counter(c), now) {
			value := float64(t.Counters[c])
			if c := procusage.Counter(c); c == procusage.UserCPU || c == procusage.SystemCPU {
				value /= float64(time.Second)
			}
			total.Add(out, value)
		}
	}
	for disk, use := range t.Disks {
		d := s.disks.Get(in.series.deviceName(disk))
		d.readBytes.Add(out, float64(use.ReadBytes))
		d.writeBytes.Add(out, float64(use.WriteBytes))
		d.reads.Add(out, float64(use.Reads))
		d.writes.Add(out, float64(use.Writes))
	}
	s.disks.Sweep(out)
}

// isKnown reports whether a counter covers all processes of a group.
func (in *input) isKnown(c procusage.Counter, now *procusage.Present) bool {
	switch c {
	case procusage.VoluntarySwitches, procusage.InvoluntarySwitches:
		return now.HasStatus()
	case procusage.ReadBytes, procusage.WriteBytes, procusage.ReadCalls, procusage.WriteCalls:
		return now.HasIO()
	case procusage.RxBytes, procusage.TxBytes:
		return in.config.Network && in.watcher.HasNetwork()
	case procusage.OOMKills:
		return in.watcher.Kernel() != nil
	}
	return true
}

// deviceName returns the name of a disk, such as "sda".
func (s *seriesSet) deviceName(d bpf.Disk) string {
	if name, ok := s.devices[d]; ok {
		return name
	}
	name, err := s.fs.BlockDevice(d.Major, d.Minor)
	if err != nil {
		name = fmt.Sprintf("%d:%d", d.Major, d.Minor)
	}
	s.devices[d] = name
	return name
}

// addLook reports what reading the processes took.
func (s *seriesSet) addLook(out *telemetry.Batch, look *procusage.Result) {
	out.Add(s.read, float64(look.Processes))
	out.Add(s.unreadable, float64(look.Unreadable))
	out.Add(s.unmeasured, float64(look.Unmeasured))
	out.Add(s.age, look.Oldest.Seconds())
	out.Add(s.took, look.Took.Seconds())
}

// addPrograms reports what the eBPF programs lost and cost. There are none without rights.
func (s *seriesSet) addPrograms(meter procusage.Meter, measured bool, out *telemetry.Batch) {
	if meter == nil {
		return
	}
	if lost, err := meter.Lost(); err == nil {
		s.lost.Add(out, float64(lost.Events+lost.Traffic+lost.Block+lost.Skipped))
	}
	fill, _ := meter.Fill() // it is missing until it can be read
	for _, m := range fill {
		one := s.maps.Get(m.Map)
		out.Add(one.entries, float64(m.Entries))
		out.Add(one.capacity, float64(m.Capacity))
	}
	if !measured {
		return
	}
	usage, _ := meter.Usage()
	for _, u := range usage {
		p := s.programs.Get(u.Program)
		p.runs.Add(out, float64(u.Runs))
		p.time.Add(out, u.Time.Seconds())
	}
}

func (s *seriesSet) sweep(out *telemetry.Batch) {
	s.groups.Sweep(out)
	s.programs.Sweep(out)
	s.maps.Sweep(out)
}
