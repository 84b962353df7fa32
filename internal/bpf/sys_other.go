//go:build !linux || !(386 || amd64 || arm || arm64 || loong64 || mips64le || mipsle || ppc64le || riscv64)

package bpf

import (
	"errors"
	"fmt"
	"time"
)

// Observer exists on Linux only.
type Observer struct{}

// Observe returns an error: there is no eBPF here.
func Observe(Config) (*Observer, error) {
	return nil, fmt.Errorf("load eBPF programs: not available on this system: %w", errors.ErrUnsupported)
}

// The methods of Linux. They are never called here.

func (*Observer) Read(time.Duration, func(*Event)) error           { return errors.ErrUnsupported }
func (*Observer) Conversations(func(*ConversationInfo) bool) error { return errors.ErrUnsupported }
func (*Observer) Lost() (Lost, error)                              { return Lost{}, errors.ErrUnsupported }
func (*Observer) Usage() ([]Usage, error)                          { return nil, errors.ErrUnsupported }
func (*Observer) HasReceivedBytes() bool                           { return false }
func (*Observer) Close() error                                     { return nil }

// Meter exists on Linux only.
type Meter struct{}

// OpenMeter returns an error: there is no eBPF here.
func OpenMeter(MeterConfig) (*Meter, error) {
	return nil, fmt.Errorf("load eBPF programs: not available on this system: %w", errors.ErrUnsupported)
}

func (*Meter) Read(time.Duration, func(*ProcessEvent)) error { return errors.ErrUnsupported }
func (*Meter) Traffic(func(*Traffic) bool) error             { return errors.ErrUnsupported }
func (*Meter) BlockUse(func(*BlockUse) bool) error           { return errors.ErrUnsupported }
func (*Meter) BlockLatency(func(*BlockLatency) bool) error   { return errors.ErrUnsupported }
func (*Meter) RunQueue() (Histogram, error)                  { return Histogram{}, errors.ErrUnsupported }
func (*Meter) TCP() (TCPTrouble, error)                      { return TCPTrouble{}, errors.ErrUnsupported }
func (*Meter) Fill() ([]MapFill, error)                      { return nil, errors.ErrUnsupported }
func (*Meter) Lost() (MeterLost, error)                      { return MeterLost{}, errors.ErrUnsupported }
func (*Meter) Usage() ([]Usage, error)                       { return nil, errors.ErrUnsupported }
func (*Meter) HasNetwork() bool                              { return false }
func (*Meter) HasOOM() bool                                  { return false }
func (*Meter) HasResets() bool                               { return false }
func (*Meter) Close() error                                  { return nil }

// SinceBoot returns 0.
func SinceBoot() time.Duration { return 0 }
