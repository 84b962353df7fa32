package procusage

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/rtcollector/rtcollector/internal/bpf"
	"github.com/rtcollector/rtcollector/internal/catalog"
	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/procclass"
	"github.com/rtcollector/rtcollector/internal/shared"
)

// Source chooses how a [Watcher] learns of processes.
type Source string

// The sources.
const (
	SourceAuto Source = "auto" // eBPF where that is possible, else /proc
	SourceEBPF Source = "ebpf"
	SourceProc Source = "proc"
)

// UnmarshalScalar implements conf.Scalar.
func (s *Source) UnmarshalScalar(text string) error {
	switch *s = Source(text); *s {
	case SourceAuto, SourceEBPF, SourceProc:
		return nil
	}
	return errors.New("must be auto, ebpf (events of the kernel; fails without them) or proc (what /proc shows)")
}

// Settings are the settings of all inputs that use a [Watcher].
type Settings struct {
	procclass.Config `yaml:",inline"`
	Source           Source `yaml:"source"`
	Network          bool   `yaml:"network"`          // with eBPF: count bytes on the network
	Disks            bool   `yaml:"disks"`            // with eBPF: count requests to disks
	MeasurePrograms  bool   `yaml:"measure_programs"` // let the kernel measure how long the eBPF programs run
}

// DefaultSettings returns the settings of who does not set any.
func DefaultSettings() Settings {
	return Settings{Config: procclass.DefaultConfig(), Source: SourceAuto, Network: true, Disks: true}
}

// sharedKey identifies a watcher that inputs can use together.
type sharedKey struct{ settings string }

// Opener is the type of [Open].
type Opener = func(*shared.Pool, hostfs.Root, *slog.Logger, Settings, *procclass.Rules) (*Watcher, func() error, error)

// Open returns a watcher, which inputs with the same settings share. Release must be called when it is no longer needed. Where eBPF is not
// possible, the watcher says so once in the log, unless the settings ask for eBPF: then it is an error. The rules are those of the settings.
func Open(pool *shared.Pool, fs hostfs.Root, log *slog.Logger, s Settings, rules *procclass.Rules) (w *Watcher, release func() error, err error) {
	return shared.Get(pool, sharedKey{fmt.Sprintf("%+v %+v", fs, s)}, func() (*Watcher, error) { return open(fs, log, s, rules) })
}

func open(fs hostfs.Root, log *slog.Logger, s Settings, rules *procclass.Rules) (*Watcher, error) {
	w := New(fs, rules, log)
	if s.Source == SourceProc {
		return w, nil
	}
	err := w.UseKernel(func() (Meter, error) {
		return bpf.OpenMeter(bpf.MeterConfig{Processes: true, Network: s.Network, Block: s.Disks, MeasureTime: s.MeasurePrograms})
	})
	switch {
	case err == nil && s.Network && !w.HasNetwork():
		log.Warn("this kernel does not tell how much processes send and receive (Linux 6.12 does)")
	case err != nil && s.Source == SourceEBPF:
		return nil, err
	case err != nil:
		log.Warn("processes are read from /proc: what they use after the last gather before their end is not counted, nor what they send and receive", "because", err)
	}
	return w, nil
}

// Privileges implements [catalog.Privileged].
func (s *Settings) Privileges() (all []catalog.Privilege) {
	if s.Source != SourceProc {
		all = append(all, catalog.Privilege{
			Capabilities: "CAP_BPF CAP_PERFMON",
			Without:      "processes that start and end between two gathers, what each used before its end, bytes on the network, requests to disks, OOM kills",
		})
	}
	return append(all, catalog.Privilege{Capabilities: "CAP_SYS_PTRACE CAP_DAC_READ_SEARCH", Without: "PSS, USS, I/O and the programs of other users' processes"})
}
