//go:build linux

package docker

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
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

	"github.com/rtcollector/rtcollector/internal/httpx"
	"github.com/rtcollector/rtcollector/internal/httpx/httpxtest"
	"github.com/rtcollector/rtcollector/internal/tlsx/tlstest"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// program is what runs in the containers: there is nothing else in them.
const program = `package main

import (
	"net"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

var memory []byte

func main() {
	switch os.Args[1] {
	case "exit":
		code, _ := strconv.Atoi(os.Args[2])
		os.Exit(code)
	case "eat":
		for {
			memory = append(memory, make([]byte, 1<<20)...)
			for i := 0; i < len(memory); i += 4096 {
				memory[i] = 1
			}
		}
	case "burn":
		memory = make([]byte, 20<<20)
		for i := 0; i < len(memory); i += 4096 {
			memory[i] = 1
		}
		file, _ := os.Create("/file")
		for range 30 {
			_, _ = file.Write(memory[:1<<20])
		}
		if conn, err := net.Dial("udp", os.Args[2]); err == nil {
			for range 10 {
				_, _ = conn.Write(make([]byte, 1000))
			}
		}
		go func() {
			for {
				time.Now()
			}
		}()
	}
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM)
	<-end
}
`

// daemonProcess is a real Docker or Podman on a socket of its own.
type daemonProcess struct {
	dir, socket, parent string // parent: the cgroup of all its containers
	client              []string
	run                 []string // the daemon's command
	cmd                 *exec.Cmd
	done                chan struct{}
}

// image builds the program and returns it as an archive of an image's only layer.
func image(t testing.TB, dir string) string {
	t.Helper()
	source := filepath.Join(dir, "main.go")
	if err := os.WriteFile(source, []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-ldflags", "-s -w", "-o", filepath.Join(dir, "program"), source)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	archive := filepath.Join(dir, "image.tar")
	output(t, "tar", "-C", dir, "-cf", archive, "program")
	return archive
}

func output(t testing.TB, args ...string) string {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, &stderr)
	}
	return strings.TrimSpace(string(out))
}

// needs skips the test where something is missing.
func needs(t testing.TB, commands map[string]string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("containers take root")
	}
	for command, debian := range commands {
		if _, err := exec.LookPath(command); err != nil {
			t.Skipf("no %s here: install Debian's %s", command, debian)
		}
	}
}

// newProcess makes the directory of a daemon, and sees to it that everything is taken away with the test, in this order.
func newProcess(t testing.TB) *daemonProcess {
	t.Helper()
	dir, err := os.MkdirTemp("", "rtc-docker-") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	p := &daemonProcess{dir: dir, socket: filepath.Join(dir, "socket"), parent: fmt.Sprintf("rtc-test-%d", os.Getpid())}
	t.Cleanup(func() {
		_ = exec.Command("umount", filepath.Join(dir, "exec/netns/default")).Run()
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
		removeCgroups("/sys/fs/cgroup", p.parent)
	})
	return p
}

// removeCgroups removes the cgroups of that name, and what is in them, of all hierarchies; processes are not in them any more.
func removeCgroups(root, name string) {
	found, _ := filepath.Glob(filepath.Join(root, "*", name))
	for _, top := range append(found, filepath.Join(root, name)) {
		var all []string
		_ = filepath.WalkDir(top, func(path string, d os.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				all = append(all, path)
			}
			return nil
		})
		slices.Reverse(all)
		for _, dir := range all {
			_ = os.Remove(dir)
		}
	}
}

// start starts the daemon, again after it was stopped, and waits until it answers.
func (p *daemonProcess) start(t testing.TB) {
	t.Helper()
	var out bytes.Buffer
	p.cmd = exec.Command(p.run[0], p.run[1:]...)
	p.cmd.Stdout, p.cmd.Stderr = &out, &out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	p.done = done
	go func() {
		defer close(done)
		_ = p.cmd.Wait()
	}()
	httpxtest.Until(t, p.run[0]+" answers", func() bool {
		select {
		case <-done:
			t.Fatalf("%s has ended:\n%s", strings.Join(p.run, " "), out.String())
		default:
		}
		return exec.Command("curl", "-sf", "--unix-socket", p.socket, "http://d/_ping").Run() == nil
	})
}

func (p *daemonProcess) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(30 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// ask runs the daemon's own client.
func (p *daemonProcess) ask(t testing.TB, args ...string) string {
	t.Helper()
	return output(t, append(slices.Clone(p.client), args...)...)
}

func (p *daemonProcess) inspect(t testing.TB, container string) (d inspected) {
	t.Helper()
	var all []inspected
	if err := json.Unmarshal([]byte(p.ask(t, "inspect", container)), &all); err != nil || len(all) != 1 {
		t.Fatal(err)
	}
	return all[0]
}

func (p *daemonProcess) probe(t testing.TB, config ...string) *plugintest.Probe {
	config = append(config, "endpoint: unix://"+p.socket)
	return plugintest.Start(t, patientPlugin(), "{"+strings.Join(config, ", ")+"}", plugintest.Env("docker", ""))
}

// gather gathers and takes the socket out of the keys.
func (p *daemonProcess) gather(t testing.TB, probe *plugintest.Probe, second float64) map[string]float64 {
	t.Helper()
	in := strings.ReplaceAll(strings.Trim(p.socket, "/"), "/", "_")
	m := map[string]float64{}
	for key, v := range probe.Gather(second) {
		m[strings.ReplaceAll(strings.ReplaceAll(key, "_"+in, ""), "__", "_")] = v
	}
	return m
}

// dockerd starts Docker in a network namespace of its own, so that its bridge and its rules are nobody else's.
func dockerd(t testing.TB) *daemonProcess {
	t.Helper()
	needs(t, map[string]string{"dockerd": "docker.io", "docker": "docker.io", "iptables": "iptables", "nsenter": "util-linux", "ip": "iproute2", "curl": "curl"})
	p := newProcess(t)
	netns := fmt.Sprintf("rtc-docker-%d", os.Getpid())
	if err := exec.Command("ip", "netns", "add", netns).Run(); err != nil {
		t.Skipf("no network namespaces here: ip netns add: %v", err)
	}
	t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", netns).Run() })
	output(t, "ip", "netns", "exec", netns, "ip", "link", "set", "lo", "up")
	p.client = []string{"docker", "-H", "unix://" + p.socket}
	p.run = []string{
		"nsenter", "--net=/var/run/netns/" + netns, "dockerd", "--data-root", p.dir + "/data", "--exec-root", p.dir + "/exec", "--pidfile", p.dir + "/pid",
		"-H", "unix://" + p.socket, "--bip", "172.30.0.1/24", "--cgroup-parent", "/" + p.parent,
	}
	p.start(t)
	t.Cleanup(func() {
		if all, err := exec.Command("docker", "-H", "unix://"+p.socket, "ps", "-aq").Output(); err == nil && len(bytes.TrimSpace(all)) > 0 {
			_ = exec.Command("docker", append([]string{"-H", "unix://" + p.socket, "rm", "-f", "-v"}, strings.Fields(string(all))...)...).Run()
		}
		p.stop()
	})
	archive := image(t, p.dir)
	p.ask(t, "import", "-c", `ENTRYPOINT ["/program"]`, "-c", `LABEL app=x`, archive, "program:1")
	return p
}

// counters are what the kernel counts about a container, read in its cgroup.
type counters struct{ cpu, periods, pids, used, sent float64 }

func (p *daemonProcess) counters(t testing.TB, id string) (c counters) {
	t.Helper()
	file := func(controller, name string) string {
		for _, path := range []string{
			filepath.Join("/sys/fs/cgroup", controller, p.parent, id, name), filepath.Join("/sys/fs/cgroup", p.parent, id, name),
			filepath.Join("/sys/fs/cgroup", controller, p.parent, "libpod-"+id, name), filepath.Join("/sys/fs/cgroup", p.parent, "libpod-"+id, name),
		} {
			if data, err := os.ReadFile(path); err == nil {
				return string(data)
			}
		}
		return ""
	}
	number := func(text string) float64 {
		v, _ := strconv.ParseFloat(strings.TrimSpace(text), 64)
		return v
	}
	field := func(text, name string) float64 {
		for line := range strings.Lines(text) {
			if rest, ok := strings.CutPrefix(line, name+" "); ok {
				return number(rest)
			}
		}
		return 0
	}
	c.sent = p.sent(t, id)
	c.periods, c.pids = field(file("cpu", "cpu.stat"), "nr_periods"), number(file("pids", "pids.current"))
	if text := file("cpuacct", "cpuacct.usage"); text != "" {
		c.cpu = number(text) / 1e9
		c.used = number(file("memory", "memory.usage_in_bytes")) - field(file("memory", "memory.stat"), "total_inactive_file")
		return c
	}
	c.cpu = field(file("", "cpu.stat"), "usage_usec") / 1e6
	c.used = number(file("", "memory.current")) - field(file("", "memory.stat"), "inactive_file")
	return c
}

// sent is what has gone out of a container, in bytes, as its own network namespace has it.
func (p *daemonProcess) sent(t testing.TB, id string) (n float64) {
	t.Helper()
	data, err := os.ReadFile("/proc/" + p.ask(t, "inspect", "--format", "{{.State.Pid}}", id) + "/net/dev")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if fields := strings.Fields(line); len(fields) > 9 && fields[0] == "eth0:" {
			n, _ = strconv.ParseFloat(fields[9], 64)
		}
	}
	return n
}

// TestAgainstDocker compares with the kernel's own files and Docker's client in the same moment.
func TestAgainstDocker(t *testing.T) {
	p := dockerd(t)
	probe := p.probe(t, "label_tags: [team]", "disk_usage_interval: 20s")
	if got := p.gather(t, probe, 0); got["docker_up"] != 1 || got["docker_engine_containers"] != 0 || got["docker_engine_images"] != 1 {
		t.Errorf("without containers: %v", got)
	}
	id := p.ask(t, "run", "-d", "--name", "busy", "-m", "256m", "--cpus", "0.2", "--pids-limit", "40", "--label", "team=x", "program:1", "burn", "172.30.0.1:9")
	p.ask(t, "run", "-d", "--name", "healthy", "--network", "none", "program:1", "sleep")
	p.ask(t, "run", "--name", "hungry", "--network", "none", "-d", "-m", "12m", "--memory-swap", "12m", "program:1", "eat")
	p.ask(t, "create", "--name", "never", "program:1", "sleep")
	p.ask(t, "run", "-d", "--name", "again", "--network", "none", "--restart", "on-failure:2", "program:1", "exit", "7")
	httpxtest.Until(t, "the containers end", func() bool {
		return !p.inspect(t, "hungry").State.Running && p.inspect(t, "again").RestartCount == 2 && p.inspect(t, "again").State.Status == "exited"
	})
	p.gather(t, probe, 10)
	before := p.counters(t, id)
	got := p.gather(t, probe, 20)
	after := p.counters(t, id)
	between := func(key string, low, high float64) {
		t.Helper()
		if v, has := got[key]; !has || v < low || v > high {
			t.Errorf("%s is %v (%v), want %v to %v", key, v, has, low, high)
		}
	}
	between("docker_cpu_usage_busy", before.cpu, after.cpu)
	between("docker_cpu_periods_busy", before.periods, after.periods)
	between("docker_cpu_throttled_periods_busy", 1, after.periods)
	between("docker_cpu_percent_busy", 12, 28) // of a limit of 20
	between("docker_mem_usage_busy", min(before.used, after.used)-4<<20, max(before.used, after.used)+4<<20)
	between("docker_mem_usage_busy", 20<<20, 40<<20)
	between("docker_mem_cache_busy", 29<<20, 40<<20) // the file that it wrote
	between("docker_net_tx_bytes_busy_eth0", 1000, after.sent)
	between("docker_net_tx_bytes_busy_eth0", before.sent, after.sent)
	between("docker_container_uptime_busy", time.Since(p.inspect(t, "busy").State.StartedAt.Time).Seconds()-10, time.Since(p.inspect(t, "busy").State.StartedAt.Time).Seconds())
	check(t, got, map[string]float64{
		"docker_pids_busy": after.pids, "docker_pids_limit_busy": 40, "docker_mem_limit_busy": 256 << 20, "docker_cpu_limit_busy": .2,
		"docker_container_exit_code_hungry": 137, "docker_container_oom_killed_hungry": truth(p.inspect(t, "hungry").State.OOMKilled), "docker_container_state_hungry": 5,
		"docker_container_exit_code_again": 7, "docker_container_restarts_again": 2, "docker_container_state_never": 0, "docker_container_running_busy": 1,
		"docker_engine_containers": 5, "docker_engine_containers_running": 2, "docker_engine_containers_stopped": 3,
	})
	p.compareWithClient(t, got)
	p.lifeGoesOn(t, probe)
}

// compareWithClient compares with what "docker stats" shows, which is rounded.
func (p *daemonProcess) compareWithClient(t *testing.T, got map[string]float64) {
	t.Helper()
	fields := strings.Fields(p.ask(t, "stats", "--no-stream", "--format", "{{.MemUsage}} {{.CPUPerc}}", "busy")) // 21.2MiB / 256MiB 20.01%
	shown, err := strconv.ParseFloat(strings.TrimSuffix(fields[0], "MiB"), 64)
	if used := got["docker_mem_usage_busy"] / (1 << 20); err != nil || math.Abs(used-shown) > 4 {
		t.Errorf("%v MiB are used, docker stats shows %v (%v)", used, shown, err)
	}
	percent, err := strconv.ParseFloat(strings.TrimSuffix(fields[len(fields)-1], "%"), 64)
	if err != nil || math.Abs(percent-got["docker_cpu_percent_busy"]) > 8 {
		t.Errorf("%v%%, docker stats shows %v (%v)", got["docker_cpu_percent_busy"], percent, err)
	}
}

// lifeGoesOn pauses, restarts, replaces and removes containers, and the daemon itself.
func (p *daemonProcess) lifeGoesOn(t *testing.T, probe *plugintest.Probe) {
	t.Helper()
	p.ask(t, "pause", "busy")
	got := p.gather(t, probe, 30)
	check(t, got, map[string]float64{"docker_container_state_busy": 2, "docker_container_running_busy": 0})
	if got["docker_disk_size_images"] < 1e6 || got["docker_container_size_busy"] < 30<<20 || got["docker_container_root_size_busy"] < 31<<20 {
		t.Errorf("the image takes %v bytes, the file in the container %v", got["docker_disk_size_images"], got["docker_container_size_busy"])
	}
	p.ask(t, "unpause", "busy")
	p.ask(t, "restart", "-t", "1", "busy")
	if v, has := p.gather(t, probe, 40)["docker_cpu_percent_busy"]; has {
		t.Errorf("%v%% after a restart", v)
	}
	p.ask(t, "rm", "-f", "busy")
	for key := range p.gather(t, probe, 50) {
		if strings.HasSuffix(key, "_busy") {
			t.Errorf("%s is still there", key)
		}
	}
	p.ask(t, "run", "-d", "--name", "busy", "--network", "none", "program:1", "sleep")
	check(t, p.gather(t, probe, 60), map[string]float64{"docker_container_running_busy": 1})
	p.stop()
	if b, err := probe.Batch(70); err == nil || !strings.Contains(err.Error(), "is it running?") || b.Len() != 1 {
		t.Errorf("without a daemon: %v", err)
	}
	p.start(t)
	check(t, p.gather(t, probe, 80), map[string]float64{"docker_up": 1, "docker_container_running_busy": 0, "docker_engine_containers": 5})
}

// TestAgainstSwarm compares with services whose tasks run.
func TestAgainstSwarm(t *testing.T) {
	p := dockerd(t)
	p.ask(t, "swarm", "init", "--advertise-addr", "127.0.0.1")
	t.Cleanup(func() { _ = exec.Command("docker", "-H", "unix://"+p.socket, "swarm", "leave", "--force").Run() })
	p.ask(t, "service", "create", "--detach", "--name", "two", "--replicas", "2", "--network", "host", "program:1", "sleep")
	p.ask(t, "service", "create", "--detach", "--name", "never", "--replicas", "3", "--network", "host", "--constraint", "node.labels.none==1", "program:1", "sleep")
	httpxtest.Until(t, "two tasks run", func() bool {
		return strings.Contains(p.ask(t, "service", "ls", "--format", "{{.Name}} {{.Replicas}}"), "two 2/2")
	})
	probe := p.probe(t, "swarm_enabled: true")
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	check(t, p.gather(t, probe, 0), map[string]float64{
		"docker_service_replicas_running_two": 2, "docker_service_replicas_desired_two": 2, "docker_service_replicas_running_never": 0, "docker_service_replicas_desired_never": 3,
		"docker_node_ready_" + host: 1, "docker_node_leader_" + host: 1, "docker_swarm_nodes": 1, "docker_swarm_managers": 1,
	})
	p.ask(t, "service", "rm", "two", "never")
	httpxtest.Until(t, "their containers are gone", func() bool { return p.ask(t, "ps", "-aq") == "" })
	for key := range p.gather(t, probe, 10) {
		if strings.HasPrefix(key, "docker_service_") {
			t.Errorf("%s is still there", key)
		}
	}
}

// TestAgainstPodman does with Podman what TestAgainstDocker does, as far as it goes.
func TestAgainstPodman(t *testing.T) {
	needs(t, map[string]string{"podman": "podman", "runc": "runc", "curl": "curl"})
	p := newProcess(t)
	base := []string{"podman", "--root", p.dir + "/root", "--runroot", p.dir + "/run", "--cgroup-manager", "cgroupfs", "--events-backend", "file", "--runtime", "runc"}
	p.client = base
	p.run = append(slices.Clone(base), "system", "service", "--time", "0", "unix://"+p.socket)
	t.Cleanup(func() { _ = exec.Command(base[0], append(slices.Clone(base[1:]), "rm", "-af", "-t", "0")...).Run() })
	p.start(t)
	t.Cleanup(p.stop)
	p.ask(t, "import", "-c", `ENTRYPOINT ["/program"]`, image(t, p.dir), "program:1")
	run := []string{"run", "-d", "--network", "none", "--ulimit", "nofile=1024:20000", "--ulimit", "nproc=1024:1024", "--cgroup-parent", "/" + p.parent}
	id := p.ask(t, append(slices.Clone(run), "--name", "busy", "-m", "256m", "program:1", "burn", "127.0.0.1:9")...)
	p.ask(t, append(slices.Clone(run), "--name", "done", "program:1", "exit", "7")...)
	httpxtest.Until(t, "one ends", func() bool { return !p.inspect(t, "done").State.Running })
	probe := p.probe(t)
	p.gather(t, probe, 0)
	before := p.counters(t, id)
	got := p.gather(t, probe, 10)
	after := p.counters(t, id)
	if v := got["docker_cpu_usage_busy"]; before.cpu == 0 || v < before.cpu || v > after.cpu {
		t.Errorf("%v s of CPU, want %v to %v", v, before.cpu, after.cpu)
	}
	if v := got["docker_cpu_percent_busy"]; v < 20 || v > 110*float64(got["docker_engine_cpus"]) {
		t.Errorf("%v%%", v)
	}
	check(t, got, map[string]float64{
		"docker_up": 1, "docker_pids_busy": after.pids, "docker_mem_limit_busy": 256 << 20, "docker_container_exit_code_done": 7, "docker_container_state_done": 5,
		"docker_engine_containers": 2, "docker_engine_containers_running": 1,
	})
	p.ask(t, "rm", "-f", "-t", "0", "busy")
	for key := range p.gather(t, probe, 20) {
		if strings.HasSuffix(key, "_busy") {
			t.Errorf("%s is still there", key)
		}
	}
}

// TestAgainstDockerOverTLS: TCP, and certificates on both sides, by our own settings and by the variables of Docker's client.
func TestAgainstDockerOverTLS(t *testing.T) {
	needs(t, map[string]string{"dockerd": "docker.io", "curl": "curl"})
	p := newProcess(t)
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
	p.run = []string{
		"dockerd", "--data-root", p.dir + "/data", "--exec-root", p.dir + "/exec", "--pidfile", p.dir + "/pid", "-H", "unix://" + p.socket, "-H", "tcp://" + at,
		"--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--tlsverify", "--tlscacert", a.File, "--tlscert", cert, "--tlskey", key,
	}
	p.start(t)
	t.Cleanup(p.stop)
	own := plugintest.Start(t, Plugin, "{endpoint: 'tcp://"+at+"', tls: {ca: '"+a.File+"', cert: '"+cert+"', key: '"+key+"'}}", plugintest.Env("docker", ""))
	if got := own.Gather(0); got["docker_up_"+at] != 1 {
		t.Errorf("%v", got)
	}
	for config, want := range map[string]string{
		"endpoint: 'tcp://" + at + "'":                                  "400 Bad Request to GET /version",
		"{endpoint: 'https://" + at + "'}":                              "name the authority's file in tls.ca",
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
		t.Errorf("by the variables: %v", got)
	}
}

// TestSocketThatIsShut: whoever may not open the socket is told what to do.
func TestSocketThatIsShut(t *testing.T) {
	c := client{Target: (&Config{}).Target(httpx.Address{Scheme: "unix"}, nil)}
	for err, want := range map[error]string{fs.ErrPermission: "usermod -aG docker", fs.ErrNotExist: "start Docker", syscall.ECONNREFUSED: "podman.socket"} {
		if got := c.advise(err); !errors.Is(got, err) || !strings.Contains(got.Error(), want) {
			t.Errorf("%v, want %s", got, want)
		}
	}
}
