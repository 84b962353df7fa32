package docker

import (
	"slices"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/metric"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// container is whatever has a name: one that is made anew under the same goes on with its series.
type container struct {
	factory *telemetry.Factory
	config  *Config
	labels  []telemetry.Label // server, container_name

	seen      listed // as it was inspected
	inspected time.Time
	details   *inspected // nil: not known

	fromLabels []telemetry.Label // what its labels say about its series
	compose    [2]string         // project and service
	tags       []telemetry.Label // fromLabels, and what its environment says
	states     *states           // nil until they are needed
	usage      *usage
	info       *metric.Info
}

// states are the series that a container has also when it does not run.
type states struct {
	running, state, health, streak, uptime, exitCode, oomKilled, cpuLimit, size, rootSize *telemetry.Series
	restarts                                                                              *telemetry.Total
}

// stateNames are the states that containers have, by their number in docker_container_state.
func stateNames() []string {
	return []string{"created", "running", "paused", "restarting", "removing", "exited", "dead"}
}

// job is a container in one gather.
type job struct {
	*container
	listed *listed
	fresh  *inspected // details; nil: not asked for, or not got
	stats  *stats     // nil: as fresh, or it does not run
	gone   bool       // since it was listed
	err    error
}

// maxAge is how old the details of a container may get. Most changes of them show in the list, as another state or status
// ("Up 3 seconds (healthy)"); Podman says nothing of health there, and nobody whether a process was killed for memory.
const maxAge = time.Minute

// isStale says whether the details must be asked for.
func (c *container) isStale(l *listed, now time.Time) bool {
	age := now.Sub(c.inspected)
	return c.details == nil || c.seen.ID != l.ID || c.seen.State != l.State || c.seen.Status != l.Status || age >= maxAge || age < 0
}

// add writes what is known of a container now.
func (j *job) add(out *telemetry.Batch, windows bool) {
	j.learn(out.At)
	if j.states == nil {
		j.states = newStates(j.tagged(), j.labels)
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
		j.usage = newUsage(j.tagged(), j.labels)
	}
	j.usage.add(out, j.stats, windows)
}

// learn takes what is new. A container that was started again counts from zero.
func (j *job) learn(now time.Time) {
	isOther := j.seen.ID != j.listed.ID
	if isOther {
		j.seen, j.details = listed{ID: j.listed.ID}, nil
		j.readLabels(j.listed)
	}
	if isOther || j.fresh != nil && (j.details == nil || !j.details.State.StartedAt.Equal(j.fresh.State.StartedAt.Time)) {
		j.forget()
	}
	if j.fresh != nil {
		j.seen.State, j.seen.Status = j.listed.State, j.listed.Status
		j.inspected, j.details = now, j.fresh
	}
	if isOther || j.fresh != nil {
		j.retag()
	}
}

func (c *container) forget() {
	if c.usage != nil {
		c.usage.forget()
	}
}

func (c *container) readLabels(l *listed) {
	labels := l.labels()
	c.fromLabels = nil
	for _, name := range c.config.LabelTags {
		if labels[name] != "" {
			c.fromLabels = append(c.fromLabels, telemetry.Label{Key: name, Value: labels[name]})
		}
	}
	c.compose = [2]string{labels["com.docker.compose.project"], labels["com.docker.compose.service"]}
}

// retag makes the series anew when they must have other tags.
func (c *container) retag() {
	tags := slices.Clone(c.fromLabels)
	if c.details != nil {
		for _, variable := range c.details.Config.Env {
			name, value, _ := strings.Cut(variable, "=")
			if value != "" && slices.Contains(c.config.TagEnv, name) {
				tags = append(tags, telemetry.Label{Key: name, Value: value})
			}
		}
		c.details.Config.Env = nil // there are secrets in it
	}
	if !slices.Equal(tags, c.tags) {
		c.tags, c.states, c.usage, c.info = tags, nil, nil, nil
	}
}

func (c *container) tagged() *telemetry.Factory {
	if len(c.tags) == 0 {
		return c.factory
	}
	return c.factory.With(c.tags...)
}

func newStates(f *telemetry.Factory, labels []telemetry.Label) *states {
	gauge := func(name string, u telemetry.Unit) *telemetry.Series {
		return f.Gauge("docker_container_"+name, u, labels...)
	}
	return &states{
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
		return // it never ran
	}
	if j.listed.State != "running" && j.listed.State != "paused" {
		out.Add(s.exitCode, state.ExitCode)
		return
	}
	now := out.At
	if j.stats != nil {
		now = j.stats.Read.Time // by the clock of the daemon
	}
	out.Add(s.uptime, max(0, now.Sub(state.StartedAt.Time).Seconds()))
	if health, ok := healthNumber(j.health()); ok {
		out.Add(s.health, health)
		out.Add(s.streak, state.Health.FailingStreak)
	}
}

func healthNumber(text string) (n float64, ok bool) {
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

// health is what its check says; "" when there is none.
func (c *container) health() string {
	if c.details == nil || c.details.State.Health == nil || c.details.State.Health.Status == "none" {
		return ""
	}
	return c.details.State.Health.Status
}

func (j *job) addInfo(out *telemetry.Batch) {
	if j.info == nil {
		j.info = metric.NewInfo(j.tagged(), "docker_container_info", j.labels...)
	}
	j.info.Add(out,
		telemetry.Label{Key: "container_id", Value: j.listed.ID[:min(len(j.listed.ID), shortID)]},
		telemetry.Label{Key: "container_image", Value: j.listed.Image},
		telemetry.Label{Key: "container_status", Value: j.listed.State},
		telemetry.Label{Key: "health", Value: j.health()},
		telemetry.Label{Key: "compose_project", Value: j.compose[0]},
		telemetry.Label{Key: "compose_service", Value: j.compose[1]})
}
