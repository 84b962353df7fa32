package docker

import (
	"strings"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

func recordedMachines() []string {
	return []string{"docker-20.10-cgroup1", "docker-20.10-cgroup2", "docker-29-cgroup2", "podman-4.3", "docker-windows"}
}

// recordedPages returns the recorded pages whose path has this suffix, with their placeholders replaced.
func recordedPages(f *testing.F, suffix string) (all []string) {
	for _, machine := range recordedMachines() {
		for path, page := range newRecordedDaemon(f, machine).pages {
			if strings.HasSuffix(path, suffix) && !strings.HasSuffix(path, "/containers"+suffix) {
				all = append(all, strings.NewReplacer("$READ", "2023-11-14T22:13:20Z", "$NANOS", "1000000000").Replace(page))
			}
		}
	}
	return all
}

func FuzzParseContainer(f *testing.F) {
	details, usages := recordedPages(f, "/json"), recordedPages(f, "/stats")
	for i := range max(len(details), len(usages)) {
		f.Add(details[i%len(details)], usages[i%len(usages)], i%2 == 0)
	}
	config := Config{TagEnv: []string{"COLOR"}}
	f.Fuzz(func(t *testing.T, details, usage string, windows bool) {
		c := container{factory: telemetry.NewFactory("h", "docker", nil), config: &config, labels: []telemetry.Label{{Key: "container_name", Value: "a"}}}
		for second := range 3 {
			j := job{container: &c, listed: &listedContainer{ID: "0123456789abcdef", State: "running"}}
			if fresh, err := decodeJSON[containerDetails]([]byte(details)); err == nil {
				j.fresh = fresh
			}
			if s, err := decodeJSON[stats]([]byte(usage)); err == nil {
				s.Read.Time = s.Read.Add(time.Duration(second) * time.Second)
				j.stats = s
			}
			at := time.Unix(int64(second), 0)
			b := telemetry.NewBatch(at, at, 0)
			j.addSamples(b, windows)
			plugintest.Possible(t, b)
		}
	})
}

func FuzzParseList(f *testing.F) {
	for _, machine := range recordedMachines() {
		for path, page := range newRecordedDaemon(f, machine).pages {
			if strings.HasSuffix(path, "/containers/json") {
				f.Add(page)
			}
		}
	}
	names := Names{}
	f.Fuzz(func(t *testing.T, page string) {
		all, err := decodeJSON[[]listedContainer]([]byte(page))
		if err != nil {
			return
		}
		for i := range *all {
			l := &(*all)[i]
			if name := l.name(); strings.Contains(name, "/") && name != l.ID[:min(len(l.ID), shortID)] || !names.includesContainer(name, l) {
				t.Errorf("%+v is called %q", l, name)
			}
			_ = l.decodeLabels()
		}
	})
}

func FuzzParseEngine(f *testing.F) {
	services, nodes, usage := recordedPages(f, "/services"), recordedPages(f, "/nodes"), recordedPages(f, "/df")
	for i, info := range recordedPages(f, "/info") {
		f.Add(info, services[0], nodes[0], usage[i])
	}
	f.Fuzz(func(t *testing.T, about, services, nodes, usage string) {
		e := plugintest.Env("docker", "")
		engine, swarm, disk := newEngineSeries(e.Factory, telemetry.Label{}), newSwarmPoller(e, telemetry.Label{}), newDiskPoller(e, telemetry.Label{}, nil, time.Minute)
		for second := range 2 {
			at := time.Unix(int64(second), 0)
			b := telemetry.NewBatch(at, at, 0)
			if i, err := decodeJSON[info]([]byte(about)); err == nil {
				var r swarmReply
				r.services, _ = decodeJSON[[]service]([]byte(services))
				r.nodes, _ = decodeJSON[[]node]([]byte(nodes))
				engine.addInfo(b, i, 41)
				swarm.addReply(b, i, r)
			}
			if answer, err := decodeJSON[diskUsage]([]byte(usage)); err == nil {
				disk.answer = answer
				_ = disk.addAnswer(b, nil)
			}
			plugintest.Possible(t, b)
		}
	})
}

func FuzzParseVersion(f *testing.F) {
	for _, page := range recordedPages(f, "/version") {
		f.Add(page)
	}
	f.Fuzz(func(t *testing.T, page string) {
		v, err := decodeJSON[version]([]byte(page))
		if err != nil {
			return
		}
		if api, ok := v.negotiateAPI(); ok && (api <= 0 || api > 999) {
			t.Errorf("%d", api)
		}
		_ = v.isPodman()
	})
}
