//go:build freebsd

package sysinfo

import (
	"context"

	"github.com/shirou/gopsutil/v3/disk"
	"github.com/shirou/gopsutil/v3/host"
	"github.com/shirou/gopsutil/v3/load"
	"github.com/shirou/gopsutil/v3/mem"
)

// The functions and types of gopsutil 3 that sys_bsd.go uses.
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
