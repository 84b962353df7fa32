//go:build darwin

package sysinfo

import (
	"context"

	"github.com/shirou/gopsutil/v4/disk"
	"github.com/shirou/gopsutil/v4/host"
	"github.com/shirou/gopsutil/v4/load"
	"github.com/shirou/gopsutil/v4/mem"
)

// The functions and types of gopsutil 4 that sys_bsd.go uses.
type (
	diskCounters = disk.IOCountersStat
	loadAverages = load.AvgStat
	swapMemory   = mem.SwapMemoryStat
	userSession  = host.UserStat
)

func readDiskCounters(ctx context.Context) (map[string]diskCounters, error) {
	return disk.IOCountersWithContext(ctx)
}

func readLoadAverages(ctx context.Context) (*loadAverages, error) { return load.AvgWithContext(ctx) }

func readSwapMemory(ctx context.Context) (*swapMemory, error) { return mem.SwapMemoryWithContext(ctx) }

func readUserSessions(ctx context.Context) ([]userSession, error) { return host.UsersWithContext(ctx) }
