package linuxsockets

import (
	"fmt"
	"strconv"

	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/scan"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

// softnet is what each CPU did with received packets: /proc/net/softnet_stat.
type softnet struct {
	stat   *hostfs.File
	online *hostfs.File
	cpus   *telemetry.Vec[uint64, softnetCPU]
}

// softnetCPU are the series of one CPU.
type softnetCPU struct {
	counters []softnetCounter
	backlog  *telemetry.Series
}

type softnetCounter struct {
	column int
	total  *telemetry.Total
}

func newSoftnet(env plugins.Env) *softnet {
	f := env.Factory
	return &softnet{
		stat:   env.FS.HostFile("net", "softnet_stat"),
		online: env.FS.SysFile("devices", "system", "cpu", "online"),
		cpus: telemetry.NewVec(f, func(f *telemetry.Factory, cpu uint64) softnetCPU {
			label := telemetry.Label{Key: "core", Value: "cpu" + strconv.FormatUint(cpu, 10)}
			return softnetCPU{
				counters: []softnetCounter{
					{processed, f.Counter("softnet_processed", telemetry.Packets, label)},
					{dropped, f.Counter("softnet_dropped", telemetry.Packets, label)},
					{timeSqueezed, f.Counter("softnet_time_squeezed", telemetry.None, label)},
					{receivedRPS, f.Counter("softnet_received_rps", telemetry.None, label)},
					{flowLimitCount, f.Counter("softnet_flow_limit_count", telemetry.Packets, label)},
				},
				backlog: f.Gauge("softnet_backlog_len", telemetry.Packets, label),
			}
		}),
	}
}

func (s *softnet) gather(out *telemetry.Batch) error {
	data, err := s.stat.ReadOptional()
	if err != nil || len(data) == 0 {
		return err
	}
	var online []byte
	found := uint64(0)
	for len(data) > 0 {
		var line []byte
		line, data = scan.Line(data)
		values, columns := parseSoftnet(line)
		if columns == 0 {
			continue
		}
		cpu := values[cpuIndex]
		if columns <= cpuIndex {
			if found == 0 {
				online, _ = s.online.Read() // without it the lines are counted
			}
			cpu = nthOnline(online, found)
		}
		found++
		s.cpus.Get(cpu).add(out, values[:columns])
	}
	s.cpus.Sweep(out)
	if found == 0 {
		return fmt.Errorf("parse %s: no CPUs", s.stat.Path())
	}
	return nil
}

// nthOnline says which CPU the n-th line is about. Kernels before 5.10 do not say so, and leave out those that are
// offline.
func nthOnline(online []byte, n uint64) uint64 {
	if cpu, ok := nthCPU(online, n); ok {
		return cpu
	}
	return n
}

func (c *softnetCPU) add(out *telemetry.Batch, values []uint64) {
	for _, counter := range c.counters {
		if counter.column < len(values) {
			counter.total.Add(out, float64(values[counter.column]))
		}
	}
	if backlogLen < len(values) {
		out.Add(c.backlog, float64(values[backlogLen]))
	}
}
