package linuxvmstat

import (
	"strings"

	"github.com/rtcollector/rtcollector/internal/scan"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// parseField parses one line of /proc/vmstat, a name and a number (proc(5)). ok is false for truncated lines, and for
// lines without a name, which Linux 4.19 wrote.
func parseField(line []byte) (name []byte, v uint64, ok bool) {
	name, rest := scan.CutField(line)
	for _, c := range name {
		if c != '_' && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return nil, 0, false
		}
	}
	field, rest := scan.CutField(rest)
	v, ok = scan.ParseUint(field)
	if more, _ := scan.CutField(rest); len(more) > 0 {
		return nil, 0, false
	}
	return name, v, ok
}

// Units that only this file has.
const (
	kibibytes telemetry.Unit = "kibibytes"
	hugePages telemetry.Unit = "huge_pages"
)

// gaugePrefix is the prefix of gauges: the numbers of pages of zones and nodes.
const gaugePrefix = "nr_"

// describeField returns the kind and the unit of a field. The rule follows mm/vmstat.c: first the items of zones and
// nodes, which have the prefix nr_ and are numbers of pages, then events, which are counted. The exceptions are
// documented in the kernel's enums (linux/mmzone.h, linux/vm_event_item.h).
func describeField(field string) (telemetry.Kind, telemetry.Unit) {
	switch field {
	case "nr_dirtied", "nr_written", "nr_throttled_written", "nr_vmscan_write", "nr_vmscan_immediate_reclaim",
		"nr_foll_pin_acquired", "nr_foll_pin_released":
		return telemetry.Counter, telemetry.Pages // since boot, although they are items of nodes
	case "pgpgin", "pgpgout":
		return telemetry.Counter, kibibytes
	case "nr_kernel_stack", "nr_shadow_call_stack":
		return telemetry.Gauge, kibibytes // NR_KERNEL_STACK_KB, NR_KERNEL_SCS_KB; in stacks before Linux 4.9
	case "nr_anon_transparent_hugepages", "nr_shmem_hugepages", "nr_shmem_pmdmapped", "nr_file_hugepages", "nr_file_pmdmapped":
		return telemetry.Gauge, hugePages // vmstat_item_print_in_thp
	case "workingset_nodes":
		return telemetry.Gauge, telemetry.None // nodes of the page cache's tree that hold shadows
	}
	switch {
	case strings.HasPrefix(field, "nr_tlb_"):
		return telemetry.Counter, telemetry.None // events, with CONFIG_DEBUG_TLBFLUSH
	case strings.HasPrefix(field, gaugePrefix):
		return telemetry.Gauge, telemetry.Pages
	}
	return telemetry.Counter, telemetry.None
}
