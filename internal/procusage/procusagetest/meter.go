// Package procusagetest has what tests of inputs that use package procusage share.
package procusagetest

import (
	"log/slog"
	"time"

	"github.com/rtcollector/rtcollector/internal/bpf"
	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/procclass"
	"github.com/rtcollector/rtcollector/internal/procusage"
	"github.com/rtcollector/rtcollector/internal/shared"
)

// Meter reports that one process has sent, received, read and written. It stands for the eBPF programs where the processes
// are those of a test's files: the kernel reports about its own. Package bpf tests the programs.
type Meter struct {
	Process bpf.ProcessKey
	Events  chan *bpf.ProcessEvent // what Read reports; when one has been sent, those before have been handled

	forgot bool
}

// Read waits for an event.
func (m *Meter) Read(wait time.Duration, each func(*bpf.ProcessEvent)) error {
	select {
	case e := <-m.Events:
		each(e)
	case <-time.After(wait):
	}
	return nil
}

// Traffic reports a kilobyte in each direction.
func (m *Meter) Traffic(each func(*bpf.Traffic) bool) error {
	if m.forgot {
		return nil
	}
	m.forgot = each(&bpf.Traffic{ProcessKey: m.Process, TCPTx: 1000, UDPRx: 1000})
	return nil
}

// BlockUse reports a request in each direction.
func (m *Meter) BlockUse(each func(*bpf.BlockUse) bool) error {
	if m.forgot {
		return nil
	}
	each(&bpf.BlockUse{ProcessKey: m.Process, Disk: bpf.Disk{Major: 8}, Reads: 1, ReadBytes: 4096, Writes: 1, WriteBytes: 512})
	return nil
}

// HasNetwork is true.
func (*Meter) HasNetwork() bool { return true }

// Lost reports nothing.
func (*Meter) Lost() (bpf.MeterLost, error) { return bpf.MeterLost{}, nil }

// Fill reports one map.
func (m *Meter) Fill() ([]bpf.MapFill, error) {
	return []bpf.MapFill{{Map: "traffic", Entries: 1, Capacity: 16384}}, nil
}

// Usage reports one program.
func (m *Meter) Usage() ([]bpf.Usage, error) {
	return []bpf.Usage{{Program: "traffic_send", Runs: 2, Time: time.Microsecond}}, nil
}

// Close does nothing.
func (*Meter) Close() error { return nil }

// Open is a [procusage.Opener] whose watchers have this Meter.
func (m *Meter) Open(_ *shared.Pool, fs hostfs.Root, log *slog.Logger, _ procusage.Settings, rules *procclass.Rules) (*procusage.Watcher, func() error, error) {
	w := procusage.New(fs, rules, log)
	err := w.UseKernel(func() (procusage.Meter, error) { return m, nil })
	return w, w.Close, err
}
