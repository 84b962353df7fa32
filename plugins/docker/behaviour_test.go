package docker

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/httpx/httpxtest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

const (
	web  = "/v1.41/containers/1c4aa4cd9adce82636e78c97844d4f70cf2913030c1ad0b0316568b4130d4527"
	list = "/v1.41/containers/json"
)

func start(t testing.TB, f *fake, config ...string) *plugintest.Probe {
	return plugintest.Start(t, Plugin, f.config(config...), plugintest.Env("docker", ""))
}

// names are the containers that a gather reports.
func names(b *telemetry.Batch) []string {
	found := map[string]bool{}
	for i := range b.Len() {
		s, _, _ := b.Sample(i)
		for _, l := range s.Instance() {
			if l.Key == "container_name" {
				found[l.Value] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

func TestFilters(t *testing.T) {
	f := recorded(t, "docker-20.10-cgroup1")
	for config, want := range map[string]string{
		"max_workers: 1":                                               "db never web",
		"container_name_include: [e]":                                  "never web", // a plain word fits anywhere
		"container_name_include: ['e*']":                               "",
		"container_name_include: ['n*', '~^d']":                        "db never",
		"container_name_exclude: [web]":                                "db never",
		"{container_name_include: [e], container_name_exclude: [nev]}": "web",
		"image_include: [hello]":                                       "db never web",
		"image_exclude: ['hello:*']":                                   "",
		"container_state_include: [running]":                           "web",
		"container_state_exclude: ['~^(created|exited)$']":             "web",
		"docker_label_include: [app]":                                  "db web",
		"docker_label_include: [team=x]":                               "web",
		"docker_label_include: ['team=*']":                             "web",
		"docker_label_include: [team=y]":                               "",
		"docker_label_exclude: [app=x]":                                "never",
		"{docker_label_include: [app], docker_label_exclude: [team]}":  "db",
	} {
		b, err := start(t, f, strings.Trim(config, "{}")).Batch(0)
		if got := strings.Join(names(b), " "); err != nil || got != want {
			t.Errorf("%s takes %q, %v, want %q", config, got, err, want)
		}
	}
}

// When none that has ended is wanted, the daemon is not asked to list them.
func TestOnlyRunningAreListed(t *testing.T) {
	for states, want := range map[string]bool{"running": false, "running, paused, restarting": false, "exited": true, "": true, "'*'": true} {
		f := recorded(t, "docker-20.10-cgroup1")
		if _, err := start(t, f, "container_state_include: ["+states+"]").Batch(0); err != nil {
			t.Error(err)
		}
		if query := f.query(list); (query == "all=true") != want {
			t.Errorf("[%s] asks for %q", states, query)
		}
	}
}

// labels returns those of a series that not all have.
func labels(t *testing.T, b *telemetry.Batch, name, container string) string {
	t.Helper()
	for i := range b.Len() {
		s, _, _ := b.Sample(i)
		var own []string
		is := false
		for _, l := range s.Labels() {
			is = is || l.Key == "container_name" && l.Value == container
			if !slices.Contains([]string{"host", "source", "environment", "server", "unit", "container_name"}, l.Key) {
				own = append(own, l.Key+"="+l.Value)
			}
		}
		if s.Name() == name && is {
			return strings.Join(own, " ")
		}
	}
	return "none"
}

func TestLabels(t *testing.T) {
	f := recorded(t, "docker-20.10-cgroup1")
	p := start(t, f, "label_tags: [team, missing, com.docker.compose.project]", "tag_env: [COLOR]")
	b, err := p.Batch(0)
	if err != nil {
		t.Fatal(err)
	}
	const tags = "COLOR=blue com.docker.compose.project=shop"
	for series, want := range map[string]string{
		"docker_cpu_online web":              tags + " team=x",
		"docker_net_rx_bytes web":            tags + " interface=eth0 team=x",
		"docker_blkio_device_read_bytes web": tags + " device=8:0 team=x",
		"docker_container_running db":        "",
		"docker_container_info db":           "container_id=38d0108d5cfb container_image=hello:imp container_status=exited",
		"docker_container_info web":          tags[:11] + "com.docker.compose.project=shop compose_project=shop compose_service=web container_id=1c4aa4cd9adc container_image=hello:imp container_status=running team=x",
	} {
		name, container, _ := strings.Cut(series, " ")
		got := labels(t, b, name, container)
		if name == "docker_net_rx_bytes" || name == "docker_blkio_device_read_bytes" { // of the first of two
			got = strings.NewReplacer("eth1", "eth0", "8:16", "8:0").Replace(got)
		}
		if got != want {
			t.Errorf("%s has %q, want %q", series, got, want)
		}
	}
}

// A container that is made anew under its name keeps its keys, has no rates at first, and other labels.
func TestMadeAnew(t *testing.T) {
	f := recorded(t, "docker-20.10-cgroup1")
	p := start(t, f, "label_tags: [team]", "collect_disk_usage: false")
	p.Gather(0)
	before := p.Gather(10)
	f.change(func(pages map[string]string) {
		for _, page := range []string{"/json", "/stats"} {
			pages[strings.Replace(web, "1c4aa", "2c4aa", 1)+page] = pages[web+page]
			delete(pages, web+page)
		}
		pages[list] = strings.NewReplacer(`"Id":"1c4aa`, `"Id":"2c4aa`, `"team":"x"`, `"team":"y"`, "hello:imp", "hello:new").Replace(pages[list])
	})
	b, err := p.Batch(20)
	if err != nil {
		t.Fatal(err)
	}
	after := plugintest.ByKey(b)
	for key := range before {
		_, has := after[key]
		isRate := strings.Contains(key, "_rate_") || strings.Contains(key, "docker_cpu_percent")
		if !isRate && !has {
			t.Errorf("%s is gone", key)
		}
		if isRate && has && strings.Contains(key, "_web") {
			t.Errorf("%s is %v", key, after[key])
		}
	}
	if got := labels(t, b, "docker_container_info", "web"); !strings.Contains(got, "container_id=2c4aa4cd9adc container_image=hello:new container_status=running team=y") {
		t.Error(got)
	}
	if got := labels(t, b, "docker_mem_usage", "web"); got != "team=y" {
		t.Error(got)
	}
}

// A container that was started again has no rates, even if it has counted further than before.
func TestRestarted(t *testing.T) {
	f := recorded(t, "docker-20.10-cgroup1")
	p := start(t, f)
	p.Gather(0)
	key := "docker_cpu_percent_" + strings.TrimPrefix(f.URL, "http://") + "_web"
	rate := strings.Replace(key, "percent", "usage_rate", 1)
	f.replace(list, "Up 2 seconds", "Up Less than a second")
	f.replace(web+"/json", `"StartedAt":"2023-11-14T22:13:10Z"`, `"StartedAt":"2023-11-14T22:13:25Z"`)
	f.replace(web+"/json", `"RestartCount":4`, `"RestartCount":5`)
	got := p.Gather(10)
	for _, k := range []string{key, rate, strings.Replace(key, "cpu_percent", "net_rx_bytes_rate", 1) + "_eth0", strings.Replace(key, "cpu_percent", "blkio_device_read_bytes_rate", 1) + "_8:0"} {
		if v, has := got[k]; has {
			t.Errorf("%s is %v", k, v)
		}
	}
	if got := got[strings.Replace(key, "cpu_percent", "container_restarts", 1)]; got != 5 {
		t.Errorf("%v restarts", got)
	}
	if got := p.Gather(20); got[key] != 20 || got[rate] != .2 {
		t.Errorf("afterwards %v and %v", got[key], got[rate])
	}
}

// One reading that fails costs no rates.
func TestMissedReading(t *testing.T) {
	f := recorded(t, "docker-20.10-cgroup1")
	p := start(t, f)
	p.Gather(0)
	f.refuse(web+"/stats", http.StatusInternalServerError)
	b, err := p.Batch(10)
	if err == nil || !strings.Contains(err.Error(), `answers 500 Internal Server Error to GET `+web+`/stats: "because"`) || len(names(b)) != 3 {
		t.Errorf("%v, of %v", err, names(b))
	}
	f.refuse(web+"/stats", 0)
	if got := local(f, p.Gather(20)); got["docker_cpu_percent_web"] != 20 || got["docker_cpu_usage_rate_web"] == 0 {
		t.Errorf("%v", got["docker_cpu_percent_web"])
	}
}

// A container that goes while it is asked about is no error, and is no longer reported.
func TestGone(t *testing.T) {
	for name, change := range map[string]func(f *fake){
		"removed after the list": func(f *fake) { f.refuse(web+"/json", 404); f.refuse(web+"/stats", 404) },
		"ended after the list": func(f *fake) {
			f.refuse(web+"/stats", 409)
			f.replace(web+"/json", `"Running":true`, `"Running":false`)
		},
		"ended, says Podman": func(f *fake) { f.change(func(pages map[string]string) { pages[web+"/stats"] = "" }) },
		"ended, says Docker": func(f *fake) { f.replace(web+"/stats", "$READ", "0001-01-01T00:00:00Z") },
		"removed before":     func(f *fake) { f.replace(list, `"/web"`, `"/other"`); f.replace(list, `"/db/web",`, "") },
	} {
		f := recorded(t, "docker-20.10-cgroup1")
		p := start(t, f)
		p.Gather(0)
		change(f)
		b, err := p.Batch(10)
		_, used := local(f, plugintest.ByKey(b))["docker_mem_usage_web"]
		if isRemoved := strings.HasPrefix(name, "removed"); err != nil || used || slices.Contains(names(b), "web") == isRemoved {
			t.Errorf("%s: %v, %v, used: %v", name, err, names(b), used)
		}
	}
}

// What does not change is not asked for again, but once a minute.
func TestDetailsAreKept(t *testing.T) {
	f := recorded(t, "docker-20.10-cgroup1")
	p := start(t, f)
	for second := range 6 {
		p.Gather(float64(10 * second))
	}
	if n := f.times(web + "/json"); n != 1 {
		t.Errorf("%d times in a minute", n)
	}
	p.Gather(60)
	if n := f.times(web + "/json"); n != 2 {
		t.Errorf("%d times after a minute", n)
	}
	f.replace(list, "Up 2 seconds", "Up About a minute (healthy)")
	p.Gather(70)
	if n := f.times(web + "/json"); n != 3 {
		t.Errorf("%d times after a change", n)
	}
}

// Disk usage takes its time: gathers do not wait for it, it is not asked for twice, and written once.
func TestDiskUsage(t *testing.T) {
	f := recorded(t, "docker-20.10-cgroup1")
	release, asked := make(chan struct{}), make(chan struct{}, 10)
	f.hook = func(path string) {
		if strings.HasSuffix(path, "/df") {
			asked <- struct{}{}
			<-release
		}
	}
	in, err := build(plugintest.Env("docker", ""), Config{Endpoint: f.URL, MaxWorkers: 2, DiskUsage: true, DiskUsageInterval: defaults().DiskUsageInterval})
	if err != nil {
		t.Fatal(err)
	}
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
	close(release)
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

// Closing does not wait for a daemon that takes its time.
func TestCloseEndsDiskUsage(t *testing.T) {
	f := recorded(t, "docker-20.10-cgroup1")
	release, asked := make(chan struct{}), make(chan struct{}, 1)
	defer close(release)
	f.hook = func(path string) {
		if strings.HasSuffix(path, "/df") {
			asked <- struct{}{}
			<-release
		}
	}
	in, err := build(plugintest.Env("docker", ""), Config{Endpoint: f.URL, MaxWorkers: 2, DiskUsage: true, DiskUsageInterval: defaults().DiskUsageInterval})
	if err != nil {
		t.Fatal(err)
	}
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
		if got := len(d.crew(c.containers, 10)); got != c.want {
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
	if n := strings.Count(log.String(), "no manager of a Swarm"); n != 1 {
		t.Errorf("said %d times", n)
	}
}

// A thousand containers are asked over ten connections, which are kept.
func TestManyContainers(t *testing.T) {
	const n = 1000
	f := many(t, n)
	before := httpxtest.Descriptors()
	p := start(t, f)
	p.Gather(0)
	open := httpxtest.Descriptors() - before
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
		!strings.Contains(err.Error(), "a page of HTML, not with the statistics of the container web-0") {
		t.Error(err)
	}
	if len(names(b)) != n {
		t.Errorf("%d containers", len(names(b)))
	}
}

// Bad answers are errors that say what to do, and cost nobody else anything.
func TestMisbehaving(t *testing.T) {
	for want, addr := range httpxtest.Misbehaving(t) {
		t.Run(want, func(t *testing.T) {
			p := plugintest.Start(t, Plugin, "{endpoint: 'http://me:hidden@"+addr+"'}", plugintest.Env("docker", ""))
			ctx, cancel := context.WithTimeout(t.Context(), httpxtest.Patience(want))
			defer cancel()
			b := telemetry.NewBatch(time.Now(), time.Now(), 0)
			err := p.Input.Gatherer.Gather(ctx, b)
			switch want {
			case "allow this host":
				want = "allow it in the proxy"
			}
			if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hidden") || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v, want %s", err, want)
			}
			if s, _, v := b.Sample(0); b.Len() != 1 || s.Name() != "docker_up" || v != 0 {
				t.Errorf("%d samples", b.Len())
			}
		})
	}
}

// One page that is bad costs only what is in it.
func TestOneBadPage(t *testing.T) {
	for name, page := range map[string]string{"nothing": "", "HTML": "<html>", "noise": "\x00\xff", "half": `{"State":{"Status":"run`, "another type": `[1,2]`, "ten megabytes": `{"a":"` + strings.Repeat("x", 10<<20) + `"}`} {
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
	before := httpxtest.Descriptors()
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
	if now := httpxtest.Descriptors(); now > before+8 {
		t.Errorf("%d sockets, %d before", now, before)
	}
}
