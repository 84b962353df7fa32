package linuxevents

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/plugins"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// start starts the input with eBPF on this machine, or skips the test where that is not possible.
func start(t testing.TB, config string) *plugintest.Probe {
	t.Helper()
	built, problems := plugintest.Decode(t, Plugin, "{source: ebpf}")
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	try, err := built.New(plugintest.Env("linux_events", ""))
	if err != nil {
		t.Fatal(err)
	}
	in := try.Runner.(*input)
	if err := in.Open(t.Context()); err != nil {
		t.Skip(err)
	}
	in.Close()
	return plugintest.Start(t, Plugin, config, plugintest.Env("linux_events", ""))
}

// The kernel's numbers arrive: a process that crashes, and the latency of what is written to a disk.
func TestLive(t *testing.T) {
	p := start(t, "{source: ebpf, run_queue: true, measure_programs: true, include_devices: ['*']}")
	out := &plugintest.Emitted{}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Input.Runner.Run(ctx, out) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	crash := exec.Command("bash", "-c", "ulimit -c 0; kill -SEGV $$")
	if err := crash.Run(); err == nil || crash.Process == nil {
		t.Skip(err)
	}
	out.WaitEvents(t, 1)
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
	second := 0.0
	servicetest.Until(t, "numbers of a crash and of a disk", func(context.Context) error {
		second += 10
		got := p.Gather(second)
		writes := 0.0
		for key, v := range got {
			if strings.HasPrefix(key, "block_latency_count_") && strings.HasSuffix(key, "_write") {
				writes += v
			}
		}
		if got["process_forks"] < 1 || got["process_execs"] < 1 || got["process_failures_signal"] < 1 || got["run_queue_latency_count"] < 1 ||
			got["linux_events_program_runs_process_fork"] < 1 {
			return fmt.Errorf("%v", got)
		}
		if writes == 0 && !isInMemory(t, f.Name()) {
			return errors.New("no latency of a disk")
		}
		return nil
	})
}

// isInMemory reports whether a file is on no disk.
func isInMemory(t *testing.T, path string) bool {
	var fs unix.Statfs_t
	if err := unix.Statfs(path, &fs); err != nil {
		t.Skip(err)
	}
	kind := uint32(fs.Type) // statfs(2): f_type is signed and 32 bits wide on some machines
	return kind == unix.TMPFS_MAGIC || kind == unix.RAMFS_MAGIC
}

var _ plugins.Runner = (*input)(nil)

// BenchmarkGather measures a gather of all that the programs have counted.
func BenchmarkGather(b *testing.B) {
	plugintest.Cost(b, start(b, "{source: ebpf, run_queue: true, measure_programs: true, include_devices: ['*']}"))
}
