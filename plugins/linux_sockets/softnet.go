package linuxsockets

import (
	"fmt"
	"strconv"

	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/scan"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

// softnetStat reports how each CPU handled received packets, from /proc/net/softnet_stat.
type softnetStat struct {
	stat   *hostfs.File
	online *hostfs.File
	cpus   *telemetry.Vec[uint64, softnetCPU]
}

// softnetCPU holds the series of one CPU.
type softnetCPU struct {
	counters []softnetCounter
	backlog  *telemetry.Series
}

type softnetCounter struct {
	column int
	total  *telemetry.Total
}

func newSoftnetStat(env plugins.Env) *softnetStat {
	f := env.Factory
	return &softnetStat{
		stat:   env.FS.HostFile("net", "softnet_stat"),
		online: env.FS.SysValue("devices", "system", "cpu", "online"),
		cpus: telemetry.NewVec(f, func(f *telemetry.Factory, cpu uint64) softnetCPU {
			label := telemetry.Label{Key: "core", Value: "cpu" + strconv.FormatUint(cpu, 10)}
			return softnetCPU{
				counters: []softnetCounter{
					{colProcessed, f.Counter("softnet_processed", telemetry.Packets, label)},
					{colDropped, f.Counter("softnet_dropped", telemetry.Packets, label)},
					{colTimeSqueezed, f.Counter("softnet_time_squeezed", telemetry.None, label)},
					{colReceivedRPS, f.Counter("softnet_received_rps", telemetry.None, label)},
					{colFlowLimitCount, f.Counter("softnet_flow_limit_count", telemetry.Packets, label)},
				},
				backlog: f.Gauge("softnet_backlog_len", telemetry.Packets, label),
			}
		}),
	}
}

func (s *softnetStat) addSamples(out *telemetry.Batch) error {
	data, err := s.stat.ReadOptional()
	if err != nil || len(data) == 0 {
		return err
	}
	var online []byte
	found := uint64(0)
	for len(data) > 0 {
		var line []byte
		line, data = scan.CutLine(data)
		values, columns := parseSoftnet(line)
		if columns == 0 {
			continue
		}
		cpu := values[colCPUIndex]
		if columns <= colCPUIndex {
			if found == 0 {
				online, _ = s.online.Read() // if it fails, the line number is the CPU
			}
			cpu = nthOnlineCPU(online, found)
		}
		found++
		s.cpus.Get(cpu).addSamples(out, values[:columns])
	}
	if found == 0 {
		return fmt.Errorf("parse %s: no CPUs", s.stat.Path())
	}
	s.cpus.Sweep(out)
	return nil
}

// nthOnlineCPU returns the CPU of the n-th line. Kernels before 5.10 do not number the lines, and omit CPUs that are
// offline.
func nthOnlineCPU(online []byte, n uint64) uint64 {
	if cpu, ok := nthCPUOfList(online, n); ok {
		return cpu
	}
	return n
}

func (c *softnetCPU) addSamples(out *telemetry.Batch, values []uint64) {
	for _, counter := range c.counters {
		if counter.column < len(values) {
			counter.total.Add(out, float64(values[counter.column]))
		}
	}
	if colBacklogLen < len(values) {
		out.Add(c.backlog, float64(values[colBacklogLen]))
	}
}
