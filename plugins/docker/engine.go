package docker

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"strings"

	"github.com/rtcollector/rtcollector/internal/metric"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

// engineSeries has the series of the daemon as a whole.
type engineSeries struct {
	containers, running, paused, stopped, images, cpus, memory *telemetry.Series
	info                                                       *metric.Info
}

func newEngineSeries(f *telemetry.Factory, server telemetry.Label) *engineSeries {
	gauge := func(name string) *telemetry.Series { return f.Gauge("docker_engine_"+name, telemetry.None, server) }
	return &engineSeries{
		info:       metric.NewInfo(f, "docker_engine_info", server),
		containers: gauge("containers"), running: gauge("containers_running"), paused: gauge("containers_paused"),
		stopped: gauge("containers_stopped"), images: gauge("images"), cpus: gauge("cpus"),
		memory: f.Gauge("docker_engine_memory", telemetry.Bytes, server),
	}
}

func (e *engineSeries) addInfo(out *telemetry.Batch, i *info, api int) {
	out.Add(e.containers, i.Containers)
	out.Add(e.running, i.ContainersRunning)
	out.Add(e.paused, i.ContainersPaused)
	out.Add(e.stopped, i.ContainersStopped)
	out.Add(e.images, i.Images)
	if i.NCPU > 0 { // 0: unknown
		out.Add(e.cpus, i.NCPU)
	}
	if i.MemTotal > 0 {
		out.Add(e.memory, i.MemTotal)
	}
	e.info.Add(out,
		telemetry.Label{Key: "engine_host", Value: i.Name},
		telemetry.Label{Key: "server_version", Value: i.ServerVersion},
		telemetry.Label{Key: "api_version", Value: "1." + strconv.Itoa(api)},
		telemetry.Label{Key: "storage_driver", Value: i.Driver},
		telemetry.Label{Key: "cgroup_version", Value: i.CgroupVersion},
		telemetry.Label{Key: "os", Value: i.OperatingSystem})
}

// swarmPoller requests the services and nodes of a Swarm and has their series. Only managers of the Swarm can report them.
type swarmPoller struct {
	log              *slog.Logger
	server           telemetry.Label
	nodes, managers  *telemetry.Series
	services         *telemetry.Vec[string, serviceSeries]
	hosts            *telemetry.Vec[string, nodeSeries]
	warnedNotManager bool // that this node is not a manager
}

type serviceSeries struct {
	running, desired, completed *telemetry.Series
	info                        *metric.Info
}

type nodeSeries struct {
	ready, active, leader *telemetry.Series
	info                  *metric.Info
}

func newSwarmPoller(env plugins.Env, server telemetry.Label) *swarmPoller {
	f := env.Factory
	return &swarmPoller{
		log: env.Log, server: server,
		nodes: f.Gauge("docker_swarm_nodes", telemetry.None, server), managers: f.Gauge("docker_swarm_managers", telemetry.None, server),
		services: telemetry.NewVec(f, func(f *telemetry.Factory, name string) serviceSeries {
			labels := []telemetry.Label{server, {Key: "service", Value: name}}
			gauge := func(what string) *telemetry.Series { return f.Gauge("docker_service_"+what, telemetry.None, labels...) }
			return serviceSeries{
				running: gauge("replicas_running"), desired: gauge("replicas_desired"), completed: gauge("tasks_completed"),
				info: metric.NewInfo(f, "docker_service_info", labels...),
			}
		}),
		hosts: telemetry.NewVec(f, func(f *telemetry.Factory, name string) nodeSeries {
			labels := []telemetry.Label{server, {Key: "node", Value: name}}
			gauge := func(what string) *telemetry.Series { return f.Gauge("docker_node_"+what, telemetry.None, labels...) }
			return nodeSeries{ready: gauge("ready"), active: gauge("active"), leader: gauge("leader"), info: metric.NewInfo(f, "docker_node_info", labels...)}
		}),
	}
}

// requestReply requests services and nodes if this node is a manager.
func (s *swarmPoller) requestReply(ctx context.Context, d *daemon, i *info) (r swarmReply, err error) {
	if !i.Swarm.ControlAvailable {
		if !s.warnedNotManager {
			s.log.Warn("services and nodes are not reported, because this node is not a manager of a Swarm", "server", d.engineClient.String())
		}
		s.warnedNotManager = true
		return r, nil
	}
	s.warnedNotManager = false
	services, err := requestJSON[[]service](ctx, d.engineClient, d.versionedPath("/services"), "status=true", maxSwarm, "the services of a Swarm")
	nodes, errNodes := requestJSON[[]node](ctx, d.engineClient, d.versionedPath("/nodes"), "", maxSwarm, "the nodes of a Swarm")
	return swarmReply{services, nodes}, errors.Join(err, errNodes)
}

// swarmReply has services and nodes; nil: unknown.
type swarmReply struct {
	services *[]service
	nodes    *[]node
}

func (s *swarmPoller) addReply(out *telemetry.Batch, i *info, r swarmReply) {
	if i.Swarm.ControlAvailable {
		out.Add(s.nodes, i.Swarm.Nodes)
		out.Add(s.managers, i.Swarm.Managers)
	}
	if r.services != nil {
		s.addServices(out, *r.services)
	}
	if r.nodes != nil {
		s.addNodes(out, *r.nodes)
	}
}

func (s *swarmPoller) addServices(out *telemetry.Batch, all []service) {
	written := map[string]bool{}
	for i := range all {
		spec, status := &all[i].Spec, all[i].ServiceStatus
		if spec.Name == "" || written[spec.Name] {
			continue
		}
		written[spec.Name] = true
		to := s.services.Get(spec.Name)
		if status != nil { // Docker 20.10
			out.Add(to.running, status.RunningTasks)
			out.Add(to.desired, status.DesiredTasks)
			out.Add(to.completed, status.CompletedTasks)
		}
		image, _, _ := strings.Cut(spec.TaskTemplate.ContainerSpec.Image, "@")
		to.info.Add(out,
			telemetry.Label{Key: "image", Value: image},
			telemetry.Label{Key: "mode", Value: spec.modeName()},
			telemetry.Label{Key: "stack", Value: spec.Labels["com.docker.stack.namespace"]})
	}
	s.services.Sweep(out)
}

// addNodes appends the samples of nodes by host name. A host that joined again is listed twice; the node that is ready counts.
func (s *swarmPoller) addNodes(out *telemetry.Batch, all []node) {
	best := map[string]*node{}
	for i := range all {
		n := &all[i]
		name := n.Description.Hostname
		if known := best[name]; name != "" && (known == nil || known.Status.State != "ready") {
			best[name] = n
		}
	}
	for name, n := range best {
		to := s.hosts.Get(name)
		out.Add(to.ready, metric.Bool(n.Status.State == "ready"))
		out.Add(to.active, metric.Bool(n.Spec.Availability == "active"))
		if n.ManagerStatus != nil {
			out.Add(to.leader, metric.Bool(n.ManagerStatus.Leader))
		}
		to.info.Add(out,
			telemetry.Label{Key: "role", Value: n.Spec.Role},
			telemetry.Label{Key: "state", Value: n.Status.State},
			telemetry.Label{Key: "availability", Value: n.Spec.Availability},
			telemetry.Label{Key: "server_version", Value: n.Description.Engine.EngineVersion})
	}
	s.hosts.Sweep(out)
}
