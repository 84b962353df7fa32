package linuxswap

import "github.com/rtcollector/rtcollector/internal/scan"

// parseMeminfo returns the swap space from /proc/meminfo, in bytes. Both values are 0 on a kernel without swap.
func parseMeminfo(data []byte) (total, free float64) {
	t, _ := scan.FindValue(data, "SwapTotal:")
	f, _ := scan.FindValue(data, "SwapFree:")
	return float64(t) * 1024, float64(f) * 1024
}

// parseVmstat returns the pages swapped in and out since boot from /proc/vmstat (proc(5)). ok is false if the kernel
// does not count them.
func parseVmstat(data []byte) (pagesIn, pagesOut float64, ok bool) {
	i, okIn := scan.FindValue(data, "pswpin ")
	o, okOut := scan.FindValue(data, "pswpout ")
	return float64(i), float64(o), okIn && okOut
}
