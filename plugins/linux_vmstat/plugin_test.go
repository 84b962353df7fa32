package linuxvmstat

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

const everything = `fields: ["*"]`

func TestConformance(t *testing.T) {
	plugintest.Run(t, Plugin,
		plugintest.Case{Name: "defaults", Root: "testdata/vm-6.18", Then: "testdata/vm-6.18-later"},
		plugintest.Case{Name: "everything", Root: "testdata/vm-6.18", Config: everything},
		plugintest.Case{Name: "server", Root: "testdata/server-2.6.32", Then: "testdata/server-2.6.32-later", Config: everything},
		plugintest.Case{Name: "debug kernel", Root: "testdata/debug-4.19", Config: everything},
		plugintest.Case{Name: "ARM board", Root: "testdata/armboard-5.15", Config: everything},
	)
}

func TestGather(t *testing.T) {
	first, second := plugintest.Twice(t, Plugin, "", "testdata/server-2.6.32", "testdata/server-2.6.32-later")
	want := map[string]float64{
		"vmstat_pgfault": 902114411, "vmstat_pgmajfault": 41002, "vmstat_pgpgin": 90211402, "vmstat_pgpgout": 41002114,
		"vmstat_pgscan_kswapd_dma": 0, "vmstat_pgscan_kswapd_dma32": 9921, "vmstat_pgscan_kswapd_normal": 4510021, "vmstat_pgscan_kswapd_movable": 0,
		"vmstat_pgscan_direct_dma": 0, "vmstat_pgscan_direct_dma32": 12, "vmstat_pgscan_direct_normal": 33021, "vmstat_pgscan_direct_movable": 0,
		"vmstat_allocstall": 311, "vmstat_pageoutrun": 41002, "vmstat_numa_hit": 4294967200, "vmstat_numa_miss": 0, "vmstat_numa_foreign": 0,
		"vmstat_nr_dirty": 512, "vmstat_nr_writeback": 3,
	}
	if diff := cmp.Diff(want, first); diff != "" {
		t.Error(diff)
	}
	counters := slices.DeleteFunc(slices.Collect(maps.Keys(want)), func(key string) bool { return strings.HasPrefix(key, "vmstat_nr_") })
	for _, key := range counters {
		want[key+"_rate"] = 0
	}
	delete(want, "vmstat_pgpgout_rate") // the counter was reset
	maps.Copy(want, map[string]float64{"vmstat_pgpgout": 100, "vmstat_pgfault": 902115411, "vmstat_pgfault_rate": 100,
		"vmstat_pgscan_direct_normal": 33121, "vmstat_pgscan_direct_normal_rate": 10, "vmstat_nr_dirty": 700})
	if diff := cmp.Diff(want, second); diff != "" {
		t.Error(diff)
	}
}

func TestFields(t *testing.T) {
	const file = "nr_dirty 1\npgscan_direct 2\npgscan_kswapd 3\npswpin 4\nthp_split_page 5\n"
	dir := plugintest.Files(t, "", map[string]string{"proc/vmstat": file})
	for config, want := range map[string][]string{
		"":                               {"nr_dirty", "pgscan_direct", "pgscan_kswapd"},
		everything:                       {"nr_dirty", "pgscan_direct", "pgscan_kswapd", "pswpin", "thp_split_page"},
		"fields: [pswpin, nr_none]":      {"pswpin"},
		`fields: ["pgscan_*", "~split"]`: {"pgscan_direct", "pgscan_kswapd", "thp_split_page"},
	} {
		var got []string
		for key := range plugintest.Start(t, Plugin, config, plugintest.Env("linux_vmstat", dir)).Gather(0) {
			got = append(got, strings.TrimPrefix(key, "vmstat_"))
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%q reports %v, want %v", config, got, want)
		}
	}
}

func TestBadFieldsAreConfigErrors(t *testing.T) {
	for config, want := range map[string]string{
		"fields: []":      `linux_vmstat.fields: must name at least one; "*" means all`,
		"fields: ['~[a']": `fields[0]: must be a regular expression (missing closing ] at [a), not "~[a"`,
	} {
		if _, problems := plugintest.Decode(t, Plugin, config); len(problems) != 1 || !strings.Contains(problems.Error(), want) {
			t.Errorf("%q: %v, want %q", config, problems, want)
		}
	}
}

func TestGatherOddFiles(t *testing.T) {
	for content, want := range map[string]map[string]float64{
		"":                            {},
		"nr_dirty 1\npgfault 2\npgma": {"vmstat_nr_dirty": 1, "vmstat_pgfault": 2}, // truncated
		" 0\nnr_dirty 1\n\n":          {"vmstat_nr_dirty": 1},                      // a line without a name
		"nr_dirty -1\npgfault 99999999999999999999\noom_kill 1\n": {"vmstat_oom_kill": 1},
		"nr_dirty 1 2\npgfault 3\n":                               {"vmstat_pgfault": 3}, // a line with two numbers is skipped
		"nr_dirty\t4\r\n":                                         {"vmstat_nr_dirty": 4},
	} {
		dir := plugintest.Files(t, "", map[string]string{"proc/vmstat": content})
		if diff := cmp.Diff(want, plugintest.Start(t, Plugin, "", plugintest.Env("linux_vmstat", dir)).Gather(0)); diff != "" {
			t.Errorf("%q: %s", content, diff)
		}
	}
	if got := plugintest.Start(t, Plugin, "", plugintest.Env("linux_vmstat", t.TempDir())).Gather(0); len(got) > 0 {
		t.Errorf("no file: %v", got)
	}
	dir := plugintest.Files(t, "", map[string]string{"proc/vmstat": "\x00\xff noise\nmore noise"})
	_, err := plugintest.Start(t, Plugin, "", plugintest.Env("linux_vmstat", dir)).Batch(0)
	if err == nil || !strings.HasPrefix(err.Error(), "parse ") || !strings.HasSuffix(err.Error(), "no fields") {
		t.Errorf("noise: %v", err)
	}
}

// TestGaugesOfLinux618 lists every gauge of a 6.18 kernel. All other fields must be counters, even those with the prefix
// nr_.
func TestGaugesOfLinux618(t *testing.T) {
	data, err := os.ReadFile("testdata/vm-6.18/proc/vmstat")
	if err != nil {
		t.Fatal(err)
	}
	units := map[telemetry.Unit][]string{
		telemetry.Pages: strings.Fields(`nr_free_pages nr_free_pages_blocks nr_zone_inactive_anon nr_zone_active_anon nr_zone_inactive_file
			nr_zone_active_file nr_zone_unevictable nr_zone_write_pending nr_mlock nr_zspages nr_free_cma nr_inactive_anon nr_active_anon
			nr_inactive_file nr_active_file nr_unevictable nr_slab_reclaimable nr_slab_unreclaimable nr_isolated_anon nr_isolated_file nr_anon_pages
			nr_mapped nr_file_pages nr_dirty nr_writeback nr_shmem nr_kernel_misc_reclaimable nr_page_table_pages nr_sec_page_table_pages
			nr_iommu_pages nr_swapcached nr_hugetlb nr_balloon_pages nr_kernel_file_pages nr_dirty_threshold nr_dirty_background_threshold
			nr_memmap_pages nr_memmap_boot_pages nr_unstable`),
		hugePages:      {"nr_shmem_hugepages", "nr_shmem_pmdmapped", "nr_file_hugepages", "nr_file_pmdmapped", "nr_anon_transparent_hugepages"},
		kibibytes:      {"nr_kernel_stack"},
		telemetry.None: {"workingset_nodes"},
	}
	want := map[string]telemetry.Unit{}
	for unit, fields := range units {
		for _, field := range fields {
			want[field] = unit
		}
	}
	got, all := map[string]telemetry.Unit{}, 0
	for line := range strings.Lines(string(data)) {
		name, _, ok := parseField([]byte(line))
		if !ok {
			t.Errorf("%q is not read", line)
		}
		all++
		if kind, unit := describeField(string(name)); kind == telemetry.Gauge {
			got[string(name)] = unit
		}
	}
	if diff := cmp.Diff(want, got); diff != "" || all != 192 {
		t.Errorf("of %d fields: %s", all, diff)
	}
}

func TestDescribeField(t *testing.T) {
	for field, want := range map[string]string{
		"nr_dirtied": "counter pages", "nr_foll_pin_acquired": "counter pages", "nr_tlb_local_flush_all": "counter ", "pgpgin": "counter kibibytes",
		"nr_shadow_call_stack": "gauge kibibytes", "workingset_nodes": "gauge ", "workingset_nodereclaim": "counter ", "oom_kill": "counter ",
		"nr_something_new": "gauge pages", "something_new": "counter ",
	} {
		if kind, unit := describeField(field); kind.String()+" "+string(unit) != want {
			t.Errorf("%s is a %s in %q, want %q", field, kind, unit, want)
		}
	}
}

func FuzzParseField(f *testing.F) {
	plugintest.SeedLines(f, "testdata/*/proc/vmstat")
	f.Fuzz(func(t *testing.T, line []byte) {
		name, _, ok := parseField(line)
		if ok && (len(name) == 0 || strings.ContainsAny(string(name), " \n\x00/{}()")) {
			t.Errorf("%q has the name %q", line, name)
		}
	})
}
