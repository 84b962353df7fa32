//go:build darwin

package sysinfo

import (
	"context"

	"github.com/shirou/gopsutil/v4/cpu"
	"github.com/shirou/gopsutil/v4/host"
	"github.com/shirou/gopsutil/v4/mem"
	"github.com/shirou/gopsutil/v4/net"
)

// The functions and types of gopsutil 4 that gopsutil.go uses.
type (
	cpuTimes      = cpu.TimesStat
	virtualMemory = mem.VirtualMemoryStat
	netCounters   = net.IOCountersStat
)

func readCPUTimes(ctx context.Context) ([]cpuTimes, error) { return cpu.TimesWithContext(ctx, true) }

func readVirtualMemory(ctx context.Context) (*virtualMemory, error) {
	return mem.VirtualMemoryWithContext(ctx)
}

func readNetCounters(ctx context.Context) ([]netCounters, error) {
	return net.IOCountersWithContext(ctx, true)
}

func readUptime(ctx context.Context) (uint64, error) { return host.UptimeWithContext(ctx) }

func readPlatform(ctx context.Context) (name, version string, err error) {
	name, _, version, err = host.PlatformInformationWithContext(ctx)
	return name, version, err
}

func readKernel(ctx context.Context) (version, architecture string, err error) {
	if architecture, err = host.KernelArch(); err != nil {
		return "", "", err
	}
	version, err = host.KernelVersionWithContext(ctx)
	return version, architecture, err
}
