package docker

import (
	"slices"
	"strconv"
	"strings"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// usageSeries has the series of the resources that a running container uses.
type usageSeries struct {
	percent, online                                             *telemetry.Series
	memory, limit, memoryPercent, maxUsage, rss, cache, swap    *telemetry.Series
	pids, pidsLimit                                             *telemetry.Series
	cpu, user, system, periods, throttledPeriods, throttledTime *telemetry.Total
	failcnt, majorFaults                                        *telemetry.Total
	blkio                                                       transfers
	interfaces                                                  *telemetry.Vec[string, traffic]
	devices                                                     *telemetry.Vec[device, transfers]
	sums                                                        map[device]*[4]float64 // of one answer

	busyCores telemetry.Rate // of the CPU time: the number of cores in use
}

// traffic are bytes, packets, errors and dropped packets of one interface: received, then sent.
type traffic [8]*telemetry.Total

// transfers are bytes read, bytes written, read operations and write operations.
type transfers [4]*telemetry.Total

// device is the number of a block device.
type device struct{ major, minor uint64 }

func (d device) String() string {
	return strconv.FormatUint(d.major, 10) + ":" + strconv.FormatUint(d.minor, 10)
}

// maxDevices bounds the network interfaces and the block devices of one container.
const maxDevices = 1000

// maxCPUPercent is the CPU time of ten thousand cores, in percent of one core.
const maxCPUPercent = 1e6

func newUsageSeries(f *telemetry.Factory, labels []telemetry.Label) *usageSeries {
	gauge := func(name string, u telemetry.Unit) *telemetry.Series { return f.Gauge("docker_"+name, u, labels...) }
	counter := func(name string, u telemetry.Unit) *telemetry.Total { return f.Counter("docker_"+name, u, labels...) }
	with := func(key, value string) []telemetry.Label {
		return append(slices.Clip(labels), telemetry.Label{Key: key, Value: value})
	}
	return &usageSeries{
		percent:          gauge("cpu_percent", telemetry.Percent).Within(0, maxCPUPercent),
		online:           gauge("cpu_online", telemetry.None),
		memory:           gauge("mem_usage", telemetry.Bytes),
		limit:            gauge("mem_limit", telemetry.Bytes),
		memoryPercent:    gauge("mem_percent", telemetry.Percent),
		maxUsage:         gauge("mem_max_usage", telemetry.Bytes),
		rss:              gauge("mem_rss", telemetry.Bytes),
		cache:            gauge("mem_cache", telemetry.Bytes),
		swap:             gauge("mem_swap", telemetry.Bytes),
		pids:             gauge("pids", telemetry.None),
		pidsLimit:        gauge("pids_limit", telemetry.None),
		cpu:              counter("cpu_usage", telemetry.Seconds),
		user:             counter("cpu_user", telemetry.Seconds),
		system:           counter("cpu_system", telemetry.Seconds),
		periods:          counter("cpu_periods", telemetry.None),
		throttledPeriods: counter("cpu_throttled_periods", telemetry.None),
		throttledTime:    counter("cpu_throttled_time", telemetry.Seconds),
		failcnt:          counter("mem_failcnt", telemetry.None),
		majorFaults:      counter("mem_major_faults", telemetry.None),
		blkio:            newTransfers(f, "docker_blkio_", labels),
		interfaces:       telemetry.NewVec(f, func(f *telemetry.Factory, name string) traffic { return newTraffic(f, with("interface", name)) }).Limit(maxDevices),
		devices: telemetry.NewVec(f, func(f *telemetry.Factory, d device) transfers {
			return newTransfers(f, "docker_blkio_device_", with("device", d.String()))
		}).Limit(maxDevices),
		sums: map[device]*[4]float64{},
	}
}

func newTransfers(f *telemetry.Factory, prefix string, labels []telemetry.Label) transfers {
	return transfers{
		f.Counter(prefix+"read_bytes", telemetry.Bytes, labels...), f.Counter(prefix+"write_bytes", telemetry.Bytes, labels...),
		f.Counter(prefix+"read_ops", telemetry.Operations, labels...), f.Counter(prefix+"write_ops", telemetry.Operations, labels...),
	}
}

func newTraffic(f *telemetry.Factory, labels []telemetry.Label) (t traffic) {
	for i, direction := range []string{"docker_net_rx_", "docker_net_tx_"} {
		t[4*i] = f.Counter(direction+"bytes", telemetry.Bytes, labels...)
		t[4*i+1] = f.Counter(direction+"packets", telemetry.Packets, labels...)
		t[4*i+2] = f.Counter(direction+"errors", telemetry.Packets, labels...)
		t[4*i+3] = f.Counter(direction+"dropped", telemetry.Packets, labels...)
	}
	return t
}

// resetCounters forgets the last readings after a restart of the container, so that the next ones have no rates.
func (u *usageSeries) resetCounters() {
	u.busyCores.Forget()
	for _, t := range []*telemetry.Total{u.cpu, u.user, u.system, u.periods, u.throttledPeriods, u.throttledTime, u.failcnt, u.majorFaults} {
		t.Forget()
	}
	for _, t := range u.blkio {
		t.Forget()
	}
	for _, traffic := range u.interfaces.All() {
		for _, t := range traffic {
			t.Forget()
		}
	}
	for _, transfers := range u.devices.All() {
		for _, t := range transfers {
			t.Forget()
		}
	}
}

func (u *usageSeries) addStats(out *telemetry.Batch, s *stats, windows bool) {
	u.addCPU(out, s, windows)
	u.addMemory(out, &s.Memory)
	if s.Pids.Current > 0 {
		out.Add(u.pids, s.Pids.Current)
	}
	if s.Pids.Limit > 0 && s.Pids.Limit < 1<<63 { // 0 and 2⁶⁴-1 mean no limit
		out.Add(u.pidsLimit, s.Pids.Limit)
	}
	for name, n := range s.Networks {
		t := u.interfaces.Get(name)
		for i, v := range [8]float64{n.RxBytes, n.RxPackets, n.RxErrors, n.RxDropped, n.TxBytes, n.TxPackets, n.TxErrors, n.TxDropped} {
			t[i].Add(out, v)
		}
	}
	u.interfaces.Sweep(out)
	u.addBlkio(out, s)
}

// addCPU appends the CPU time, and the use since the last reading in percent of one core.
func (u *usageSeries) addCPU(out *telemetry.Batch, s *stats, windows bool) {
	used, unit := &s.CPU.Usage, 1e9
	if windows {
		unit = 1e7 // units of 100 ns
	}
	if !isPossibleCount(used.Total) || used.Total == 0 { // 0: the kernel does not measure it; a running container has used some
		return
	}
	u.cpu.Add(out, used.Total/unit)
	if used.User > 0 || used.Kernel > 0 { // otherwise the time is not split
		u.user.Add(out, used.User/unit)
		u.system.Add(out, used.Kernel/unit)
	}
	if cores, ok := u.busyCores.Step(s.Read.Time, used.Total/unit); ok {
		out.Add(u.percent, 100*cores)
	}
	if s.CPU.Online > 0 {
		out.Add(u.online, s.CPU.Online)
	}
	if throttling := s.CPU.Throttling; throttling != nil && !windows {
		u.periods.Add(out, throttling.Periods)
		u.throttledPeriods.Add(out, throttling.ThrottledPeriods)
		u.throttledTime.Add(out, throttling.ThrottledTime/1e9)
	}
}

func (u *usageSeries) addMemory(out *telemetry.Batch, m *memory) {
	if !m.isMeasured() {
		return
	}
	used := m.usedWithoutCache()
	out.Add(u.memory, used)
	if m.Limit >= 1 && isPossibleCount(used) {
		out.Add(u.limit, m.Limit)
		out.Add(u.memoryPercent, 100*used/m.Limit)
	}
	if m.MaxUsage > 0 {
		out.Add(u.maxUsage, m.MaxUsage)
	}
	stat := m.Stats
	if stat == nil {
		return
	}
	u.failcnt.Add(out, m.Failcnt)
	addFirst(out, u.rss, stat.TotalRss, stat.Anon)
	addFirst(out, u.cache, stat.TotalCache, stat.File)
	addFirst(out, u.swap, stat.TotalSwap)
	for _, faults := range []*float64{stat.TotalMajorFaults, stat.MajorFaults} {
		if faults != nil {
			u.majorFaults.Add(out, *faults)
			break
		}
	}
}

// addFirst appends the first value that is not nil.
func addFirst(out *telemetry.Batch, s *telemetry.Series, values ...*float64) {
	for _, v := range values {
		if v != nil {
			out.Add(s, *v)
			return
		}
	}
}

// addBlkio appends the transfers of block devices. Before the first transfer the daemon reports none.
func (u *usageSeries) addBlkio(out *telemetry.Batch, s *stats) {
	if s.Storage.ReadCount != nil { // Windows does not report devices
		w := &s.Storage
		for i, v := range [4]float64{w.ReadBytes, w.WriteBytes, *w.ReadCount, w.WriteCount} {
			u.blkio[i].Add(out, v)
		}
		return
	}
	clear(u.sums)
	var total [4]float64
	u.sumTransfers(&total, 0, s.Blkio.Bytes)
	u.sumTransfers(&total, 2, s.Blkio.Ops)
	hasOps := len(s.Blkio.Ops) > 0
	if len(s.Blkio.Bytes) > 0 || hasOps {
		u.blkio.addValues(out, &total, hasOps)
	}
	for d, sum := range u.sums {
		u.devices.Get(d).addValues(out, sum, hasOps)
	}
	u.devices.Sweep(out)
}

// sumTransfers adds reads and writes, per device and in total, to the pair of numbers that begins at first.
func (u *usageSeries) sumTransfers(total *[4]float64, first int, all []blkio) {
	for i := range all {
		b := &all[i]
		at := first
		switch {
		case strings.EqualFold(b.Op, "write"):
			at++
		case !strings.EqualFold(b.Op, "read"):
			continue // Sync, Async and Total count the same transfers
		}
		if !isPossibleCount(b.Value) || !isPossibleCount(b.Major) || !isPossibleCount(b.Minor) {
			continue
		}
		d := device{uint64(b.Major), uint64(b.Minor)}
		if u.sums[d] == nil {
			u.sums[d] = new([4]float64)
		}
		u.sums[d][at] += b.Value
		total[at] += b.Value
	}
}

// addValues appends bytes, and operations if Docker reports them, which it does not for cgroup v2.
func (t *transfers) addValues(out *telemetry.Batch, values *[4]float64, hasOps bool) {
	for i, v := range values {
		if i < 2 || hasOps {
			t[i].Add(out, v)
		}
	}
}
