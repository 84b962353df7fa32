package docker

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/httpx/httpxtest"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// startWithSlowDisk starts an input whose daemon answers requests for the disk usage only after release is called.
func startWithSlowDisk(t *testing.T) (in *input, f *fakeDaemon, asked <-chan struct{}, release func()) {
	f = newRecordedDaemon(t, "docker-20.10-cgroup1")
	free, asks := make(chan struct{}), make(chan struct{}, 10)
	f.beforeAnswer = func(path string) {
		if strings.HasSuffix(path, "/df") {
			asks <- struct{}{}
			<-free
		}
	}
	in, err := build(plugintest.Env("docker", ""), Config{Endpoint: f.URL, MaxWorkers: 2, DiskUsage: true, DiskUsageInterval: defaults().DiskUsageInterval})
	if err != nil {
		t.Fatal(err)
	}
	return in, f, asks, func() { close(free) }
}

// Gathers do not wait for the disk usage. It is requested once at a time, and each answer is written once.
func TestDiskUsageRunsInBackground(t *testing.T) {
	in, f, asked, release := startWithSlowDisk(t)
	defer func() { _ = in.Close() }()
	key := "docker_disk_size_" + strings.TrimPrefix(f.URL, "http://") + "_images"
	gather := func(second int) map[string]float64 {
		at := time.Unix(int64(second), 0)
		b := telemetry.NewBatch(at, at, 0)
		if err := in.Gather(t.Context(), b); err != nil {
			t.Error(err)
		}
		return plugintest.ByKey(b)
	}
	for _, second := range []int{0, 10, 301, 602} {
		if _, has := gather(second)[key]; has {
			t.Error("disk usage is written before it was received")
		}
	}
	release()
	in.disk.running.Wait()
	if len(asked) != 1 {
		t.Errorf("%d requests at the same time", len(asked))
	}
	if got := gather(603)[key]; got != 5000 {
		t.Errorf("%v", got)
	}
	in.disk.running.Wait()
	if _, has := gather(610)[key]; !has || len(asked) != 2 { // the next request is due
		t.Errorf("%v, %d requests", has, len(asked))
	}
	if _, has := gather(620)[key]; has || len(asked) != 2 {
		t.Errorf("written twice: %v, %d requests", has, len(asked))
	}
	f.refusePath("/v1.41/system/df", 500)
	gather(950)
	in.disk.running.Wait()
	at := time.Unix(960, 0)
	if err := in.Gather(t.Context(), telemetry.NewBatch(at, at, 0)); err == nil || !strings.Contains(err.Error(), "500 Internal Server Error to GET /v1.41/system/df") {
		t.Error(err)
	}
}

// An error of the disk usage while the daemon was down is not reported after it is back.
func TestOldDiskUsageErrorIsDiscarded(t *testing.T) {
	f := newRecordedDaemon(t, "docker-20.10-cgroup1")
	p := plugintest.Start(t, diskWaitingPlugin(), f.inputConfig(), plugintest.Env("docker", ""))
	f.refusePath("/v1.41/system/df", 500)
	p.Gather(0)
	f.refusePath(list, 500)
	if _, err := p.Batch(10); err == nil || strings.Contains(err.Error(), "/system/df") {
		t.Error(err)
	}
	f.refusePath(list, 0)
	f.refusePath("/v1.41/system/df", 0)
	p.Gather(20)
	if got := dropServer(f, p.Gather(30)); got["docker_disk_size_images"] != 5000 {
		t.Errorf("%v", got["docker_disk_size_images"])
	}
}

// Close does not wait for a slow daemon.
func TestCloseEndsDiskUsage(t *testing.T) {
	in, _, asked, release := startWithSlowDisk(t)
	defer release()
	if err := in.Gather(t.Context(), telemetry.NewBatch(time.Now(), time.Now(), 0)); err != nil {
		t.Error(err)
	}
	<-asked
	_ = in.Close()
}

func TestNewestCommonVersionIsUsed(t *testing.T) {
	for _, c := range []struct {
		version, min string
		want         int
		ok           bool
	}{
		{"1.41", "1.12", 41, true}, {"1.52", "1.44", newestAPI, true}, {"1.80", "1.60", 60, true}, {"1.24", "", 24, true},
		{"", "", 0, false}, {"2.0", "1.12", 0, false}, {"1.x", "", 0, false}, {"1.-3", "", 0, false},
	} {
		v := version{APIVersion: c.version, MinAPIVersion: c.min}
		if got, ok := v.negotiateAPI(); ok != c.ok || ok && got != c.want {
			t.Errorf("%v: %d, %v", c, got, ok)
		}
	}
}

// After an upgrade the daemon may refuse the negotiated version.
func TestVersionIsNegotiatedAgainAfterUpgrade(t *testing.T) {
	f := newRecordedDaemon(t, "docker-20.10-cgroup1")
	p := startInput(t, f)
	p.Gather(0)
	f.changePages(func(pages map[string]string) {
		for path, page := range maps.Clone(pages) {
			pages[strings.Replace(path, "/v1.41/", "/v1.44/", 1)] = page
		}
		pages["/version"] = strings.NewReplacer(`"1.41"`, `"1.44"`, `"1.12"`, `"1.44"`).Replace(pages["/version"])
	})
	f.refusePath(list, http.StatusBadRequest)
	if b, err := p.Batch(10); err == nil || !strings.Contains(err.Error(), "400 Bad Request to GET "+list) || len(containerNames(b)) > 0 || dropServer(f, plugintest.ByKey(b))["docker_up"] != 0 {
		t.Errorf("%v", err)
	}
	if got := dropServer(f, p.Gather(20)); got["docker_up"] != 1 || got["docker_container_running_web"] != 1 {
		t.Error("the input does not recover")
	}
}

// If the daemon answers only when its collector runs, all containers are requested at once.
func TestSlowDaemonsGetMoreConnections(t *testing.T) {
	d := daemon{connect: func() *client { return &client{} }}
	for _, c := range []struct {
		api        int
		podman     bool
		containers int
		want       int
	}{
		{44, false, 50, 10}, {44, false, 3, 3}, {41, false, 50, 50}, {41, false, 500, 100}, {41, true, 50, 10}, {51, false, 0, 0},
	} {
		d.api, d.podman = c.api, c.podman
		if got := len(d.containerClients(c.containers, 10)); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
}

// A node that does not manage a Swarm causes one warning.
func TestWorkerNodeIsWarnedAboutOnce(t *testing.T) {
	f := newRecordedDaemon(t, "docker-20.10-cgroup1")
	var log strings.Builder
	e := plugintest.Env("docker", "")
	e.Log = slog.New(slog.NewTextHandler(&log, nil))
	p := plugintest.Start(t, Plugin, f.inputConfig("swarm_enabled: true", "collect_engine_metrics: false"), e)
	p.Gather(0)
	p.Gather(10)
	if n := strings.Count(log.String(), "not a manager of a Swarm"); n != 1 {
		t.Errorf("%d warnings", n)
	}
}

// An interval that is too short for the daemon's collector causes a warning.
func TestShortIntervalIsWarnedAbout(t *testing.T) {
	for machine, want := range map[string]int{"docker-20.10-cgroup1": 1, "podman-4.3": 0, "docker-29-cgroup2": 0} {
		var log strings.Builder
		e := plugintest.Env("docker", "")
		e.Log = slog.New(slog.NewTextHandler(&log, nil))
		p := plugintest.Start(t, Plugin, newRecordedDaemon(t, machine).inputConfig(), e)
		for second := range 2 {
			if _, err := p.Within(2*time.Second, float64(second)); err != nil {
				t.Error(err)
			}
		}
		if n := strings.Count(log.String(), "once a second"); n != want {
			t.Errorf("%s: %d warnings, want %d", machine, n, want)
		}
	}
}

// A thousand containers are requested over ten connections, which are kept.
func TestManyContainersShareTenConnections(t *testing.T) {
	const n = 1000
	f := newDaemonOfMany(t, n)
	before := servicetest.CountDescriptors()
	p := startInput(t, f)
	p.Gather(0)
	open := servicetest.CountDescriptors() - before
	b, err := p.Batch(10)
	if err != nil || len(containerNames(b)) != n || b.Len() < 40*n {
		t.Errorf("%v, %d containers, %d samples", err, len(containerNames(b)), b.Len())
	}
	if open > 2*13+2 { // both ends of the connections for ten workers, the list, the engine and the disk usage
		t.Errorf("%d sockets", open)
	}
}

// Of many errors, only a few are reported.
func TestReportedErrorsAreBounded(t *testing.T) {
	const n = 50
	f := newDaemonOfMany(t, n)
	for i := range n {
		f.changePages(func(pages map[string]string) { pages[fmt.Sprintf("/v1.51/containers/%064x/stats", i+1)] = "<html>" })
	}
	b, err := startInput(t, f).Batch(0)
	if err == nil || strings.Count(err.Error(), "\n") != maxErrors || !strings.Contains(err.Error(), "and 47 more containers cannot be read") ||
		!strings.Contains(err.Error(), "an HTML page instead of the statistics of a container") || !strings.Contains(err.Error(), "container web-0: ") {
		t.Error(err)
	}
	if len(containerNames(b)) != n {
		t.Errorf("%d containers", len(containerNames(b)))
	}
}

// A container whose requests are never answered does not affect the others.
func TestHungContainerDoesNotAffectOthers(t *testing.T) {
	f := newDaemonOfMany(t, 30)
	release := make(chan struct{})
	defer close(release)
	f.beforeAnswer = func(path string) {
		if strings.HasSuffix(path, "7/stats") {
			<-release
		}
	}
	p := startInput(t, f)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	b := telemetry.NewBatch(time.Now(), time.Now(), 0)
	err := p.Input.Gatherer.Gather(ctx, b)
	if err == nil || strings.Count(err.Error(), "did not answer in time") != 2 || !strings.Contains(err.Error(), "container web-6: ") {
		t.Error(err)
	}
	got := dropServer(f, plugintest.ByKey(b))
	if _, has := got["docker_mem_usage_web-29"]; !has || len(containerNames(b)) != 30 || got["docker_up"] != 1 || got["docker_container_running_web-6"] != 1 {
		t.Errorf("%d containers", len(containerNames(b)))
	}
}

// Bad answers are errors that say what to do, and do not affect other inputs.
func TestMisbehaving(t *testing.T) {
	servers := httpxtest.Misbehaving(t)
	// The input has its own advice for these errors of httpx.
	for general, own := range map[string]string{"refuses the username": "set username", "allow this host": "allow it in the proxy"} {
		servers[own] = servers[general]
		delete(servers, general)
	}
	endpoint := func(addr string) string { return "{endpoint: 'http://" + addr + "'}" }
	plugintest.Misbehaving(t, Plugin, servers, endpoint, func(t *testing.T, _ string, b *telemetry.Batch) {
		if s, _, v := b.Sample(0); b.Len() != 1 || s.Name() != "docker_up" || v != 0 {
			t.Errorf("%d samples", b.Len())
		}
	})
}

// A truncated list is an error, and no container is reported.
func TestTruncatedListIsAnError(t *testing.T) {
	f := newRecordedDaemon(t, "docker-20.10-cgroup1")
	p := startInput(t, f)
	p.Gather(0)
	intact := ""
	f.changePages(func(pages map[string]string) { intact, pages[list] = pages[list], cutMark+pages[list] })
	if b, err := p.Batch(10); err == nil || !strings.Contains(err.Error(), "in the middle of its answer") || b.Len() != 1 {
		t.Errorf("%v", err)
	}
	f.changePages(func(pages map[string]string) { pages[list] = intact })
	if got := dropServer(f, p.Gather(20)); got["docker_container_running_web"] != 1 {
		t.Error("the input does not recover")
	}
}

// A bad page only costs the samples from that page.
func TestBadPageCostsOnlyItsSamples(t *testing.T) {
	for name, page := range map[string]string{
		"nothing":       "",
		"cut":           cutMark + strings.Repeat(" ", 10_000),
		"HTML":          "<html>",
		"noise":         "\x00\xff",
		"half":          `{"State":{"Status":"run`,
		"another type":  `[1,2]`,
		"ten megabytes": `{"a":"` + strings.Repeat("x", 10<<20) + `"}`,
	} {
		for _, path := range []string{web + "/json", web + "/stats", "/v1.41/info"} {
			if name == "nothing" && path == web+"/stats" {
				continue // this is how Podman reports a container that has ended
			}
			f := newRecordedDaemon(t, "docker-20.10-cgroup1")
			f.changePages(func(pages map[string]string) { pages[path] = page })
			b, err := startInput(t, f).Batch(0)
			if err == nil || len(err.Error()) > 400 || !cmp.Equal(containerNames(b), []string{"db", "never", "web"}) {
				t.Errorf("%s at %s: %v, %v", name, path, err, containerNames(b))
			}
		}
	}
}

// Many gathers from a daemon that comes and goes leak nothing. Each time it is back, everything is reported again.
func TestFlapping(t *testing.T) {
	f := newRecordedDaemon(t, "docker-20.10-cgroup1")
	p := startInput(t, f, "collect_disk_usage: false") // its answer may be truncated as well, which is an error
	p.Gather(0)
	before := servicetest.CountDescriptors()
	for i := range 100 {
		f.CloseClientConnections()
		if i%2 == 0 {
			f.refusePath("/v1.41/containers/json", 500)
			f.refusePath("/version", 500)
		}
		b, err := p.Batch(float64(10*i + 10))
		if i%2 == 0 && (err == nil || len(containerNames(b)) > 0) || i%2 == 1 && (err != nil || len(containerNames(b)) != 3) {
			t.Fatalf("round %d: %v, %v", i, err, containerNames(b))
		}
		f.refusePath("/v1.41/containers/json", 0)
		f.refusePath("/version", 0)
	}
	if now := servicetest.CountDescriptors(); now > before+8 {
		t.Errorf("%d sockets, %d before", now, before)
	}
}
