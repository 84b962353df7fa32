package selfstats

import (
	"errors"
	"io/fs"
	"os"
	"runtime/metrics"

	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// process reports this process and its Go runtime.
type process struct {
	runtime           []metrics.Sample
	runtimeSeries     []*telemetry.Series // in the order of runtime
	statm             *hostfs.File
	pageSize          float64
	virtual, resident *telemetry.Series
	cpu               *telemetry.Total
}

func newProcess(f *telemetry.Factory) *process {
	return &process{
		// runtime/metrics, because runtime.ReadMemStats stops every goroutine.
		runtime: []metrics.Sample{
			{Name: "/memory/classes/total:bytes"},
			{Name: "/memory/classes/heap/objects:bytes"},
			{Name: "/gc/cycles/total:gc-cycles"},
			{Name: "/sched/goroutines:goroutines"},
		},
		runtimeSeries: []*telemetry.Series{
			f.Gauge("internal_memstats_sys_bytes", telemetry.Bytes),
			f.Gauge("internal_memstats_heap_alloc_bytes", telemetry.Bytes),
			f.New("internal_memstats_num_gc", telemetry.Counter, telemetry.None),
			f.Gauge("internal_goroutines", telemetry.None),
		},
		statm:    hostfs.SelfFile("statm"),
		pageSize: float64(os.Getpagesize()),
		virtual:  f.Gauge("internal_process_virtual_memory_bytes", telemetry.Bytes),
		resident: f.Gauge("internal_process_resident_memory_bytes", telemetry.Bytes),
		cpu:      f.Counter("internal_process_cpu_seconds_total", telemetry.Seconds),
	}
}

func (p *process) add(out *telemetry.Batch) error {
	metrics.Read(p.runtime)
	for i, s := range p.runtime {
		if s.Value.Kind() == metrics.KindUint64 {
			out.Add(p.runtimeSeries[i], float64(s.Value.Uint64()))
		}
	}
	if seconds, err := cpuSeconds(); err == nil {
		p.cpu.Add(out, seconds)
	}
	return p.addMemory(out)
}

// addMemory reads what the kernel counts of this process; systems without a Linux-like /proc do not say.
func (p *process) addMemory(out *telemetry.Batch) error {
	data, err := p.statm.Read()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if virtual, resident, ok := parseStatm(data); ok {
		out.Add(p.virtual, virtual*p.pageSize)
		out.Add(p.resident, resident*p.pageSize)
	}
	return nil
}
