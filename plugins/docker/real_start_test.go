//go:build linux

package docker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// program is the only file in the image of the containers.
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

// daemonProcess is a real Docker or Podman with its own socket.
type daemonProcess struct {
	*servicetest.Daemon
	socket, parent string // parent: the cgroup of all its containers
	client         []string
}

// buildImage builds the program and returns the path of an archive with the only layer of its image.
func buildImage(t testing.TB, dir string) string {
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
	runCommand(t, "tar", "-C", dir, "-cf", archive, "program")
	return archive
}

func runCommand(t testing.TB, args ...string) string {
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

// skipWithout skips the test if a command or a privilege is missing.
func skipWithout(t testing.TB, commands map[string]string) {
	t.Helper()
	for command, debian := range commands {
		if _, err := exec.LookPath(command); err != nil {
			t.Skipf("%s is not installed: install Debian's %s", command, debian)
		}
	}
	servicetest.RequireNamespaces(t, "--mount", "--net")
}

// newDaemonProcess returns a daemon that has not been started. Its mounts, directory and cgroups are removed with the test.
func newDaemonProcess(t testing.TB) *daemonProcess {
	t.Helper()
	d := servicetest.New(t)
	p := &daemonProcess{Daemon: d, socket: filepath.Join(d.Dir, "socket"), parent: fmt.Sprintf("rtc-test-%d", os.Getpid())}
	d.StopSignal = syscall.SIGTERM
	d.Ready = func(ctx context.Context) error {
		return exec.CommandContext(ctx, "curl", "-sf", "--unix-socket", p.socket, "http://d/_ping").Run()
	}
	t.Cleanup(func() {
		spaces, _ := filepath.Glob(filepath.Join(d.Dir, "exec/netns/*")) // of containers and networks that the daemon did not remove
		for _, space := range spaces {
			_ = exec.Command("umount", space).Run()
		}
		if err := os.RemoveAll(d.Dir); err != nil {
			t.Error(err)
		}
		removeCgroups("/sys/fs/cgroup", p.parent)
	})
	return p
}

// removeCgroups removes the cgroups with this name and their descendants in all hierarchies. They must not contain processes.
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

// runClient runs the daemon's own client and returns its output.
func (p *daemonProcess) runClient(t testing.TB, args ...string) string {
	t.Helper()
	return runCommand(t, append(slices.Clone(p.client), args...)...)
}

func (p *daemonProcess) inspectContainer(t testing.TB, container string) (d containerDetails) {
	t.Helper()
	var all []containerDetails
	if err := json.Unmarshal([]byte(p.runClient(t, "inspect", container)), &all); err != nil || len(all) != 1 {
		t.Fatal(err)
	}
	return all[0]
}

func (p *daemonProcess) startProbe(t testing.TB, config ...string) *plugintest.Probe {
	config = append(config, "endpoint: unix://"+p.socket)
	return plugintest.Start(t, diskWaitingPlugin(), "{"+strings.Join(config, ", ")+"}", plugintest.Env("docker", ""))
}

// gatherValues gathers and removes the socket from the keys.
func (p *daemonProcess) gatherValues(t testing.TB, probe *plugintest.Probe, second float64) map[string]float64 {
	t.Helper()
	in := strings.ReplaceAll(strings.Trim(p.socket, "/"), "/", "_")
	m := map[string]float64{}
	for key, v := range probe.Gather(second) {
		m[strings.ReplaceAll(strings.ReplaceAll(key, "_"+in, ""), "__", "_")] = v
	}
	return m
}

// startDocker starts Docker in its own network namespace, so that its bridge and its firewall rules do not affect this machine.
func startDocker(t testing.TB) *daemonProcess {
	t.Helper()
	skipWithout(t, map[string]string{"dockerd": "docker.io", "docker": "docker.io", "iptables": "iptables", "nsenter": "util-linux", "ip": "iproute2", "curl": "curl"})
	p := newDaemonProcess(t)
	netns := fmt.Sprintf("rtc-docker-%d", os.Getpid())
	if err := exec.Command("ip", "netns", "add", netns).Run(); err != nil {
		t.Skipf("this machine has no network namespaces: ip netns add: %v", err)
	}
	t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", netns).Run() })
	runCommand(t, "ip", "netns", "exec", netns, "ip", "link", "set", "lo", "up")
	p.client = []string{"docker", "-H", "unix://" + p.socket}
	p.Args = []string{
		"nsenter", "--net=/var/run/netns/" + netns, "dockerd", "--data-root", p.Dir + "/data", "--exec-root", p.Dir + "/exec", "--pidfile", p.Dir + "/pid",
		"-H", "unix://" + p.socket, "--bip", "172.30.0.1/24", "--cgroup-parent", "/" + p.parent,
	}
	p.Run()
	t.Cleanup(func() {
		if all, err := exec.Command("docker", "-H", "unix://"+p.socket, "ps", "-aq").Output(); err == nil && len(bytes.TrimSpace(all)) > 0 {
			_ = exec.Command("docker", append([]string{"-H", "unix://" + p.socket, "rm", "-f", "-v"}, strings.Fields(string(all))...)...).Run()
		}
	})
	archive := buildImage(t, p.Dir)
	p.runClient(t, "import", "-c", `ENTRYPOINT ["/program"]`, archive, "program:1")
	for tag, code := range map[string]string{"healthy": "0", "sick": "1"} {
		p.runClient(t, "import", "-c", `ENTRYPOINT ["/program"]`, "-c", `HEALTHCHECK --interval=1s --retries=2 CMD ["/program", "exit", "`+code+`"]`, archive, "program:"+tag)
	}
	return p
}

// kernelCounters has the counters of a container from its cgroup.
type kernelCounters struct{ cpu, periods, pids, used, sent float64 }

func (p *daemonProcess) readCounters(t testing.TB, id string) (c kernelCounters) {
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
	c.sent = p.readSentBytes(t, id)
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

// readSentBytes returns the bytes that a container has sent, from its network namespace.
func (p *daemonProcess) readSentBytes(t testing.TB, id string) (n float64) {
	t.Helper()
	data, err := os.ReadFile("/proc/" + p.runClient(t, "inspect", "--format", "{{.State.Pid}}", id) + "/net/dev")
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

// waitUntil waits until a condition holds.
func waitUntil(t testing.TB, what string, holds func() bool) {
	t.Helper()
	servicetest.Until(t, what, func(context.Context) error {
		if !holds() {
			return errors.New("not yet")
		}
		return nil
	})
}
