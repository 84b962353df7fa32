package processgroups

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/bpf"
	"github.com/rtcollector/rtcollector/internal/procusage/procusagetest"
	"github.com/rtcollector/rtcollector/plugins"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// recorded is the input with eBPF programs that report about a process of the files.
func recorded() plugins.Definition {
	return plugins.Poll(Plugin.Name(), Plugin.Summary(), defaults, func(env plugins.Env, c Config) (*input, error) {
		in, err := build(env, c)
		if err == nil && env.FS.Proc != "/proc" {
			in.open = (&procusagetest.Meter{Process: bpf.ProcessKey{PID: 520, Start: 12 * time.Second}}).Open
		}
		return in, err
	}).On("linux").OnRequest().Doc(readme)
}

func TestConformance(t *testing.T) {
	plugintest.Work(t)
	plugintest.Run(t, recorded(),
		plugintest.Case{Name: "vm", Root: "testdata/vm", Then: "testdata/vm-later", Config: "{measure_programs: true}", Allocs: 200},
		plugintest.Case{Name: "live", Config: "{labels: [unit, cgroup, container], connections: true}", Allocs: 50_000},
		plugintest.Case{Name: "proc", Config: "{source: proc}", Allocs: 50_000},
	)
}

func TestConfig(t *testing.T) {
	plugintest.Configs(t, Plugin, map[string]string{
		"{}":                            "",
		"{labels: [unit, container]}":   "",
		"{labels: [pid]}":               "must be unit (of systemd), cgroup (the path) or container",
		"{source: kprobes}":             "must be auto, ebpf (events of the kernel; fails without them) or proc",
		"{classes_mode: replace}":       "replace needs a file with classes",
		"{pss_budget: fast}":            "pss_budget",
		"{groups: [db], others: false}": "",
		"{exclude_subgroups: ['~[']}":   "exclude_subgroups",
	})
}

// A file with groups that cannot be used is an error before the agent starts.
func TestBadClasses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "classes.yaml")
	if err := os.WriteFile(file, []byte("classes:\n  - group: shop\n    subgroup: search\n    cmdline: ['[']\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := defaults()
	c.File = file
	if _, err := build(plugintest.Env("process_groups", ""), c); err == nil || !strings.Contains(err.Error(), "classes.yaml:4:") {
		t.Errorf("%v", err)
	}
}

// tree writes processes into a /proc.
func tree(t *testing.T, seconds int, processes ...process) string {
	files := map[string]string{"proc/uptime": strconv.Itoa(seconds) + ".00 0.00\n"}
	for _, p := range processes {
		dir := "proc/" + strconv.Itoa(p.pid) + "/"
		files[dir+"stat"] = strconv.Itoa(p.pid) + " (" + p.name + ") S 1 1 1 0 -1 0 0 0 0 0 " + strconv.Itoa(p.ticks) + " 0 0 0 20 0 43 0 5 4096 100"
		files[dir+"status"] = "Uid:\t0\t0\t0\t0\nVmRSS:\t400 kB\n"
		files[dir+"task/"+strconv.Itoa(p.pid)+"/status"] = "Name:\tx\n"
		files[dir+"cgroup"] = p.cgroup
	}
	return plugintest.Files(t, "", files)
}

type process struct {
	pid, ticks   int
	name, cgroup string
}

func TestGroups(t *testing.T) {
	const id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	dir := tree(t, 20,
		process{10, 100, "postgres", "0::/system.slice/postgresql@16-main.service\n"}, process{11, 100, "postgres", "0::/system.slice/postgresql@16-main.service\n"},
		process{12, 100, "nginx", "0::/system.slice/docker-" + id + ".scope\n"}, process{13, 100, "odd\nname", ""},
	)
	for config, want := range map[string]map[string]float64{
		"{source: proc}": {
			"process_group_count_db_postgres": 2, "process_group_threads_db_postgres": 86,
			"process_group_rss_db_postgres": 800 << 10, "process_group_count_other_unknown": 1,
		},
		"{source: proc, labels: [container, unit], groups: [web]}": {
			"process_group_count_web_nginx_docker-" + id + ".scope_0123456789ab": 1,
		},
		"{source: proc, others: false, exclude_groups: [db]}": {"process_group_count_web_nginx": 1},
	} {
		probe := plugintest.Start(t, Plugin, config, plugintest.Env("process_groups", dir))
		got := probe.Gather(0)
		for name, v := range want {
			if got[name] != v {
				t.Errorf("%s: %s is %v, want %v", config, name, got[name], v)
			}
		}
		groups := 0
		for name := range got {
			if strings.HasPrefix(name, "process_group_count_") {
				groups++
			}
			if strings.HasPrefix(name, "process_group_read_bytes") || strings.HasPrefix(name, "process_group_pss") {
				t.Errorf("%s: %s is reported although no process tells it", config, name)
			}
		}
		if wanted := map[string]int{"{source: proc}": 3}[config]; groups != max(wanted, 1) {
			t.Errorf("%s: %d groups", config, groups)
		}
	}
}
