package docker

import (
	"slices"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/metric"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// container is identified by its name: a recreated container keeps its series.
type container struct {
	factory *telemetry.Factory
	config  *Config
	labels  []telemetry.Label // server, container_name

	seen      listedContainer // the list entry of the last inspection
	inspected time.Time
	details   *containerDetails // nil: unknown

	fromLabels []telemetry.Label // label_tags
	compose    [2]string         // project and service
	tags       []telemetry.Label // fromLabels and tag_env
	states     *stateSeries      // nil until needed
	usage      *usageSeries
	info       *metric.Info
}

// stateSeries has the series that a container has even when it does not run.
type stateSeries struct {
	running, state, health, streak, uptime, exitCode, oomKilled, cpuLimit, size, rootSize *telemetry.Series
	restarts                                                                              *telemetry.Total
}

// stateNames returns the states of containers. The index is the value of docker_container_state.
func stateNames() []string {
	return []string{"created", "running", "paused", "restarting", "removing", "exited", "dead"}
}

// job is a container in one gather.
type job struct {
	*container
	listed *listedContainer
	fresh  *containerDetails // details; nil: not requested or not received
	stats  *stats            // nil: not requested, not received or not running
	gone   bool              // removed since it was listed
	err    error
}

// maxDetailsAge is the maximum age of a container's details. Most changes show in the list as another state or status ("Up 3 seconds
// (healthy)"), but Podman does not list the health, and no daemon lists that a process was killed for memory.
const maxDetailsAge = time.Minute

// isStale reports whether the details must be requested.
func (c *container) isStale(l *listedContainer, now time.Time) bool {
	age := now.Sub(c.inspected)
	return c.details == nil || c.seen.ID != l.ID || c.seen.State != l.State || c.seen.Status != l.Status || age >= maxDetailsAge || age < 0
}

// addSamples appends the samples of a container.
func (j *job) addSamples(out *telemetry.Batch, windows bool) {
	j.storeReplies(out.At)
	if j.states == nil {
		j.states = newStateSeries(j.taggedFactory(), j.labels)
	}
	out.Add(j.states.running, metric.Bool(j.listed.State == "running"))
	if n := slices.Index(stateNames(), j.listed.State); n >= 0 {
		out.Add(j.states.state, float64(n))
	}
	if j.details != nil {
		j.addDetails(out)
	}
	j.addInfo(out)
	if j.stats == nil {
		return
	}
	if j.usage == nil {
		j.usage = newUsageSeries(j.taggedFactory(), j.labels)
	}
	j.usage.addStats(out, j.stats, windows)
}

// storeReplies stores what was received. The counters of a restarted container begin at zero.
func (j *job) storeReplies(now time.Time) {
	isOther := j.seen.ID != j.listed.ID
	if isOther {
		j.seen, j.details = listedContainer{ID: j.listed.ID}, nil
		j.readLabels(j.listed)
	}
	if isOther || j.fresh != nil && (j.details == nil || !j.details.State.StartedAt.Equal(j.fresh.State.StartedAt.Time)) {
		j.resetCounters()
	}
	if j.fresh != nil {
		j.seen.State, j.seen.Status = j.listed.State, j.listed.Status
		j.inspected, j.details = now, j.fresh
	}
	if isOther || j.fresh != nil {
		j.resetIfTagsChanged()
	}
}

func (c *container) resetCounters() {
	if c.usage != nil {
		c.usage.resetCounters()
	}
}

func (c *container) readLabels(l *listedContainer) {
	labels := l.decodeLabels()
	c.fromLabels = nil
	for _, name := range c.config.LabelTags {
		if labels[name] != "" {
			c.fromLabels = append(c.fromLabels, telemetry.Label{Key: name, Value: labels[name]})
		}
	}
	c.compose = [2]string{labels["com.docker.compose.project"], labels["com.docker.compose.service"]}
}

// resetIfTagsChanged drops the series if their tags have changed, so that new ones are made.
func (c *container) resetIfTagsChanged() {
	tags := slices.Clone(c.fromLabels)
	if c.details != nil {
		for _, variable := range c.details.Config.Env {
			name, value, _ := strings.Cut(variable, "=")
			if value != "" && slices.Contains(c.config.TagEnv, name) {
				tags = append(tags, telemetry.Label{Key: name, Value: value})
			}
		}
		c.details.Config.Env = nil // it may contain secrets
	}
	if !slices.Equal(tags, c.tags) {
		c.tags, c.states, c.usage, c.info = tags, nil, nil, nil
	}
}

func (c *container) taggedFactory() *telemetry.Factory {
	if len(c.tags) == 0 {
		return c.factory
	}
	return c.factory.With(c.tags...)
}

func newStateSeries(f *telemetry.Factory, labels []telemetry.Label) *stateSeries {
	gauge := func(name string, u telemetry.Unit) *telemetry.Series {
		return f.Gauge("docker_container_"+name, u, labels...)
	}
	return &stateSeries{
		running:   gauge("running", telemetry.None),
		state:     gauge("state", telemetry.None),
		health:    gauge("health", telemetry.None),
		streak:    gauge("health_failing_streak", telemetry.None),
		uptime:    gauge("uptime", telemetry.Seconds),
		exitCode:  gauge("exit_code", telemetry.None),
		oomKilled: gauge("oom_killed", telemetry.None),
		size:      gauge("size", telemetry.Bytes),
		rootSize:  gauge("root_size", telemetry.Bytes),
		cpuLimit:  f.Gauge("docker_cpu_limit", telemetry.None, labels...),
		restarts:  f.Counter("docker_container_restarts", telemetry.None, labels...),
	}
}

func (j *job) addDetails(out *telemetry.Batch) {
	state, s := &j.details.State, j.states
	s.restarts.Add(out, j.details.RestartCount)
	out.Add(s.oomKilled, metric.Bool(state.OOMKilled))
	if limit := j.details.cpuLimit(); limit > 0 {
		out.Add(s.cpuLimit, limit)
	}
	if state.StartedAt.IsZero() {
		return // never started
	}
	if j.listed.State != "running" && j.listed.State != "paused" {
		out.Add(s.exitCode, state.ExitCode)
		return
	}
	now := out.Began
	if j.stats != nil {
		now = j.stats.Read.Time // by the daemon's clock
	}
	out.Add(s.uptime, max(0, now.Sub(state.StartedAt.Time).Seconds()))
	if health, ok := healthValue(j.healthStatus()); ok {
		out.Add(s.health, health)
		out.Add(s.streak, state.Health.FailingStreak)
	}
}

func healthValue(text string) (n float64, ok bool) {
	switch text {
	case "unhealthy":
		return 0, true
	case "healthy":
		return 1, true
	case "starting":
		return 2, true
	}
	return 0, false
}

// healthStatus returns the result of the health check, "" if there is none.
func (c *container) healthStatus() string {
	if c.details == nil || c.details.State.Health == nil || c.details.State.Health.Status == "none" {
		return ""
	}
	return c.details.State.Health.Status
}

func (j *job) addInfo(out *telemetry.Batch) {
	if j.info == nil {
		j.info = metric.NewInfo(j.taggedFactory(), "docker_container_info", j.labels...)
	}
	j.info.Add(out,
		telemetry.Label{Key: "container_id", Value: j.listed.ID[:min(len(j.listed.ID), shortID)]},
		telemetry.Label{Key: "container_image", Value: j.listed.Image},
		telemetry.Label{Key: "container_status", Value: j.listed.State},
		telemetry.Label{Key: "health", Value: j.healthStatus()},
		telemetry.Label{Key: "compose_project", Value: j.compose[0]},
		telemetry.Label{Key: "compose_service", Value: j.compose[1]})
}
