//go:build darwin || windows || freebsd

package sysinfo

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
)

// readCPUs returns the cores after their sum. It keeps the named states, which are those that the system counts.
func readCPUs(states ...string) func(context.Context) ([]CPU, error) {
	return func(ctx context.Context) ([]CPU, error) {
		cores, err := readCPUTimes(ctx)
		if err != nil {
			return nil, fmt.Errorf("read the times of the CPUs: %w", err)
		}
		total := CPU{Core: "cpu-total", States: map[string]float64{}}
		all := []CPU{total}
		for _, c := range cores {
			core := CPU{Core: c.CPU, States: map[string]float64{}}
			for state, seconds := range map[string]float64{"user": c.User, "nice": c.Nice, "system": c.System, "idle": c.Idle, "irq": c.Irq} {
				if slices.Contains(states, state) {
					core.States[state] = seconds
					total.States[state] += seconds
				}
			}
			all = append(all, core)
		}
		return all, nil
	}
}

func readMemory(ctx context.Context) (Memory, error) {
	m, err := readVirtualMemory(ctx)
	if err != nil {
		return Memory{}, fmt.Errorf("read the memory: %w", err)
	}
	return Memory{
		Total: float64(m.Total), Available: float64(m.Available), Used: float64(m.Used), Free: float64(m.Free),
		Buffers: float64(m.Buffers), Cached: float64(m.Cached),
		Active: float64(m.Active), Inactive: float64(m.Inactive), Wired: float64(m.Wired),
	}, nil
}

// readInterfaces returns the interfaces in the order of their names.
func readInterfaces(ctx context.Context) ([]Interface, error) {
	counters, err := readNetCounters(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the counters of the interfaces: %w", err)
	}
	loopback := map[string]bool{}
	known, err := net.Interfaces()
	for _, i := range known {
		loopback[i.Name] = i.Flags&net.FlagLoopback != 0
	}
	var all []Interface
	for _, c := range counters {
		all = append(all, Interface{
			Name: c.Name, Loopback: loopback[c.Name],
			RxBytes: float64(c.BytesRecv), TxBytes: float64(c.BytesSent), RxPackets: float64(c.PacketsRecv), TxPackets: float64(c.PacketsSent),
			RxErrors: float64(c.Errin), TxErrors: float64(c.Errout), RxDropped: float64(c.Dropin), TxDropped: float64(c.Dropout),
		})
	}
	slices.SortFunc(all, func(a, b Interface) int { return strings.Compare(a.Name, b.Name) })
	return all, err
}

// platform is what does not change while the agent runs. It is read once, because macOS runs a program for it.
type platform struct{ known System }

func (p *platform) read(ctx context.Context) (System, error) {
	if p.known.Kernel == "" {
		name, version, err := readPlatform(ctx)
		if err != nil {
			return System{}, fmt.Errorf("read the version of the system: %w", err)
		}
		kernel, architecture, err := readKernel(ctx)
		if err != nil {
			return System{}, fmt.Errorf("read the version of the kernel: %w", err)
		}
		p.known = System{OS: name, Version: version, Kernel: kernelName, KernelVersion: kernel, Architecture: architecture}
	}
	s := p.known
	uptime, err := readUptime(ctx)
	if err != nil {
		return s, fmt.Errorf("read the uptime: %w", err)
	}
	s.Uptime = float64(uptime)
	return s, nil
}
