package docker

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

const (
	web  = "/v1.41/containers/1c4aa4cd9adce82636e78c97844d4f70cf2913030c1ad0b0316568b4130d4527"
	list = "/v1.41/containers/json"
)

func startInput(t testing.TB, f *fakeDaemon, config ...string) *plugintest.Probe {
	return plugintest.Start(t, Plugin, f.inputConfig(config...), plugintest.Env("docker", ""))
}

// containerNames returns the names of the containers in a batch.
func containerNames(b *telemetry.Batch) []string {
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
	f := newRecordedDaemon(t, "docker-20.10-cgroup1")
	for config, want := range map[string]string{
		"max_workers: 1":                                               "db never web",
		"container_name_include: [e]":                                  "never web", // a plain word matches as a substring
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
		b, err := startInput(t, f, strings.Trim(config, "{}")).Batch(0)
		if got := strings.Join(containerNames(b), " "); err != nil || got != want {
			t.Errorf("%s selects %q, %v, want %q", config, got, err, want)
		}
	}
}

// If the settings exclude stopped containers, the request does not list them.
func TestOnlyRunningAreListed(t *testing.T) {
	for states, want := range map[string]bool{"running": false, "running, paused, restarting": false, "exited": true, "": true, "'*'": true} {
		f := newRecordedDaemon(t, "docker-20.10-cgroup1")
		if _, err := startInput(t, f, "container_state_include: ["+states+"]").Batch(0); err != nil {
			t.Error(err)
		}
		if query := f.lastQuery(list); (query == "all=true") != want {
			t.Errorf("[%s] requests %q", states, query)
		}
	}
}

// extraLabels returns the labels of a series, without those that all series have.
func extraLabels(t *testing.T, b *telemetry.Batch, name, container string) string {
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
	f := newRecordedDaemon(t, "docker-20.10-cgroup1")
	p := startInput(t, f, "label_tags: [team, missing, com.docker.compose.project]", "tag_env: [COLOR]")
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
		got := extraLabels(t, b, name, container)
		if name == "docker_net_rx_bytes" || name == "docker_blkio_device_read_bytes" { // the first of two series
			got = strings.NewReplacer("eth1", "eth0", "8:16", "8:0").Replace(got)
		}
		if got != want {
			t.Errorf("%s has %q, want %q", series, got, want)
		}
	}
}

// A recreated container keeps its keys, has other labels, and has no rates at first.
func TestRecreatedContainerKeepsItsKeys(t *testing.T) {
	f := newRecordedDaemon(t, "docker-20.10-cgroup1")
	p := startInput(t, f, "label_tags: [team]", "collect_disk_usage: false")
	p.Gather(0)
	before := p.Gather(10)
	f.changePages(func(pages map[string]string) {
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
			t.Errorf("%s is missing", key)
		}
		if isRate && has && strings.Contains(key, "_web") {
			t.Errorf("%s is %v", key, after[key])
		}
	}
	if got := extraLabels(t, b, "docker_container_info", "web"); !strings.Contains(got, "container_id=2c4aa4cd9adc container_image=hello:new container_status=running team=y") {
		t.Error(got)
	}
	if got := extraLabels(t, b, "docker_mem_usage", "web"); got != "team=y" {
		t.Error(got)
	}
}

// The same, if only the usage of the new container is known, and it is higher than that of the old one.
func TestRecreatedContainerWithoutDetails(t *testing.T) {
	f := newRecordedDaemon(t, "docker-20.10-cgroup1")
	p := startInput(t, f)
	p.Gather(0)
	now := strings.Replace(web, "1c4aa", "2c4aa", 1)
	f.changePages(func(pages map[string]string) {
		pages[now+"/stats"] = strings.ReplaceAll(pages[web+"/stats"], "$NANOS", "90000000000")
		pages[list] = strings.Replace(pages[list], `"Id":"1c4aa`, `"Id":"2c4aa`, 1)
	})
	f.refusePath(now+"/json", 500)
	b, err := p.Batch(10)
	got := dropServer(f, plugintest.ByKey(b))
	if err == nil || got["docker_cpu_usage_web"] != 90 {
		t.Errorf("%v, %v", err, got["docker_cpu_usage_web"])
	}
	for _, key := range []string{"docker_cpu_usage_rate_web", "docker_cpu_percent_web"} {
		if v, has := got[key]; has {
			t.Errorf("%s is %v", key, v)
		}
	}
}

// A decreasing CPU time causes no negative percentage.
func TestDecreasingCPUTimeHasNoPercentage(t *testing.T) {
	f := newRecordedDaemon(t, "docker-20.10-cgroup1")
	p := startInput(t, f)
	p.Gather(0)
	f.replaceText(web+"/stats", "$NANOS", "1000")
	if v, has := dropServer(f, p.Gather(10))["docker_cpu_percent_web"]; has {
		t.Errorf("%v", v)
	}
}

// The info series has values that are not numbers as labels, which change.
func TestInfoLabelsFollowTheState(t *testing.T) {
	f := newRecordedDaemon(t, "docker-20.10-cgroup1")
	p := startInput(t, f)
	p.Gather(0)
	f.replaceText(list, `"State":"running","Status":"Up 2 seconds"`, `"State":"paused","Status":"Up 2 seconds (Paused)"`)
	b, err := p.Batch(10)
	if got := extraLabels(t, b, "docker_container_info", "web"); err != nil || !strings.Contains(got, "container_status=paused") {
		t.Errorf("%v: %s", err, got)
	}
}

// The uptime uses the clock of the daemon, which may differ from ours.
func TestUptimeUsesTheDaemonsClock(t *testing.T) {
	f := newRecordedDaemon(t, "docker-20.10-cgroup1")
	if got := dropServer(f, startInput(t, f).Gather(5000))["docker_container_uptime_web"]; got != 10 {
		t.Errorf("%v s", got)
	}
}

// The environment of a container may contain secrets. Variables that are not in tag_env are not kept.
func TestEnvironmentIsNotKept(t *testing.T) {
	f := newRecordedDaemon(t, "docker-20.10-cgroup1")
	p := startInput(t, f, "tag_env: [COLOR]")
	p.Gather(0)
	in, ok := p.Input.Gatherer.(*input)
	if !ok {
		t.Fatal("the gatherer has an unexpected type")
	}
	for name, c := range in.containers.All() {
		if c.details == nil || len(c.details.Config.Env) > 0 {
			t.Errorf("%s: %+v", name, c.details)
		}
	}
}

// Of two containers with the same name, only the first is reported.
func TestSecondContainerOfANameIsLeftOut(t *testing.T) {
	f := newRecordedDaemon(t, "docker-20.10-cgroup1")
	f.replaceText(list, `"Names":["/db"]`, `"Names":["/web"]`)
	b, err := startInput(t, f).Batch(0)
	if err != nil || !cmp.Equal(containerNames(b), []string{"never", "web"}) {
		t.Errorf("%v, %v", containerNames(b), err)
	}
	plugintest.Possible(t, b)
}

// Removed interfaces and devices are forgotten.
func TestRemovedInterfacesAndDevicesAreForgotten(t *testing.T) {
	u := newUsageSeries(telemetry.NewFactory("h", "docker", nil), nil)
	s := &stats{Networks: map[string]network{"eth0": {}}}
	s.Blkio.Bytes = []blkio{{Major: 8, Op: "Read", Value: 1}}
	for second := range 9 {
		u.addStats(telemetry.NewBatch(time.Unix(int64(second), 0), time.Unix(int64(second), 0), 0), s, false)
		s = &stats{}
	}
	if u.interfaces.Len()+u.devices.Len() > 0 {
		t.Errorf("%d interfaces, %d devices", u.interfaces.Len(), u.devices.Len())
	}
}

// A restarted container has no rates at first, even if its counters exceed the old values.
func TestRestartedContainerHasNoRates(t *testing.T) {
	f := newRecordedDaemon(t, "docker-20.10-cgroup1")
	p := startInput(t, f)
	p.Gather(0)
	key := "docker_cpu_percent_" + strings.TrimPrefix(f.URL, "http://") + "_web"
	rate := strings.Replace(key, "percent", "usage_rate", 1)
	f.replaceText(list, "Up 2 seconds", "Up Less than a second")
	f.replaceText(web+"/json", `"StartedAt":"2023-11-14T22:13:10Z"`, `"StartedAt":"2023-11-14T22:13:25Z"`)
	f.replaceText(web+"/json", `"RestartCount":4`, `"RestartCount":5`)
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

// After a failed reading, the next reading has rates.
func TestFailedReadingKeepsRates(t *testing.T) {
	f := newRecordedDaemon(t, "docker-20.10-cgroup1")
	p := startInput(t, f)
	p.Gather(0)
	f.refusePath(web+"/stats", http.StatusInternalServerError)
	b, err := p.Batch(10)
	if err == nil || !strings.Contains(err.Error(), `answers 500 Internal Server Error to GET `+web+`/stats: "because"`) || len(containerNames(b)) != 3 {
		t.Errorf("%v, of %v", err, containerNames(b))
	}
	f.refusePath(web+"/stats", 0)
	if got := dropServer(f, p.Gather(20)); got["docker_cpu_percent_web"] != 20 || got["docker_cpu_usage_rate_web"] == 0 {
		t.Errorf("%v", got["docker_cpu_percent_web"])
	}
}

// A container that is removed during a gather is not an error and is no longer reported.
func TestContainerRemovedDuringGatherIsNoError(t *testing.T) {
	for name, change := range map[string]func(f *fakeDaemon){
		"removed after the list": func(f *fakeDaemon) { f.refusePath(web+"/json", 404); f.refusePath(web+"/stats", 404) },
		"ended after the list": func(f *fakeDaemon) {
			f.refusePath(web+"/stats", 409)
			f.replaceText(web+"/json", `"Running":true`, `"Running":false`)
		},
		"ended, says Podman": func(f *fakeDaemon) { f.changePages(func(pages map[string]string) { pages[web+"/stats"] = "" }) },
		"ended, says Docker": func(f *fakeDaemon) { f.replaceText(web+"/stats", "$READ", "0001-01-01T00:00:00Z") },
		"removed before":     func(f *fakeDaemon) { f.replaceText(list, `"/web"`, `"/other"`); f.replaceText(list, `"/db/web",`, "") },
	} {
		f := newRecordedDaemon(t, "docker-20.10-cgroup1")
		p := startInput(t, f)
		p.Gather(0)
		change(f)
		b, err := p.Batch(10)
		_, used := dropServer(f, plugintest.ByKey(b))["docker_mem_usage_web"]
		if isRemoved := strings.HasPrefix(name, "removed"); err != nil || used || slices.Contains(containerNames(b), "web") == isRemoved {
			t.Errorf("%s: %v, %v, used: %v", name, err, containerNames(b), used)
		}
	}
}

// The details of an unchanged container are requested once a minute.
func TestDetailsAreRequestedOnceAMinute(t *testing.T) {
	f := newRecordedDaemon(t, "docker-20.10-cgroup1")
	p := startInput(t, f)
	for second := range 6 {
		p.Gather(float64(10 * second))
	}
	if n := f.countRequests(web + "/json"); n != 1 {
		t.Errorf("%d requests in a minute", n)
	}
	p.Gather(60)
	if n := f.countRequests(web + "/json"); n != 2 {
		t.Errorf("%d requests after a minute", n)
	}
	f.replaceText(list, "Up 2 seconds", "Up About a minute (healthy)")
	p.Gather(70)
	if n := f.countRequests(web + "/json"); n != 3 {
		t.Errorf("%d requests after a change", n)
	}
}

// Only the series of containers are ephemeral.
func TestContainersAreEphemeral(t *testing.T) {
	b, err := startInput(t, newRecordedDaemon(t, "docker-20.10-cgroup1")).Batch(0)
	if err != nil {
		t.Fatal(err)
	}
	for i := range b.Len() {
		s, _, _ := b.Sample(i)
		isContainer := slices.ContainsFunc(s.Labels(), func(l telemetry.Label) bool { return l.Key == "container_name" })
		if isEphemeral := s.TTL() == containerTTL; isEphemeral != isContainer {
			t.Errorf("%s has TTL %v", s, s.TTL())
		}
	}
}
