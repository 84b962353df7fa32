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

// slowDisk is an input whose daemon says what the disk holds only when it is released.
func slowDisk(t *testing.T) (in *input, f *fake, asked <-chan struct{}, release func()) {
	f = recorded(t, "docker-20.10-cgroup1")
	free, asks := make(chan struct{}), make(chan struct{}, 10)
	f.hook = func(path string) {
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

// Disk usage takes its time: gathers do not wait for it, it is not asked for twice, and written once.
func TestDiskUsage(t *testing.T) {
	in, f, asked, release := slowDisk(t)
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
			t.Error("an answer before there is one")
		}
	}
	release()
	in.disk.running.Wait()
	if len(asked) != 1 {
		t.Errorf("asked %d times at once", len(asked))
	}
	if got := gather(603)[key]; got != 5000 {
		t.Errorf("%v", got)
	}
	in.disk.running.Wait()
	if _, has := gather(610)[key]; !has || len(asked) != 2 { // it was due again
		t.Errorf("%v, asked %d times", has, len(asked))
	}
	if _, has := gather(620)[key]; has || len(asked) != 2 {
		t.Errorf("written twice: %v, asked %d times", has, len(asked))
	}
	f.refuse("/v1.41/system/df", 500)
	gather(950)
	in.disk.running.Wait()
	at := time.Unix(960, 0)
	if err := in.Gather(t.Context(), telemetry.NewBatch(at, at, 0)); err == nil || !strings.Contains(err.Error(), "500 Internal Server Error to GET /v1.41/system/df") {
		t.Error(err)
	}
}

// What the disk usage failed of while the daemon was away is no news when it is back.
func TestDiskUsageOfDaemonThatWasAway(t *testing.T) {
	f := recorded(t, "docker-20.10-cgroup1")
	p := plugintest.Start(t, patientPlugin(), f.config(), plugintest.Env("docker", ""))
	f.refuse("/v1.41/system/df", 500)
	p.Gather(0)
	f.refuse(list, 500)
	if _, err := p.Batch(10); err == nil || strings.Contains(err.Error(), "/system/df") {
		t.Error(err)
	}
	f.refuse(list, 0)
	f.refuse("/v1.41/system/df", 0)
	p.Gather(20)
	if got := local(f, p.Gather(30)); got["docker_disk_size_images"] != 5000 {
		t.Errorf("%v", got["docker_disk_size_images"])
	}
}

// Closing does not wait for a daemon that takes its time.
func TestCloseEndsDiskUsage(t *testing.T) {
	in, _, asked, release := slowDisk(t)
	defer release()
	if err := in.Gather(t.Context(), telemetry.NewBatch(time.Now(), time.Now(), 0)); err != nil {
		t.Error(err)
	}
	<-asked
	_ = in.Close()
}

func TestVersions(t *testing.T) {
	for _, c := range []struct {
		version, min string
		want         int
		ok           bool
	}{
		{"1.41", "1.12", 41, true}, {"1.52", "1.44", newestAPI, true}, {"1.80", "1.60", 60, true}, {"1.24", "", 24, true},
		{"", "", 0, false}, {"2.0", "1.12", 0, false}, {"1.x", "", 0, false}, {"1.-3", "", 0, false},
	} {
		v := version{APIVersion: c.version, MinAPIVersion: c.min}
		if got, ok := v.api(); ok != c.ok || ok && got != c.want {
			t.Errorf("%v: %d, %v", c, got, ok)
		}
	}
}

// After an upgrade the daemon may refuse the version that was agreed on.
func TestUpgradedDaemon(t *testing.T) {
	f := recorded(t, "docker-20.10-cgroup1")
	p := start(t, f)
	p.Gather(0)
	f.change(func(pages map[string]string) {
		for path, page := range maps.Clone(pages) {
			pages[strings.Replace(path, "/v1.41/", "/v1.44/", 1)] = page
		}
		pages["/version"] = strings.NewReplacer(`"1.41"`, `"1.44"`, `"1.12"`, `"1.44"`).Replace(pages["/version"])
	})
	f.refuse(list, http.StatusBadRequest)
	if b, err := p.Batch(10); err == nil || !strings.Contains(err.Error(), "400 Bad Request to GET "+list) || len(names(b)) > 0 || local(f, plugintest.ByKey(b))["docker_up"] != 0 {
		t.Errorf("%v", err)
	}
	if got := local(f, p.Gather(20)); got["docker_up"] != 1 || got["docker_container_running_web"] != 1 {
		t.Error("it does not recover")
	}
}

// Where the daemon answers with a beat of its own, all are asked at once.
func TestCrew(t *testing.T) {
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
		if got := len(d.connections(c.containers, 10)); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
}

// A node that manages no Swarm says so once.
func TestNoManager(t *testing.T) {
	f := recorded(t, "docker-20.10-cgroup1")
	var log strings.Builder
	e := plugintest.Env("docker", "")
	e.Log = slog.New(slog.NewTextHandler(&log, nil))
	p := plugintest.Start(t, Plugin, f.config("swarm_enabled: true", "collect_engine_metrics: false"), e)
	p.Gather(0)
	p.Gather(10)
	if n := strings.Count(log.String(), "not a manager of a Swarm"); n != 1 {
		t.Errorf("said %d times", n)
	}
}

// An interval that is too short for the beat is warned of.
func TestShortInterval(t *testing.T) {
	for machine, want := range map[string]int{"docker-20.10-cgroup1": 1, "podman-4.3": 0, "docker-29-cgroup2": 0} {
		var log strings.Builder
		e := plugintest.Env("docker", "")
		e.Log = slog.New(slog.NewTextHandler(&log, nil))
		p := plugintest.Start(t, Plugin, recorded(t, machine).config(), e)
		for second := range 2 {
			if _, err := p.Within(2*time.Second, float64(second)); err != nil {
				t.Error(err)
			}
		}
		if n := strings.Count(log.String(), "once a second"); n != want {
			t.Errorf("%s: said %d times, want %d", machine, n, want)
		}
	}
}

// A thousand containers are asked over ten connections, which are kept.
func TestManyContainers(t *testing.T) {
	const n = 1000
	f := many(t, n)
	before := servicetest.CountDescriptors()
	p := start(t, f)
	p.Gather(0)
	open := servicetest.CountDescriptors() - before
	b, err := p.Batch(10)
	if err != nil || len(names(b)) != n || b.Len() < 40*n {
		t.Errorf("%v, %d containers, %d samples", err, len(names(b)), b.Len())
	}
	if open > 2*13+2 { // both ends; ten workers, the list, the engine, disk usage
		t.Errorf("%d sockets", open)
	}
}

// Of many errors a few are told.
func TestManyErrors(t *testing.T) {
	const n = 50
	f := many(t, n)
	for i := range n {
		f.change(func(pages map[string]string) { pages[fmt.Sprintf("/v1.51/containers/%064x/stats", i+1)] = "<html>" })
	}
	b, err := start(t, f).Batch(0)
	if err == nil || strings.Count(err.Error(), "\n") != maxErrors || !strings.Contains(err.Error(), "and 47 more containers cannot be read") ||
		!strings.Contains(err.Error(), "an HTML page instead of the statistics of a container") || !strings.Contains(err.Error(), "container web-0: ") {
		t.Error(err)
	}
	if len(names(b)) != n {
		t.Errorf("%d containers", len(names(b)))
	}
}

// A container that the daemon says nothing about, for ever, costs the others nothing.
func TestOneHangs(t *testing.T) {
	f := many(t, 30)
	release := make(chan struct{})
	defer close(release)
	f.hook = func(path string) {
		if strings.HasSuffix(path, "7/stats") {
			<-release
		}
	}
	p := start(t, f)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	b := telemetry.NewBatch(time.Now(), time.Now(), 0)
	err := p.Input.Gatherer.Gather(ctx, b)
	if err == nil || strings.Count(err.Error(), "did not answer in time") != 2 || !strings.Contains(err.Error(), "container web-6: ") {
		t.Error(err)
	}
	got := local(f, plugintest.ByKey(b))
	if _, has := got["docker_mem_usage_web-29"]; !has || len(names(b)) != 30 || got["docker_up"] != 1 || got["docker_container_running_web-6"] != 1 {
		t.Errorf("%d containers", len(names(b)))
	}
}

// Bad answers are errors that say what to do, and cost nobody else anything.
func TestMisbehaving(t *testing.T) {
	servers := httpxtest.Misbehaving(t)
	for said, here := range map[string]string{"refuses the username": "set username", "allow this host": "allow it in the proxy"} {
		servers[here] = servers[said]
		delete(servers, said)
	}
	endpoint := func(addr string) string { return "{endpoint: 'http://" + addr + "'}" }
	plugintest.Misbehaving(t, Plugin, servers, endpoint, func(t *testing.T, _ string, b *telemetry.Batch) {
		if s, _, v := b.Sample(0); b.Len() != 1 || s.Name() != "docker_up" || v != 0 {
			t.Errorf("%d samples", b.Len())
		}
	})
}

// A list that is cut is no list.
func TestListIsCut(t *testing.T) {
	f := recorded(t, "docker-20.10-cgroup1")
	p := start(t, f)
	p.Gather(0)
	whole := ""
	f.change(func(pages map[string]string) { whole, pages[list] = pages[list], cut+pages[list] })
	if b, err := p.Batch(10); err == nil || !strings.Contains(err.Error(), "in the middle of its answer") || b.Len() != 1 {
		t.Errorf("%v", err)
	}
	f.change(func(pages map[string]string) { pages[list] = whole })
	if got := local(f, p.Gather(20)); got["docker_container_running_web"] != 1 {
		t.Error("it does not recover")
	}
}

// One page that is bad costs only what is in it.
func TestOneBadPage(t *testing.T) {
	for name, page := range map[string]string{"nothing": "", "cut": cut + strings.Repeat(" ", 10_000), "HTML": "<html>", "noise": "\x00\xff", "half": `{"State":{"Status":"run`, "another type": `[1,2]`, "ten megabytes": `{"a":"` + strings.Repeat("x", 10<<20) + `"}`} {
		for _, path := range []string{web + "/json", web + "/stats", "/v1.41/info"} {
			if name == "nothing" && path == web+"/stats" {
				continue // Podman's way to say that it has ended
			}
			f := recorded(t, "docker-20.10-cgroup1")
			f.change(func(pages map[string]string) { pages[path] = page })
			b, err := start(t, f).Batch(0)
			if err == nil || len(err.Error()) > 400 || !cmp.Equal(names(b), []string{"db", "never", "web"}) {
				t.Errorf("%s at %s: %v, %v", name, path, err, names(b))
			}
		}
	}
}

// Many gathers of a daemon that comes and goes leave nothing behind, and it is reported whole again each time.
func TestFlapping(t *testing.T) {
	f := recorded(t, "docker-20.10-cgroup1")
	p := start(t, f, "collect_disk_usage: false") // which may be cut, too, and says so
	p.Gather(0)
	before := servicetest.CountDescriptors()
	for i := range 100 {
		f.CloseClientConnections()
		if i%2 == 0 {
			f.refuse("/v1.41/containers/json", 500)
			f.refuse("/version", 500)
		}
		b, err := p.Batch(float64(10*i + 10))
		if i%2 == 0 && (err == nil || len(names(b)) > 0) || i%2 == 1 && (err != nil || len(names(b)) != 3) {
			t.Fatalf("round %d: %v, %v", i, err, names(b))
		}
		f.refuse("/v1.41/containers/json", 0)
		f.refuse("/version", 0)
	}
	if now := servicetest.CountDescriptors(); now > before+8 {
		t.Errorf("%d sockets, %d before", now, before)
	}
}
