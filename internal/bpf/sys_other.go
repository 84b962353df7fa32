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

// SinceBoot returns 0.
func SinceBoot() time.Duration { return 0 }
