package processgroups

import (
	"context"
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
	"time"

	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
	processtop "github.com/rtcollector/rtcollector/plugins/process_top"
)

// docker is a real Docker in mount and network namespaces of its own.
type docker struct {
	daemon  *servicetest.Daemon
	parent  string // the cgroup of all its containers
	program string // the name of the program that the containers run
}

func startDocker(t *testing.T) *docker {
	t.Helper()
	servicetest.RequireCommands(t, "docker.io", "dockerd", "docker")
	servicetest.RequireCommands(t, "curl", "curl")
	servicetest.RequireNamespaces(t, "--mount", "--net")
	d := &docker{daemon: servicetest.New(t), parent: fmt.Sprintf("rtc-processes-%d", os.Getpid()), program: fmt.Sprintf("rtcin%d", os.Getpid())}
	t.Cleanup(func() { removeCgroups(d.parent) })
	dir := d.daemon.Dir
	d.daemon.StopSignal = syscall.SIGTERM
	d.daemon.Ready = func(ctx context.Context) error {
		return exec.CommandContext(ctx, "curl", "-sf", "--unix-socket", dir+"/socket", "http://d/_ping").Run()
	}
	d.daemon.Args = []string{
		"unshare", "--mount", "--net", "dockerd", "--data-root", dir + "/data", "--exec-root", dir + "/exec", "--pidfile", dir + "/pid", "-H", "unix://" + dir + "/socket",
		"--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--cgroup-parent", "/" + d.parent + "/docker",
	}
	d.daemon.Run()
	t.Cleanup(func() {
		if all, err := d.command("ps", "-aq").Output(); err == nil && len(all) > 0 {
			_ = d.command(append([]string{"rm", "-f"}, strings.Fields(string(all))...)...).Run()
		}
	})
	source := d.daemon.WriteFile("main.go", "package main\n\nimport \"time\"\n\nfunc main() { time.Sleep(time.Hour) }\n")
	build := exec.Command("go", "build", "-o", filepath.Join(dir, d.program), source)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	d.daemon.Output(build)
	d.daemon.Output(d.daemon.Command("tar", "-C", dir, "-cf", dir+"/image.tar", d.program))
	d.run("import", "-c", `ENTRYPOINT ["/`+d.program+`"]`, dir+"/image.tar", "program:1")
	return d
}

func (d *docker) command(args ...string) *exec.Cmd {
	return exec.Command("docker", append([]string{"-H", "unix://" + d.daemon.Dir + "/socket"}, args...)...)
}

// run runs Docker's client and returns its output.
func (d *docker) run(args ...string) string { return d.daemon.Output(d.command(args...)) }

// cgroupsOf returns the directories of a cgroup in all hierarchies, and those below, the deepest first.
func cgroupsOf(name string) (all []string) {
	found, _ := filepath.Glob(filepath.Join("/sys/fs/cgroup/*", name))
	for _, top := range append(found, filepath.Join("/sys/fs/cgroup", name)) {
		_ = filepath.WalkDir(top, func(path string, d os.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				all = append(all, path)
			}
			return nil
		})
	}
	slices.Reverse(all)
	return all
}

// removeCgroups removes the cgroups with this name, which must not have processes any more.
func removeCgroups(name string) {
	for _, dir := range cgroupsOf(name) {
		_ = os.Remove(dir)
	}
}

// TestContainers: the processes of real containers have the ids of their containers, wherever these and their processes are in the cgroups.
func TestContainers(t *testing.T) {
	d := startDocker(t)
	probe := startOwn(t, "  - {group: own, subgroup: inside, comm: ["+d.program+"]}\n", "source: proc, labels: [container]")
	ids := map[string]string{
		"plain":  d.run("run", "-d", "--network", "none", "program:1"),
		"nested": d.run("run", "-d", "--network", "none", "--cgroup-parent", "/"+d.parent+"/kubepods/burstable/pod1", "program:1"),
		"inner":  d.run("run", "-d", "--network", "none", "program:1"), // moves to a cgroup below its own, as systemd in a container does
	}
	pids := map[string]int{}
	for name, id := range ids {
		pid, err := strconv.Atoi(d.run("inspect", "--format", "{{.State.Pid}}", id))
		if err != nil || len(id) != 64 {
			t.Fatal(id, err)
		}
		pids[name] = pid
	}
	moved := 0
	for _, dir := range cgroupsOf(d.parent) {
		if filepath.Base(dir) != ids["inner"] {
			continue
		}
		inner := filepath.Join(dir, "init.scope")
		if err := os.Mkdir(inner, 0o755); err == nil && os.WriteFile(filepath.Join(inner, "cgroup.procs"), []byte(strconv.Itoa(pids["inner"])), 0o600) == nil {
			moved++
		}
	}
	t.Logf("%d hierarchies have a cgroup below that of the container: %s", moved, plugintest.Read(t, fmt.Sprintf("/proc/%d/cgroup", pids["inner"])))
	waitUntilAsleep(t, d.program, len(ids))
	got := gather(t, probe)
	for name, id := range ids {
		if got["count_inside_"+id[:12]] != 1 || got["rss_inside_"+id[:12]] == 0 {
			t.Errorf("%s container %s: %v", name, id, got)
		}
	}
	rows := containersOf(t)
	for name, pid := range pids {
		if rows[pid] != ids[name] {
			t.Errorf("process %d of the %s container has the container %q in the table, want %s", pid, name, rows[pid], ids[name])
		}
	}
	if own := rows[os.Getpid()]; own == ids["plain"] {
		t.Error("this process is in a container")
	}
	d.run("rm", "-f", ids["plain"])
	servicetest.Until(t, "the container is empty", func(context.Context) error {
		if n, known := gather(t, probe)["count_inside_"+ids["plain"][:12]]; !known || n != 0 {
			return errors.New("not yet")
		}
		return nil
	})
}

// containersOf returns the containers of the processes in a table of process_top.
func containersOf(t *testing.T) map[int]string {
	t.Helper()
	top := plugintest.Start(t, processtop.Plugin, "{source: proc, by: [rss], snapshot_every: 1, snapshot_rows: 200}",
		plugintest.Env("process_top", "", func(e *plugins.Env) { e.Interval = 0 }))
	rows := map[int]string{}
	for range 2 { // the first gather has no table
		now := time.Now()
		out := telemetry.NewBatch(now, now, 1024)
		if err := top.Input.Gatherer.Gather(t.Context(), out); err != nil {
			t.Fatal(err)
		}
		for _, e := range out.Events {
			field := map[string]string{}
			for _, f := range e.Fields {
				field[f.Key] = f.Text()
			}
			pid, err := strconv.Atoi(field["pid"])
			if err != nil {
				t.Fatal(err)
			}
			rows[pid] = field["container"]
		}
	}
	return rows
}
