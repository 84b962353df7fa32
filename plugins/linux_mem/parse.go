package linuxmem

import (
	"errors"

	"github.com/rtcollector/rtcollector/internal/scan"
)

// meminfo holds the used values of /proc/meminfo, in bytes.
type meminfo struct {
	total, free, buffers, cached, reclaimable, shmem float64
	swapTotal, swapFree                              float64

	available    float64
	hasAvailable bool // since Linux 3.14
}

var errNoTotal = errors.New("no MemTotal")

// parseMeminfo parses /proc/meminfo, whose numbers are in units of 1024 bytes (proc(5)). Lines that a kernel lacks are
// 0.
func parseMeminfo(data []byte) (meminfo, error) {
	value := func(key string) float64 {
		v, _ := scan.FindValue(data, key)
		return float64(v) * 1024
	}
	m := meminfo{
		total:       value("MemTotal:"),
		free:        value("MemFree:"),
		buffers:     value("Buffers:"),
		cached:      value("Cached:"),
		reclaimable: value("SReclaimable:"),
		shmem:       value("Shmem:"),
		swapTotal:   value("SwapTotal:"),
		swapFree:    value("SwapFree:"),
	}
	available, ok := scan.FindValue(data, "MemAvailable:")
	m.available, m.hasAvailable = float64(available)*1024, ok
	if m.total == 0 {
		return m, errNoTotal
	}
	return m, nil
}

// usedBytes returns the memory that dropping caches cannot free, in bytes. Cached contains shared memory and tmpfs, which
// cannot be dropped.
func (m meminfo) usedBytes() float64 {
	return clampAmount(m.total-m.free-m.buffers-m.cached-m.reclaimable+m.shmem, m.total)
}

// availableBytes returns the kernel's estimate, or total minus used on kernels without one.
func (m meminfo) availableBytes() float64 {
	if m.hasAvailable {
		return m.available
	}
	return m.total - m.usedBytes()
}

// amounts returns what is reported of the memory.
func (m meminfo) amounts() amounts {
	return amounts{
		total: m.total, free: m.free, available: m.availableBytes(), used: m.usedBytes(), buffers: m.buffers, cached: m.cached,
		hasBuffers: true, hasCached: true,
	}
}

// clampAmount limits an amount that was computed from separately counted ones to the range from 0 to all.
func clampAmount(v, all float64) float64 { return max(0, min(v, all)) }
