package docker

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"strings"

	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

// engine are the series of the daemon as a whole.
type engine struct {
	factory                                                    *telemetry.Factory
	server                                                     telemetry.Label
	containers, running, paused, stopped, images, cpus, memory *telemetry.Series
	known                                                      [6]string
	info                                                       *telemetry.Series
}

func newEngine(f *telemetry.Factory, server telemetry.Label) *engine {
	gauge := func(name string) *telemetry.Series { return f.Gauge("docker_engine_"+name, telemetry.None, server) }
	return &engine{
		factory: f, server: server,
		containers: gauge("containers"), running: gauge("containers_running"), paused: gauge("containers_paused"),
		stopped: gauge("containers_stopped"), images: gauge("images"), cpus: gauge("cpus"),
		memory: f.Gauge("docker_engine_memory", telemetry.Bytes, server),
	}
}

func (e *engine) add(out *telemetry.Batch, i *info, api int) {
	out.Add(e.containers, i.Containers)
	out.Add(e.running, i.ContainersRunning)
	out.Add(e.paused, i.ContainersPaused)
	out.Add(e.stopped, i.ContainersStopped)
	out.Add(e.images, i.Images)
	if i.NCPU > 0 { // 0 is not known
		out.Add(e.cpus, i.NCPU)
	}
	if i.MemTotal > 0 {
		out.Add(e.memory, i.MemTotal)
	}
	now := [6]string{i.Name, i.ServerVersion, "1." + strconv.Itoa(api), i.Driver, i.CgroupVersion, i.OperatingSystem}
	if e.info == nil || now != e.known {
		e.known = now
		var details []telemetry.Label
		for n, key := range []string{"engine_host", "server_version", "api_version", "storage_driver", "cgroup_version", "os"} {
			details = append(details, telemetry.Label{Key: key, Value: now[n]})
		}
		e.info = e.factory.Info("docker_engine_info", []telemetry.Label{e.server}, details...)
	}
	out.Add(e.info, 1)
}

// swarm are the series of a Swarm, which only its managers know.
type swarm struct {
	factory         *telemetry.Factory
	log             *slog.Logger
	server          telemetry.Label
	nodes, managers *telemetry.Series
	services        *telemetry.Vec[string, serviceSeries]
	hosts           *telemetry.Vec[string, nodeSeries]
	told            bool // that this node manages nothing
}

type serviceSeries struct {
	running, desired, completed, info *telemetry.Series
	known                             [3]string
}

type nodeSeries struct {
	ready, active, leader, info *telemetry.Series
	known                       [4]string
}

func newSwarm(env plugins.Env, server telemetry.Label) *swarm {
	f := env.Factory
	return &swarm{
		factory: f, log: env.Log, server: server,
		nodes: f.Gauge("docker_swarm_nodes", telemetry.None, server), managers: f.Gauge("docker_swarm_managers", telemetry.None, server),
		services: telemetry.NewVec(f, func(f *telemetry.Factory, name string) serviceSeries {
			gauge := func(what string) *telemetry.Series {
				return f.Gauge("docker_service_"+what, telemetry.None, server, telemetry.Label{Key: "service", Value: name})
			}
			return serviceSeries{running: gauge("replicas_running"), desired: gauge("replicas_desired"), completed: gauge("tasks_completed")}
		}),
		hosts: telemetry.NewVec(f, func(f *telemetry.Factory, name string) nodeSeries {
			gauge := func(what string) *telemetry.Series {
				return f.Gauge("docker_node_"+what, telemetry.None, server, telemetry.Label{Key: "node", Value: name})
			}
			return nodeSeries{ready: gauge("ready"), active: gauge("active"), leader: gauge("leader")}
		}),
	}
}

// ask asks about services and nodes, where this node may know them.
func (s *swarm) ask(ctx context.Context, d *daemon, i *info) (r swarmReply, err error) {
	if !i.Swarm.ControlAvailable {
		if !s.told {
			s.log.Warn("no services and nodes are reported: this node is no manager of a Swarm", "server", d.side.String())
		}
		s.told = true
		return r, nil
	}
	s.told = false
	services, err := ask[[]service](ctx, d.side, d.path("/services"), "status=true", maxSwarm, "the services of a Swarm")
	nodes, errNodes := ask[[]node](ctx, d.side, d.path("/nodes"), "", maxSwarm, "the nodes of a Swarm")
	return swarmReply{services, nodes}, errors.Join(err, errNodes)
}

// swarmReply has nil for what is not known.
type swarmReply struct {
	services *[]service
	nodes    *[]node
}

func (s *swarm) add(out *telemetry.Batch, i *info, r swarmReply) {
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

func (s *swarm) addServices(out *telemetry.Batch, all []service) {
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
		now := [3]string{image, spec.mode(), spec.Labels["com.docker.stack.namespace"]}
		if to.info == nil || now != to.known {
			to.known = now
			to.info = s.factory.Info("docker_service_info", []telemetry.Label{s.server, {Key: "service", Value: spec.Name}},
				telemetry.Label{Key: "image", Value: now[0]}, telemetry.Label{Key: "mode", Value: now[1]}, telemetry.Label{Key: "stack", Value: now[2]})
		}
		out.Add(to.info, 1)
	}
	s.services.Sweep(out)
}

// addNodes writes the nodes by their host's name. One that joined again is there twice: the one that is ready counts.
func (s *swarm) addNodes(out *telemetry.Batch, all []node) {
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
		out.Add(to.ready, truth(n.Status.State == "ready"))
		out.Add(to.active, truth(n.Spec.Availability == "active"))
		if n.ManagerStatus != nil {
			out.Add(to.leader, truth(n.ManagerStatus.Leader))
		}
		now := [4]string{n.Spec.Role, n.Status.State, n.Spec.Availability, n.Description.Engine.EngineVersion}
		if to.info == nil || now != to.known {
			to.known = now
			var details []telemetry.Label
			for i, key := range []string{"role", "state", "availability", "server_version"} {
				details = append(details, telemetry.Label{Key: key, Value: now[i]})
			}
			to.info = s.factory.Info("docker_node_info", []telemetry.Label{s.server, {Key: "node", Value: name}}, details...)
		}
		out.Add(to.info, 1)
	}
	s.hosts.Sweep(out)
}
