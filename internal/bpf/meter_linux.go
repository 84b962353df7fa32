//go:build linux && (386 || amd64 || arm || arm64 || loong64 || mips64le || mipsle || ppc64le || riscv64)

package bpf

import (
	"errors"
	"time"
)

// Meter measures what processes and devices do, with eBPF programs. It belongs to one goroutine, except for [Meter.Lost],
// [Meter.Fill], [Meter.TCP] and [Meter.Usage].
type Meter struct{}

// OpenMeter loads the programs that c asks for and attaches them. The error says what the system lacks and what to do. Optional
// programs that this kernel cannot run are left out: see [Meter.HasNetwork], [Meter.HasOOM] and [Meter.HasResets].
func OpenMeter(c MeterConfig) (*Meter, error) { return nil, errors.ErrUnsupported }

// Read calls each with the events of processes that have arrived, in their order. It waits for more until this time has passed.
// Events are reused: each must copy what it keeps.
func (m *Meter) Read(wait time.Duration, each func(*ProcessEvent)) error { return errors.ErrUnsupported }

// Traffic calls each with what every process sent and received. It forgets those for which each returns true: those that have ended.
func (m *Meter) Traffic(each func(*Traffic) (forget bool)) error { return errors.ErrUnsupported }

// BlockUse calls each with what every process had every disk do. It forgets those for which each returns true.
func (m *Meter) BlockUse(each func(*BlockUse) (forget bool)) error { return errors.ErrUnsupported }

// BlockLatency calls each with the histogram of every disk and kind of request.
func (m *Meter) BlockLatency(each func(*BlockLatency)) error { return errors.ErrUnsupported }

// RunQueue returns how long threads waited for a CPU after they could run.
func (m *Meter) RunQueue() (Histogram, error) { return Histogram{}, errors.ErrUnsupported }

// TCP returns what went wrong with TCP.
func (m *Meter) TCP() (TCPTrouble, error) { return TCPTrouble{}, errors.ErrUnsupported }

// Fill returns how full the maps are.
func (m *Meter) Fill() ([]MapFill, error) { return nil, errors.ErrUnsupported }

// Lost returns what was not measured.
func (m *Meter) Lost() (MeterLost, error) { return MeterLost{}, errors.ErrUnsupported }

// Usage returns what each program has cost.
func (m *Meter) Usage() ([]Usage, error) { return nil, errors.ErrUnsupported }

// HasNetwork reports whether traffic is measured: it was asked for, and the kernel reports it (Linux 6.3 or later).
func (m *Meter) HasNetwork() bool { return false }

// HasOOM reports whether choices of the OOM killer are events.
func (m *Meter) HasOOM() bool { return false }

// HasResets reports whether resets of TCP connections are counted.
func (m *Meter) HasResets() bool { return false }

// Close detaches and unloads the programs.
func (m *Meter) Close() error { return nil }
