// Package docker reports containers of Docker and Podman, the engine, its disk usage, and Docker's Swarm.
//
// config.go has the settings and selects containers. client.go has the connections to the daemon, reply.go the types of its answers.
// gather.go requests the containers; container.go and usage.go have their series. engine.go has the engine and the Swarm, disk.go the
// disk usage.
package docker

import (
	"context"
	_ "embed"
	"errors"
	"log/slog"
	"os"
	"time"

	"github.com/rtcollector/rtcollector/internal/crew"
	"github.com/rtcollector/rtcollector/internal/guard"
	"github.com/rtcollector/rtcollector/internal/httpx"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

//go:embed README.md
var readme string

// Plugin is the input's definition.
var Plugin = plugins.Poll("docker", "containers of Docker and Podman, the engine, disk usage, Swarm", defaults, build).
	As("docker_stats").OnRequest().Doc(readme + httpx.Readme)

type input struct {
	config        Config
	factory       *telemetry.Factory
	log           *slog.Logger
	daemon        daemon
	warnedTooFast bool
	server        telemetry.Label

	up         *telemetry.Series
	containers *telemetry.Vec[string, container]
	jobs       []job
	names      map[string]bool // of the containers of one gather
	engine     *engineSeries   // nil: not wanted
	swarm      *swarmPoller
	disk       *diskPoller
}

func build(env plugins.Env, c Config) (*input, error) {
	at, err := c.resolveEndpoint(os.Getenv)
	if err != nil {
		return nil, err
	}
	memory := guard.NewBudget(maxDecoded)
	connection := func() *client { return &client{Target: c.Target(at, env.Secrets), memory: memory} }
	in := &input{config: c, factory: env.Factory, log: env.Log, server: serverLabel(at), names: map[string]bool{}}
	in.daemon = daemon{listClient: connection(), engineClient: connection(), connect: connection}
	in.up = env.Factory.Gauge("docker_up", telemetry.None, in.server)
	in.containers = telemetry.NewVec(env.Factory.Ephemeral(containerTTL), func(f *telemetry.Factory, name string) container {
		labels := []telemetry.Label{in.server, {Key: "container_name", Value: name}}
		return container{factory: f, config: &in.config, labels: labels}
	})
	if c.Engine {
		in.engine = newEngineSeries(env.Factory, in.server)
	}
	if c.Swarm || c.GatherServices {
		in.swarm = newSwarmPoller(env, in.server)
	}
	if c.DiskUsage {
		in.disk = newDiskPoller(env, in.server, connection, c.DiskUsageInterval.D())
	}
	return in, nil
}

// containerTTL is the minimum time that the series of a container outlive its last sample. Many containers have random names and never
// come back. A day is enough to find out why one has gone.
const containerTTL = 24 * time.Hour

// minGatherTime is how long a daemon whose statistics come once a second needs for a gather, with a margin.
const minGatherTime = 3 * time.Second

// Gather implements plugins.Gatherer.
func (in *input) Gather(ctx context.Context, out *telemetry.Batch) error {
	in.daemon.listClient.memory.Renew()
	if err := in.daemon.determineAPI(ctx); err != nil {
		return in.reportDown(out, err)
	}
	in.warnIfTooFast(ctx)
	var engineRequest crew.Crew
	var answer engineAnswer
	if in.engine != nil || in.swarm != nil {
		engineRequest.Go(func() { answer = in.requestEngine(ctx) })
	}
	err := in.requestContainers(ctx, out.At)
	engineRequest.Wait()
	if err != nil {
		return in.reportDown(out, err)
	}
	out.Add(in.up, 1)
	errs := []error{in.addContainers(out), answer.err}
	if answer.info != nil && in.engine != nil {
		in.engine.addInfo(out, answer.info, in.daemon.api)
	}
	if answer.info != nil && in.swarm != nil {
		in.swarm.addReply(out, answer.info, answer.swarm)
	}
	if in.disk != nil {
		errs = append(errs, in.disk.addAnswer(out, in.jobs))
		in.disk.startRequest(out.At, in.daemon.versionedPath("/system/df"))
	}
	clear(in.jobs) // frees the answers, which are large
	return errors.Join(errs...)
}

// Close implements io.Closer.
func (in *input) Close() error {
	if in.disk != nil {
		in.disk.close()
	}
	in.daemon.close()
	return nil
}

// warnIfTooFast warns once if a gather has less time than the daemon needs.
func (in *input) warnIfTooFast(ctx context.Context) {
	deadline, ok := ctx.Deadline()
	if ok && time.Until(deadline) < minGatherTime && in.daemon.waitsForCollector() && !in.warnedTooFast {
		in.warnedTooFast = true
		in.log.Warn("Docker before 25 gives statistics once a second: choose an interval of 5s or more for this input")
	}
}

// reportDown reports a daemon that does not list its containers. A cancelled gather says nothing about the daemon.
func (in *input) reportDown(out *telemetry.Batch, err error) error {
	in.daemon.api = 0 // it may have another version when it comes back
	if in.disk != nil {
		in.disk.discardAnswer()
	}
	if !errors.Is(err, context.Canceled) {
		out.Add(in.up, 0)
	}
	return err
}

// engineAnswer is the answer about the engine and the Swarm.
type engineAnswer struct {
	info  *info
	swarm swarmReply
	err   error
}

func (in *input) requestEngine(ctx context.Context) (o engineAnswer) {
	o.info, o.err = requestJSON[info](ctx, in.daemon.engineClient, in.daemon.versionedPath("/info"), "", maxReply, "the description of a Docker engine")
	if o.err == nil && in.swarm != nil {
		o.swarm, o.err = in.swarm.requestReply(ctx, &in.daemon, o.info)
	}
	return o
}
