package selfstats

import (
	"os"
	"runtime"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/selfstat"
	"github.com/rtcollector/rtcollector/plugins"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// start is the instant of second 0.
var start = time.Unix(1_700_000_000, 0)

func fillRegistry(r *selfstat.Registry) {
	for _, id := range []string{"linux_cpu", "redis#a"} {
		in := r.NewInput(id)
		in.RecordGather(3*time.Millisecond, 40, 2)
		in.Errors.Add(1)
		in.Unclaimed.Store(int64(len(id) - 7))   // 2 and 0
		in.Implausible.Store(int64(len(id) - 7)) // 2 and 0
		in.Refused.Store(int64(len(id) - 7))     // 2 and 0
		in.Timeouts.Add(2)
		in.Missed.Add(3)
		in.LastSuccess.Store(start.Add(-7 * time.Second).UnixNano())
	}
	r.Inputs()[1].Condition.Fail("gather", "refused")
	out := r.NewOutput("redistimeseries", 5000, 0)
	out.Condition.Fail("write", "refused")
	out.SetSeriesGone(func() int64 { return 12 })
	out.Samples.Size.Store(7)
	out.Written.Add(60)
	out.Dropped.Add(5)
	out.RecordRejected("too_old", 3)
	out.RecordRejected("not_finite", 1)
	out.LastSuccess.Store(start.Add(-4 * time.Second).UnixNano())
	out.Retries.Add(3)
	out.DiskLimit.Store(1000)
	for i, d := range []*selfstat.Disk{&out.SampleDisk, &out.EventDisk} {
		n := int64(1 + 9*i) // 1 and 10
		d.Bytes.Store(1 * n)
		d.Count.Store(2 * n)
		d.Appended.Store(3 * n)
		d.Replayed.Store(4 * n)
		d.Dropped.Store(5 * n)
		d.Corrupt.Store(6 * n)
	}
	out.WriteTime.Add(900)
	stdout := r.NewOutput("stdout", 100, 4096)
	stdout.Events.Size.Store(900)
	stdout.Events.Count.Store(3)
	stdout.WaitTime.Store(50)
	stdout.DiskLimit.Store(2000)
	stdout.Written.Add(1)
	stdout.LastSuccess.Store(start.Add(time.Hour).UnixNano()) // the clock was set back
}

func TestConformance(t *testing.T) {
	plugintest.Run(t, Plugin,
		plugintest.Case{Name: "with inputs and outputs", Setup: func(_ *testing.T, e *plugins.Env) { fillRegistry(e.Self) }},
		plugintest.Case{Name: "alone"},
	)
}

func TestGather(t *testing.T) {
	env := plugintest.Env("internal", "")
	fillRegistry(env.Self)
	p := plugintest.Start(t, Plugin, "", env)
	p.Gather(0)
	env.Self.Inputs()[0].RecordGather(10*time.Millisecond, 50, 0)
	env.Self.Inputs()[0].RecordGather(5*time.Millisecond, 10, 0)
	env.Self.Outputs()[0].Written.Add(50)
	got := p.Gather(10)
	maps := map[string]float64{}
	for key, v := range got {
		if !strings.HasPrefix(key, "internal_memstats") && !strings.HasPrefix(key, "internal_process") && key != "internal_goroutines" {
			maps[key] = v
		}
	}
	want := map[string]float64{
		"internal_input_healthy_linux_cpu": 1, "internal_input_healthy_redis#a": 0, "internal_output_healthy_redistimeseries": 0, "internal_output_healthy_stdout": 1,
		"internal_agent_metrics_gathered": 140, "internal_agent_metrics_gathered_rate": 6,
		"internal_agent_metrics_written": 111, "internal_agent_metrics_written_rate": 5,
		"internal_agent_metrics_dropped": 5, "internal_agent_metrics_dropped_rate": 0,
		"internal_agent_gather_errors": 2, "internal_agent_gather_errors_rate": 0,
		"internal_write_series_gone_redistimeseries": 12,
		"internal_agent_gather_timeouts":             4, "internal_agent_gather_timeouts_rate": 0,

		"internal_gather_gather_time_ns_linux_cpu": 18e6, "internal_gather_gather_time_ns_rate_linux_cpu": 1.5e6,
		"internal_gather_metrics_gathered_linux_cpu": 100, "internal_gather_errors_linux_cpu": 1,
		"internal_gather_gather_timeouts_linux_cpu": 2, "internal_gather_missed_linux_cpu": 3, "internal_gather_events_gathered_linux_cpu": 2,
		"internal_gather_last_gather_time_ns_linux_cpu": 5e6, "internal_gather_max_gather_time_ns_linux_cpu": 10e6,
		"internal_gather_last_success_age_linux_cpu": 17, "internal_gather_events_unclaimed_linux_cpu": 2, "internal_gather_implausible_linux_cpu": 2, "internal_gather_entities_refused_linux_cpu": 2,
		"internal_gather_gather_time_ns_redis#a": 3e6, "internal_gather_gather_time_ns_rate_redis#a": 0,
		"internal_gather_metrics_gathered_redis#a": 40, "internal_gather_errors_redis#a": 1,
		"internal_gather_gather_timeouts_redis#a": 2, "internal_gather_missed_redis#a": 3, "internal_gather_events_gathered_redis#a": 2,
		"internal_gather_last_success_age_redis#a": 17, // no gather between the two, so no gather times

		"internal_write_write_time_ns_redistimeseries": 900, "internal_write_write_time_ns_rate_redistimeseries": 0,
		"internal_write_metrics_written_redistimeseries": 110, "internal_write_metrics_written_rate_redistimeseries": 5,
		"internal_write_metrics_dropped_redistimeseries": 5, "internal_write_metrics_dropped_rate_redistimeseries": 0,
		"internal_write_metrics_rejected_redistimeseries": 4, "internal_write_retries_redistimeseries": 3,
		"internal_write_rejected_redistimeseries_too_old": 3, "internal_write_rejected_redistimeseries_not_finite": 1,
		"internal_write_writes_redistimeseries": 0, "internal_write_last_success_age_redistimeseries": 14,
		"internal_write_disk_bytes_redistimeseries": 11, "internal_write_disk_limit_bytes_redistimeseries": 1000,
		"internal_write_disk_samples_redistimeseries": 2, "internal_write_disk_appended_redistimeseries": 33,
		"internal_write_disk_replayed_redistimeseries": 44, "internal_write_disk_dropped_redistimeseries": 55,
		"internal_write_disk_corrupt_files_redistimeseries": 66,
		"internal_write_disk_bytes_stdout":                  0, "internal_write_disk_limit_bytes_stdout": 2000,
		"internal_write_disk_samples_stdout": 0, "internal_write_disk_events_stdout": 0, "internal_write_disk_appended_stdout": 0,
		"internal_write_disk_replayed_stdout": 0, "internal_write_disk_dropped_stdout": 0, "internal_write_disk_corrupt_files_stdout": 0,
		"internal_write_writes_stdout": 0, "internal_write_last_success_age_stdout": 0,
		"internal_write_buffer_size_redistimeseries": 7, "internal_write_buffer_limit_redistimeseries": 5000,
		"internal_write_write_time_ns_stdout": 0, "internal_write_write_time_ns_rate_stdout": 0,
		"internal_write_metrics_written_stdout": 1, "internal_write_metrics_written_rate_stdout": 0,
		"internal_write_metrics_dropped_stdout": 0, "internal_write_metrics_dropped_rate_stdout": 0,
		"internal_write_metrics_rejected_stdout": 0, "internal_write_retries_stdout": 0,
		"internal_write_buffer_size_stdout": 0, "internal_write_buffer_limit_stdout": 100,
		"internal_write_event_buffer_size_stdout": 3, "internal_write_event_buffer_bytes_stdout": 900,
		"internal_write_event_buffer_limit_bytes_stdout": 4096,
		"internal_write_event_wait_time_ns_stdout":       50, "internal_write_event_wait_time_ns_rate_stdout": 0,
	}
	if diff := cmp.Diff(want, maps); diff != "" {
		t.Error(diff)
	}
}

// TestProcess compares our values with the runtime's older statistics. Ours must be between a reading before the gather
// and one after it.
func TestProcess(t *testing.T) {
	// The process is read from the real /proc: the environment's root has no process.
	p := plugintest.Start(t, Plugin, "", plugintest.Env("internal", t.TempDir()))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got := p.Gather(0)
	runtime.ReadMemStats(&after)
	between := func(name string, low, high uint64) {
		if v := got[name]; v < float64(low) || v > float64(high) {
			t.Errorf("%s is %v, MemStats says %v before and %v after", name, v, low, high)
		}
	}
	between("internal_memstats_sys_bytes", before.Sys, after.Sys)
	between("internal_memstats_num_gc", uint64(before.NumGC), uint64(after.NumGC))
	between("internal_memstats_heap_alloc_bytes", 1, after.Sys)
	if got["internal_goroutines"] < 1 || got["internal_process_cpu_seconds_total"] <= 0 {
		t.Errorf("goroutines and CPU time: %v", got)
	}
	if runtime.GOOS != "linux" {
		return
	}
	checkDescriptors(t, p)
	resident, virtual := got["internal_process_resident_memory_bytes"], got["internal_process_virtual_memory_bytes"]
	if resident < float64(os.Getpagesize()) || virtual < resident {
		t.Errorf("resident %v, virtual %v", resident, virtual)
	}
}

// checkDescriptors compares our number of descriptors with the kernel's list, and again with one more open file. The
// garbage collector may close files of earlier tests at any time. A gather therefore counts only if the list before it
// equals the list after it.
func checkDescriptors(t *testing.T, p *plugintest.Probe) {
	listed := func() float64 {
		names, err := os.ReadDir("/proc/self/fd") // includes the open directory itself, as ours does
		if err != nil {
			t.Fatal(err)
		}
		return float64(len(names) - 1)
	}
	second := 0.0
	quiet := func() (open, want, limit float64) {
		for {
			second++
			before := listed()
			got := p.Gather(second)
			if listed() == before {
				return got["internal_process_open_fds"], before, got["internal_process_max_fds"]
			}
		}
	}
	if open, want, limit := quiet(); open != want || open < 3 || open > limit {
		t.Errorf("%v descriptors of %v, /proc/self/fd has %v", open, limit, want)
	}
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if open, want, _ := quiet(); open != want {
		t.Errorf("with one more: %v descriptors, /proc/self/fd has %v", open, want)
	}
}

// TestRuntimeMetricsExist fails if a Go release renames a metric, which would otherwise disappear silently.
func TestRuntimeMetricsExist(t *testing.T) {
	p := newProcessSeries(plugintest.Env("internal", "").Factory)
	metrics.Read(p.runtime)
	for _, s := range p.runtime {
		if s.Value.Kind() == metrics.KindBad {
			t.Errorf("%s is of kind %v", s.Name, s.Value.Kind())
		}
	}
}

func TestParseStatm(t *testing.T) {
	if m, ok := parseStatm([]byte("765 433 405 5 0 123 0\n")); !ok || m != (memoryPages{virtual: 765, resident: 433, anonymous: 28}) {
		t.Errorf("%+v %v", m, ok)
	}
	for _, text := range []string{"", "765", "a b", "765 x", "765 433", "765 433 434"} {
		if _, ok := parseStatm([]byte(text)); ok {
			t.Errorf("%q is accepted", text)
		}
	}
}

func FuzzParseStatm(f *testing.F) {
	f.Add([]byte("765 433 405 5 0 123 0\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if m, ok := parseStatm(data); ok && m.anonymous > m.resident {
			t.Errorf("%+v", m)
		}
	})
}
