package docker

import (
	"context"
	"os"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/rtcollector/rtcollector/internal/httpx"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// diskWaitingInput is an input that waits for the disk usage before it gathers. The real input never waits.
type diskWaitingInput struct{ *input }

func (p diskWaitingInput) Gather(ctx context.Context, out *telemetry.Batch) error {
	if p.disk != nil {
		p.disk.running.Wait()
	}
	return p.input.Gather(ctx, out)
}

func diskWaitingPlugin() plugins.Definition {
	return plugins.Poll("docker", "x", defaults, func(env plugins.Env, c Config) (diskWaitingInput, error) {
		in, err := build(env, c)
		return diskWaitingInput{in}, err
	}).As("docker_stats").OnRequest().Doc(readme + httpx.Readme)
}

// allocsPerRequest is the number of allocations of one request, by net/http and by the server of the test.
const allocsPerRequest = 150

func TestPlugin(t *testing.T) {
	cgroup1, cgroup2 := newRecordedDaemon(t, "docker-20.10-cgroup1"), newRecordedDaemon(t, "docker-29-cgroup2")
	podman, windows := newRecordedDaemon(t, "podman-4.3"), newRecordedDaemon(t, "docker-windows")
	plugintest.Run(t, diskWaitingPlugin(),
		plugintest.Case{Name: "cgroup v1", Config: cgroup1.inputConfig("label_tags: [team]", "tag_env: [COLOR]"), Allocs: 8 * allocsPerRequest},
		plugintest.Case{Name: "cgroup v2, recorded", Config: newRecordedDaemon(t, "docker-20.10-cgroup2").inputConfig(), Allocs: 6 * allocsPerRequest},
		plugintest.Case{Name: "cgroup v2 and a swarm", Config: cgroup2.inputConfig("gather_services: true"), Allocs: 8 * allocsPerRequest},
		plugintest.Case{Name: "Podman", Config: podman.inputConfig(), Allocs: 5 * allocsPerRequest},
		plugintest.Case{Name: "Windows", Config: windows.inputConfig(), Allocs: 4 * allocsPerRequest},
		plugintest.Case{Name: "away", Config: "{endpoint: unix:///nowhere/docker.sock}", Error: "start Docker; Podman: systemctl enable"},
	)
}

// dropServer removes the address of the server from the keys, which is how they are for Docker's default socket.
func dropServer(f *fakeDaemon, values map[string]float64) map[string]float64 {
	m := map[string]float64{}
	for key, v := range values {
		m[strings.ReplaceAll(key, "_"+strings.TrimPrefix(f.URL, "http://"), "")] = v
	}
	return m
}

func TestCgroup1(t *testing.T) {
	f := newRecordedDaemon(t, "docker-20.10-cgroup1")
	p := plugintest.Start(t, diskWaitingPlugin(), f.inputConfig(), plugintest.Env("docker", ""))
	first := dropServer(f, p.Gather(0))
	for key := range first {
		if strings.Contains(key, "percent_") && key != "docker_mem_percent_web" || strings.Contains(key, "_rate") {
			t.Errorf("%s is in the first gather", key)
		}
	}
	got := dropServer(f, p.Gather(10))
	plugintest.Expect(t, got, map[string]float64{
		"docker_up": 1, "docker_cpu_percent_web": 20, "docker_cpu_usage_web": 4, "docker_cpu_usage_rate_web": .2,
		"docker_cpu_user_web": .2, "docker_cpu_system_web": .01,
		"docker_cpu_online_web": 2, "docker_cpu_limit_web": .5, "docker_cpu_limit_never": 1.5,
		"docker_cpu_periods_web": 23, "docker_cpu_throttled_periods_web": 5, "docker_cpu_throttled_time_web": 1.5,
		"docker_cpu_throttled_time_rate_web": 0,
		"docker_mem_usage_web":               1_700_000, "docker_mem_limit_web": 134217728,
		"docker_mem_percent_web": 100 * 1_700_000. / 134217728, "docker_mem_max_usage_web": 4075520,
		"docker_mem_rss_web": 655361, "docker_mem_cache_web": 400000, "docker_mem_swap_web": 8192, "docker_mem_failcnt_web": 9,
		"docker_mem_major_faults_web": 7,
		"docker_pids_web":             6, "docker_pids_limit_web": 50,
		"docker_net_rx_bytes_web_eth0": 896, "docker_net_rx_packets_web_eth0": 10, "docker_net_rx_errors_web_eth0": 1,
		"docker_net_rx_dropped_web_eth0": 2,
		"docker_net_tx_bytes_web_eth0":   3, "docker_net_tx_packets_web_eth0": 4, "docker_net_tx_errors_web_eth0": 5,
		"docker_net_tx_dropped_web_eth0": 6, "docker_net_rx_bytes_web_eth1": 0,
		"docker_blkio_read_bytes_web": 1030, "docker_blkio_write_bytes_web": 204, "docker_blkio_read_ops_web": 13,
		"docker_blkio_write_ops_web":             2,
		"docker_blkio_device_read_bytes_web_8:0": 1000, "docker_blkio_device_write_bytes_web_8:16": 4,
		"docker_blkio_device_read_ops_web_8:16": 3,
		"docker_container_running_web":          1, "docker_container_running_db": 0, "docker_container_state_web": 1,
		"docker_container_state_db": 5, "docker_container_state_never": 0,
		"docker_container_exit_code_db": 137, "docker_container_oom_killed_db": 1, "docker_container_oom_killed_web": 0,
		"docker_container_restarts_web": 4, "docker_container_uptime_web": 20,
		"docker_container_size_web": 70, "docker_container_size_never": 0, "docker_container_root_size_db": 4005,
		"docker_engine_containers": 3, "docker_engine_containers_running": 1, "docker_engine_containers_paused": 0,
		"docker_engine_containers_stopped": 2, "docker_engine_images": 1,
		"docker_engine_cpus": 2, "docker_engine_memory": 25276510208,
		"docker_disk_size_images": 5000, "docker_disk_reclaimable_images": 2000, "docker_disk_items_images": 2,
		"docker_disk_active_images":   1,
		"docker_disk_size_containers": 75, "docker_disk_reclaimable_containers": 5, "docker_disk_items_containers": 3,
		"docker_disk_active_containers": 1,
		"docker_disk_size_volumes":      120, "docker_disk_reclaimable_volumes": 20, "docker_disk_items_volumes": 3,
		"docker_disk_active_volumes":   1,
		"docker_disk_size_build_cache": 650, "docker_disk_reclaimable_build_cache": 50, "docker_disk_items_build_cache": 3,
		"docker_disk_active_build_cache": 1,
	})
	for _, key := range []string{
		"docker_container_exit_code_web", "docker_container_exit_code_never", "docker_container_uptime_db",
		"docker_container_health_web", "docker_cpu_usage_db", "docker_mem_usage_db",
	} {
		if v, has := got[key]; has {
			t.Errorf("%s is %v", key, v)
		}
	}
}

func TestCgroup2(t *testing.T) {
	f := newRecordedDaemon(t, "docker-29-cgroup2")
	p := plugintest.Start(t, diskWaitingPlugin(), f.inputConfig("swarm_enabled: true"), plugintest.Env("docker", ""))
	p.Gather(0)
	got := dropServer(f, p.Gather(10))
	plugintest.Expect(t, got, map[string]float64{
		"docker_cpu_percent_web": 20, "docker_cpu_percent_paused": 0, "docker_mem_usage_web": 2_100_000,
		"docker_mem_rss_web": 1_900_000, "docker_mem_cache_web": 1_000_000, "docker_mem_major_faults_web": 11,
		"docker_mem_usage_paused": 100, "docker_mem_failcnt_paused": 2, "docker_mem_failcnt_web": 0, "docker_pids_web": 9,
		"docker_cpu_online_web":       8,
		"docker_blkio_read_bytes_web": 4096, "docker_blkio_write_bytes_web": 8192,
		"docker_blkio_device_write_bytes_web_259:0": 8192,
		"docker_container_health_web":               0, "docker_container_health_failing_streak_web": 3, "docker_container_uptime_web": 10809.5,
		"docker_container_state_paused": 2, "docker_container_running_paused": 0,
		"docker_swarm_nodes": 3, "docker_swarm_managers": 1, "docker_service_replicas_running_shop_web": 1,
		"docker_service_replicas_desired_shop_web": 2, "docker_service_tasks_completed_agent": 4,
		"docker_service_info_unknown": 1, "docker_node_ready_attila": 1, "docker_node_active_attila": 1,
		"docker_node_leader_attila": 1, "docker_node_ready_worker": 1, "docker_node_active_worker": 0,
	})
	for _, key := range []string{
		"docker_mem_max_usage_web", "docker_mem_swap_web", "docker_pids_limit_web", "docker_blkio_read_ops_web",
		"docker_blkio_read_bytes_paused", "docker_service_replicas_running_unknown", "docker_node_leader_worker",
		"docker_cpu_limit_web",
	} {
		if v, has := got[key]; has {
			t.Errorf("%s is %v", key, v)
		}
	}
}

// TestRecordedCgroup2 compares with the files of the cgroup that were recorded at the same moment.
func TestRecordedCgroup2(t *testing.T) {
	f := newRecordedDaemon(t, "docker-20.10-cgroup2")
	file := func(name, field string) float64 {
		for line := range strings.Lines(f.pages[name]) {
			if words := strings.Fields(line); words[0] == field || len(words) == 1 {
				v, err := strconv.ParseFloat(words[len(words)-1], 64)
				if err != nil {
					t.Error(err)
				}
				return v
			}
		}
		t.Errorf("no %s in %s", field, name)
		return 0
	}
	got := dropServer(f, plugintest.Start(t, Plugin, f.inputConfig(), plugintest.Env("docker", "")).Gather(0))
	plugintest.Expect(t, got, map[string]float64{
		"docker_mem_usage_web":             file("memory.current", "") - file("memory.stat", "inactive_file"),
		"docker_mem_limit_web":             file("memory.max", ""),
		"docker_mem_rss_web":               file("memory.stat", "anon"),
		"docker_mem_cache_web":             file("memory.stat", "file"),
		"docker_mem_major_faults_web":      file("memory.stat", "pgmajfault"),
		"docker_mem_failcnt_web":           file("memory.events", "oom"),
		"docker_cpu_system_web":            file("cpu.stat", "system_usec") / 1e6,
		"docker_cpu_throttled_periods_web": file("cpu.stat", "nr_throttled"),
		"docker_cpu_throttled_time_web":    file("cpu.stat", "throttled_usec") / 1e6,
		"docker_pids_web":                  6,
		"docker_pids_limit_web":            40,
		"docker_cpu_limit_web":             .5,
	})
	if used, later := got["docker_cpu_usage_web"], file("cpu.stat", "usage_usec")/1e6; used > later || used < later-.1 {
		t.Errorf("%v s of CPU, in the later recording %v", used, later)
	}
}

func TestPodmanAndWindows(t *testing.T) {
	f := newRecordedDaemon(t, "podman-4.3")
	p := plugintest.Start(t, diskWaitingPlugin(), f.inputConfig(), plugintest.Env("docker", ""))
	p.Gather(0)
	got := dropServer(f, p.Gather(10))
	plugintest.Expect(t, got, map[string]float64{
		"docker_cpu_percent_web": 20, "docker_mem_usage_web": 1654784, "docker_container_exit_code_done": 3,
		"docker_container_size_done": 12, "docker_disk_size_images": 1444958,
		"docker_disk_reclaimable_images": 0, "docker_net_rx_bytes_web_network": 0,
	})
	for _, key := range []string{
		"docker_mem_rss_web", "docker_mem_failcnt_web", "docker_container_health_web", "docker_pids_limit_web",
	} {
		if v, has := got[key]; has {
			t.Errorf("%s is %v", key, v)
		}
	}
	f = newRecordedDaemon(t, "docker-windows")
	p = plugintest.Start(t, Plugin, f.inputConfig(), plugintest.Env("docker", ""))
	p.Gather(0)
	plugintest.Expect(t, dropServer(f, p.Gather(10)), map[string]float64{
		"docker_cpu_percent_iis": 2000, "docker_cpu_user_iis": 2, "docker_mem_usage_iis": 30, "docker_blkio_read_bytes_iis": 77,
		"docker_blkio_write_ops_iis": 8, "docker_net_rx_bytes_iis_a-b": 1,
	})
}

func lookupIn(vars map[string]string) func(string) string {
	return func(name string) string { return vars[name] }
}

func TestEndpoint(t *testing.T) {
	for _, c := range []struct {
		endpoint string
		vars     map[string]string
		want     string // the URL, the label, and the file of the certificate
	}{
		{"", nil, "unix:///var/run/docker.sock  "},
		{
			"unix:///run/podman/podman.sock", map[string]string{"DOCKER_HOST": "tcp://h:1"},
			"unix:///run/podman/podman.sock /run/podman/podman.sock ",
		},
		{"", map[string]string{"DOCKER_HOST": "tcp://h:1"}, "http://h:1 h:1 "},
		{
			"", map[string]string{"DOCKER_HOST": "tcp://h", "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "/c"},
			"https://h:2376 h:2376 " + "/c" + string(os.PathSeparator) + "cert.pem",
		},
		{"tcp://h:2376", nil, "https://h:2376 h:2376 "},
		{"tcp://[::1]", nil, "http://[::1]:2375 [::1]:2375 "},
		{"https://u:hidden@h:4/base", nil, "https://h:4/base h:4 "},
	} {
		config := Config{Endpoint: c.endpoint}
		a, err := config.resolveEndpoint(lookupIn(c.vars))
		if got := a.String() + " " + serverLabel(a).Value + " " + config.TLS.Cert; err != nil || got != c.want {
			t.Errorf("%v: %q, %v, want %q", c, got, err, c.want)
		}
	}
	if _, err := (&Config{}).resolveEndpoint(lookupIn(map[string]string{"DOCKER_HOST": "ssh://h"})); err == nil || !strings.Contains(err.Error(), "DOCKER_HOST must be unix://") {
		t.Error(err)
	}
}

func TestConfig(t *testing.T) {
	plugintest.Configs(t, Plugin, map[string]string{
		"{endpoint: ssh://h}":                          "ssh is not supported",
		"{endpoint: 'npipe:////./pipe/docker_engine'}": "named pipes",
		"{endpoint: h:2375}":                           "must be unix:///var/run/docker.sock, tcp://",
		"{max_workers: 0}":                             "must be 1 to 100",
		"{disk_usage_interval: 0s}":                    "at least 1s",
		"{label_tags: ['a b']}":                        "cannot be the name of a label",
		"{tag_env: [host]}":                            "is set on every series",
		"{container_name_include: ['~(']}":             "regular expression",
		// All settings of the Python rtcollector.
		`{endpoint: unix:///var/run/docker.sock, gather_services: false, container_name_include: [], container_name_exclude: [],
		container_state_include: [], container_state_exclude: [], docker_label_include: [], docker_label_exclude: [], tag_env: [JAVA_HOME],
		perdevice: true, perdevice_include: [cpu], max_workers: 10, collect_engine_metrics: true, collect_disk_usage: true,
		swarm_enabled: false, timeout: 5s}`: "",
	})
}
