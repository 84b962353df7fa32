//go:build linux

package docker

import (
	"errors"
	"io/fs"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/web/webtest"
	"github.com/rtcollector/rtcollector/internal/httpx"
	"github.com/rtcollector/rtcollector/internal/metric"
	"github.com/rtcollector/rtcollector/internal/tlsx/tlstest"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// TestAgainstDocker compares with the kernel's files and Docker's client at the same moment.
func TestAgainstDocker(t *testing.T) {
	p := startDocker(t)
	probe := p.startProbe(t, "label_tags: [team]", "disk_usage_interval: 20s")
	if got := p.gatherValues(t, probe, 0); got["docker_up"] != 1 || got["docker_engine_containers"] != 0 || got["docker_engine_images"] != 3 {
		t.Errorf("without containers: %v", got)
	}
	id := p.runClient(t, "run", "-d", "--name", "busy", "-m", "256m", "--cpus", "0.2", "--pids-limit", "40", "--label", "team=x", "program:1", "burn", "172.30.0.1:9")
	for _, health := range []string{"healthy", "sick"} {
		p.runClient(t, "run", "-d", "--name", health, "--network", "none", "program:"+health, "sleep")
	}
	p.runClient(t, "run", "--name", "hungry", "--network", "none", "-d", "-m", "12m", "--memory-swap", "12m", "program:1", "eat")
	p.runClient(t, "create", "--name", "never", "program:1", "sleep")
	p.runClient(t, "run", "-d", "--name", "again", "--network", "none", "--restart", "on-failure:2", "program:1", "exit", "7")
	waitUntil(t, "the containers end, and the busy one has sent a datagram, which it does after it has written its file", func() bool {
		return p.readSentBytes(t, id) >= 1000 && !p.inspectContainer(t, "hungry").State.Running && p.inspectContainer(t, "again").RestartCount == 2 && p.inspectContainer(t, "again").State.Status == "exited" &&
			p.inspectContainer(t, "healthy").State.Health.Status == "healthy" && p.inspectContainer(t, "sick").State.Health.Status == "unhealthy"
	})
	p.gatherValues(t, probe, 10)
	before := p.readCounters(t, id)
	got := p.gatherValues(t, probe, 20)
	after := p.readCounters(t, id)
	between := func(key string, low, high float64) {
		t.Helper()
		if v, has := got[key]; !has || v < low || v > high {
			t.Errorf("%s is %v (%v), want %v to %v", key, v, has, low, high)
		}
	}
	between("docker_cpu_usage_busy", before.cpu, after.cpu)
	between("docker_cpu_periods_busy", before.periods, after.periods)
	between("docker_cpu_throttled_periods_busy", 1, after.periods)
	between("docker_cpu_percent_busy", 5, 30) // the limit is 20; the machine may be busy
	between("docker_mem_usage_busy", min(before.used, after.used)-4<<20, max(before.used, after.used)+4<<20)
	between("docker_mem_usage_busy", 20<<20, 40<<20)
	between("docker_mem_cache_busy", 29<<20, 40<<20) // the file that the program wrote
	between("docker_container_health_failing_streak_sick", 2, 100)
	between("docker_net_tx_bytes_busy_eth0", 1000, after.sent)
	between("docker_net_tx_bytes_busy_eth0", before.sent, after.sent)
	between("docker_container_uptime_busy", time.Since(p.inspectContainer(t, "busy").State.StartedAt.Time).Seconds()-10, time.Since(p.inspectContainer(t, "busy").State.StartedAt.Time).Seconds())
	plugintest.Expect(t, got, map[string]float64{
		"docker_pids_busy": after.pids, "docker_pids_limit_busy": 40, "docker_mem_limit_busy": 256 << 20, "docker_cpu_limit_busy": .2,
		"docker_container_exit_code_hungry": 137, "docker_container_oom_killed_hungry": metric.Bool(p.inspectContainer(t, "hungry").State.OOMKilled), "docker_container_state_hungry": 5,
		"docker_container_exit_code_again": 7, "docker_container_restarts_again": 2, "docker_container_state_never": 0, "docker_container_running_busy": 1,
		"docker_container_health_healthy": 1, "docker_container_health_failing_streak_healthy": 0, "docker_container_health_sick": 0,
		"docker_engine_containers": 6, "docker_engine_containers_running": 3, "docker_engine_containers_stopped": 3,
	})
	p.compareWithClient(t, got)
	webtest.CheckBatches(t, "rtcollector-docker", nil, p.startProbe(t).Batches(0, 10, 20)...)
	p.checkLifecycle(t, probe)
}

// compareWithClient compares with the rounded values of "docker stats".
func (p *daemonProcess) compareWithClient(t *testing.T, got map[string]float64) {
	t.Helper()
	fields := strings.Fields(p.runClient(t, "stats", "--no-stream", "--format", "{{.MemUsage}} {{.CPUPerc}}", "busy")) // 21.2MiB / 256MiB 20.01%
	shown, err := strconv.ParseFloat(strings.TrimSuffix(fields[0], "MiB"), 64)
	if used := got["docker_mem_usage_busy"] / (1 << 20); err != nil || math.Abs(used-shown) > 4 {
		t.Errorf("%v MiB are used, docker stats shows %v (%v)", used, shown, err)
	}
	percent, err := strconv.ParseFloat(strings.TrimSuffix(fields[len(fields)-1], "%"), 64)
	if err != nil || math.Abs(percent-got["docker_cpu_percent_busy"]) > 15 {
		t.Errorf("%v%%, docker stats shows %v (%v)", got["docker_cpu_percent_busy"], percent, err)
	}
}

// checkLifecycle pauses, restarts, replaces and removes containers, and stops the daemon.
func (p *daemonProcess) checkLifecycle(t *testing.T, probe *plugintest.Probe) {
	t.Helper()
	p.runClient(t, "pause", "busy")
	got := p.gatherValues(t, probe, 30)
	plugintest.Expect(t, got, map[string]float64{"docker_container_state_busy": 2, "docker_container_running_busy": 0})
	if got["docker_disk_size_images"] < 1e6 || got["docker_container_size_busy"] < 30<<20 || got["docker_container_root_size_busy"] < 31<<20 {
		t.Errorf("the image takes %v bytes, the file in the container %v", got["docker_disk_size_images"], got["docker_container_size_busy"])
	}
	p.runClient(t, "unpause", "busy")
	p.runClient(t, "restart", "-t", "1", "busy")
	if v, has := p.gatherValues(t, probe, 40)["docker_cpu_percent_busy"]; has {
		t.Errorf("%v%% after a restart", v)
	}
	p.runClient(t, "rm", "-f", "busy")
	for key := range p.gatherValues(t, probe, 50) {
		if strings.HasSuffix(key, "_busy") {
			t.Errorf("%s is still written", key)
		}
	}
	p.runClient(t, "run", "-d", "--name", "busy", "--network", "none", "program:1", "sleep")
	plugintest.Expect(t, p.gatherValues(t, probe, 60), map[string]float64{"docker_container_running_busy": 1})
	p.Stop()
	if b, err := probe.Batch(70); err == nil || !strings.Contains(err.Error(), "cannot be reached: start it") || b.Len() != 1 {
		t.Errorf("without a daemon: %v", err)
	}
	p.Run()
	plugintest.Expect(t, p.gatherValues(t, probe, 80), map[string]float64{"docker_up": 1, "docker_container_running_busy": 0, "docker_engine_containers": 6})
}

// TestAgainstSwarm compares with services whose tasks run.
func TestAgainstSwarm(t *testing.T) {
	p := startDocker(t)
	p.runClient(t, "swarm", "init", "--advertise-addr", "127.0.0.1")
	t.Cleanup(func() { _ = exec.Command("docker", "-H", "unix://"+p.socket, "swarm", "leave", "--force").Run() })
	p.runClient(t, "service", "create", "--detach", "--name", "two", "--replicas", "2", "--network", "host", "program:1", "sleep")
	p.runClient(t, "service", "create", "--detach", "--name", "never", "--replicas", "3", "--network", "host", "--constraint", "node.labels.none==1", "program:1", "sleep")
	waitUntil(t, "two tasks run", func() bool {
		return strings.Contains(p.runClient(t, "service", "ls", "--format", "{{.Name}} {{.Replicas}}"), "two 2/2")
	})
	probe := p.startProbe(t, "swarm_enabled: true")
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	plugintest.Expect(t, p.gatherValues(t, probe, 0), map[string]float64{
		"docker_service_replicas_running_two": 2, "docker_service_replicas_desired_two": 2, "docker_service_replicas_running_never": 0, "docker_service_replicas_desired_never": 3,
		"docker_node_ready_" + host: 1, "docker_node_leader_" + host: 1, "docker_swarm_nodes": 1, "docker_swarm_managers": 1,
	})
	p.runClient(t, "service", "rm", "two", "never")
	waitUntil(t, "their containers are gone", func() bool { return p.runClient(t, "ps", "-aq") == "" })
	for key := range p.gatherValues(t, probe, 10) {
		if strings.HasPrefix(key, "docker_service_") {
			t.Errorf("%s is still written", key)
		}
	}
}

// TestAgainstPodman is TestAgainstDocker for the values that Podman reports.
func TestAgainstPodman(t *testing.T) {
	skipWithout(t, map[string]string{"podman": "podman", "runc": "runc", "curl": "curl"})
	p := newDaemonProcess(t)
	base := []string{"podman", "--root", p.Dir + "/root", "--runroot", p.Dir + "/run", "--cgroup-manager", "cgroupfs", "--events-backend", "file", "--runtime", "runc"}
	p.client = base
	p.Args = append(slices.Clone(base), "system", "service", "--time", "0", "unix://"+p.socket)
	t.Cleanup(func() { _ = exec.Command(base[0], append(slices.Clone(base[1:]), "rm", "-af", "-t", "0")...).Run() })
	p.Run()
	p.runClient(t, "import", "-c", `ENTRYPOINT ["/program"]`, buildImage(t, p.Dir), "program:1")
	run := []string{"run", "-d", "--network", "none", "--ulimit", "nofile=1024:20000", "--ulimit", "nproc=1024:1024", "--cgroup-parent", "/" + p.parent}
	id := p.runClient(t, append(slices.Clone(run), "--name", "busy", "-m", "256m", "program:1", "burn", "127.0.0.1:9")...)
	p.runClient(t, append(slices.Clone(run), "--name", "done", "program:1", "exit", "7")...)
	waitUntil(t, "one ends", func() bool { return !p.inspectContainer(t, "done").State.Running })
	probe := p.startProbe(t)
	p.gatherValues(t, probe, 0)
	before := p.readCounters(t, id)
	got := p.gatherValues(t, probe, 10)
	after := p.readCounters(t, id)
	if v := got["docker_cpu_usage_busy"]; before.cpu == 0 || v < before.cpu || v > after.cpu {
		t.Errorf("%v s of CPU, want %v to %v", v, before.cpu, after.cpu)
	}
	if v := got["docker_cpu_percent_busy"]; v < 5 || v > 110*float64(got["docker_engine_cpus"]) {
		t.Errorf("%v%%", v)
	}
	plugintest.Expect(t, got, map[string]float64{
		"docker_up": 1, "docker_pids_busy": after.pids, "docker_mem_limit_busy": 256 << 20, "docker_container_exit_code_done": 7, "docker_container_state_done": 5,
		"docker_engine_containers": 2, "docker_engine_containers_running": 1,
	})
	p.runClient(t, "rm", "-f", "-t", "0", "busy")
	for key := range p.gatherValues(t, probe, 20) {
		if strings.HasSuffix(key, "_busy") {
			t.Errorf("%s is still written", key)
		}
	}
}

// TestAgainstDockerOverTLS connects over TCP with certificates on both sides, from our own settings and from the variables of Docker's
// client.
func TestAgainstDockerOverTLS(t *testing.T) {
	skipWithout(t, map[string]string{"dockerd": "docker.io", "curl": "curl"})
	p := newDaemonProcess(t)
	a := tlstest.New(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().String()
	_ = l.Close()
	cert, key := a.Issue(t, tlstest.Cert{})
	certs := t.TempDir()
	for name, file := range map[string]string{"ca.pem": a.File, "cert.pem": cert, "key.pem": key} {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(certs, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p.Args = []string{
		"dockerd", "--data-root", p.Dir + "/data", "--exec-root", p.Dir + "/exec", "--pidfile", p.Dir + "/pid", "-H", "unix://" + p.socket, "-H", "tcp://" + at,
		"--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--tlsverify", "--tlscacert", a.File, "--tlscert", cert, "--tlskey", key,
	}
	p.Run()
	own := plugintest.Start(t, Plugin, "{endpoint: 'tcp://"+at+"', tls: {ca: '"+a.File+"', cert: '"+cert+"', key: '"+key+"'}}", plugintest.Env("docker", ""))
	if got := own.Gather(0); got["docker_up_"+at] != 1 {
		t.Errorf("%v", got)
	}
	for config, want := range map[string]string{
		"endpoint: 'tcp://" + at + "'":                                  "400 Bad Request to GET /version",
		"{endpoint: 'https://" + at + "'}":                              "set tls.ca to the authority's file",
		"{endpoint: 'https://" + at + "', tls: {ca: '" + a.File + "'}}": "certificate",
	} {
		if _, err := plugintest.Start(t, Plugin, config, plugintest.Env("docker", "")).Batch(0); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", config, err, want)
		}
	}
	t.Setenv("DOCKER_HOST", "tcp://"+at)
	t.Setenv("DOCKER_TLS_VERIFY", "1")
	t.Setenv("DOCKER_CERT_PATH", certs)
	if got := plugintest.Start(t, Plugin, "", plugintest.Env("docker", "")).Gather(0); got["docker_up_"+at] != 1 {
		t.Errorf("with the variables of Docker's client: %v", got)
	}
}

// The error for a socket that the agent may not open says what to do.
func TestUnreadableSocketIsExplained(t *testing.T) {
	c := client{Target: (&Config{}).Target(httpx.Address{Scheme: "unix"}, nil)}
	for err, want := range map[error]string{fs.ErrPermission: "usermod -aG docker", fs.ErrNotExist: "start Docker", syscall.ECONNREFUSED: "podman.socket"} {
		if got := c.addAdvice(err); !errors.Is(got, err) || !strings.Contains(got.Error(), want) {
			t.Errorf("%v, want %s", got, want)
		}
	}
}
