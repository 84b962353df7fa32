package selfstats

import (
	"errors"
	"os"
	"runtime/metrics"

	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// processSeries reports this process and its Go runtime.
type processSeries struct {
	runtime           []metrics.Sample
	runtimeSeries     []*telemetry.Series // in the order of runtime
	statm             *hostfs.File
	fds               *hostfs.Dir
	pageSize          float64
	virtual, resident *telemetry.Series
	anonymous         *telemetry.Series
	openFDs, maxFDs   *telemetry.Series
	cpu               *telemetry.Total
}

func newProcessSeries(f *telemetry.Factory) *processSeries {
	return &processSeries{
		// runtime.ReadMemStats would stop every goroutine.
		runtime: []metrics.Sample{
			{Name: "/memory/classes/total:bytes"},
			{Name: "/memory/classes/heap/objects:bytes"},
			{Name: "/gc/heap/goal:bytes"},
			{Name: "/gc/cycles/total:gc-cycles"},
			{Name: "/cpu/classes/gc/total:cpu-seconds"},
			{Name: "/sched/goroutines:goroutines"},
		},
		runtimeSeries: []*telemetry.Series{
			f.Gauge("internal_memstats_sys_bytes", telemetry.Bytes),
			f.Gauge("internal_memstats_heap_alloc_bytes", telemetry.Bytes),
			f.Gauge("internal_memstats_next_gc_bytes", telemetry.Bytes),
			f.New("internal_memstats_num_gc", telemetry.Counter, telemetry.None),
			f.New("internal_memstats_gc_cpu_seconds_total", telemetry.Counter, telemetry.Seconds),
			f.Gauge("internal_goroutines", telemetry.None),
		},
		statm:     hostfs.SelfFile("statm"),
		fds:       hostfs.SelfDir("fd"),
		pageSize:  float64(os.Getpagesize()),
		virtual:   f.Gauge("internal_process_virtual_memory_bytes", telemetry.Bytes),
		resident:  f.Gauge("internal_process_resident_memory_bytes", telemetry.Bytes),
		anonymous: f.Gauge("internal_process_anonymous_memory_bytes", telemetry.Bytes),
		openFDs:   f.Gauge("internal_process_open_fds", telemetry.None),
		maxFDs:    f.Gauge("internal_process_max_fds", telemetry.None),
		cpu:       f.Counter("internal_process_cpu_seconds_total", telemetry.Seconds),
	}
}

func (p *processSeries) addSamples(out *telemetry.Batch) error {
	metrics.Read(p.runtime)
	for i, s := range p.runtime {
		switch s.Value.Kind() {
		case metrics.KindUint64:
			out.Add(p.runtimeSeries[i], float64(s.Value.Uint64()))
		case metrics.KindFloat64:
			out.Add(p.runtimeSeries[i], s.Value.Float64())
		}
	}
	if seconds, err := cpuSeconds(); err == nil {
		p.cpu.Add(out, seconds)
	}
	return errors.Join(p.addMemory(out), p.addDescriptors(out))
}

// addMemory adds the size of this process. Systems without Linux's /proc have none.
func (p *processSeries) addMemory(out *telemetry.Batch) error {
	data, err := p.statm.ReadOptional()
	if m, ok := parseStatm(data); ok {
		out.Add(p.virtual, m.virtual*p.pageSize)
		out.Add(p.resident, m.resident*p.pageSize)
		out.Add(p.anonymous, m.anonymous*p.pageSize)
	}
	return err
}

// addDescriptors adds the number of open files and sockets, without the directory that is open to list them.
func (p *processSeries) addDescriptors(out *telemetry.Batch) error {
	if limit, ok := maxDescriptors(); ok {
		out.Add(p.maxFDs, limit)
	}
	names, err := p.fds.Names()
	if err != nil {
		return hostfs.IgnoreMissing(err)
	}
	out.Add(p.openFDs, float64(len(names)-1))
	return nil
}
