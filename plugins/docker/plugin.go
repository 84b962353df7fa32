// Package docker reports on the containers of Docker and Podman, their engine, its disk usage, and Docker's Swarm.
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
	engine     *engine         // nil: not wanted
	swarm      *swarm
	disk       *disk
}

func build(env plugins.Env, c Config) (*input, error) {
	at, err := c.place(os.Getenv)
	if err != nil {
		return nil, err
	}
	memory := guard.NewBudget(maxDecoded)
	connection := func() *client { return &client{Target: c.Target(at, env.Secrets), memory: memory} }
	in := &input{config: c, factory: env.Factory, log: env.Log, server: server(at), names: map[string]bool{}}
	in.daemon = daemon{front: connection(), side: connection(), connect: connection}
	in.up = env.Factory.Gauge("docker_up", telemetry.None, in.server)
	in.containers = telemetry.NewVec(env.Factory.Ephemeral(containerTTL), func(f *telemetry.Factory, name string) container {
		labels := []telemetry.Label{in.server, {Key: "container_name", Value: name}}
		return container{factory: f, config: &in.config, labels: labels}
	})
	if c.Engine {
		in.engine = newEngine(env.Factory, in.server)
	}
	if c.Swarm || c.GatherServices {
		in.swarm = newSwarm(env, in.server)
	}
	if c.DiskUsage {
		in.disk = newDisk(env, in.server, connection, c.DiskUsageInterval.D())
	}
	return in, nil
}

// containerTTL is how long the series of a container outlive its last sample at least. Many containers have random names and
// never come back; a day is enough to look into why one has gone.
const containerTTL = 24 * time.Hour

// minTime is how long a daemon needs whose statistics come once a second, with a margin.
const minTime = 3 * time.Second

// Gather implements plugins.Gatherer.
func (in *input) Gather(ctx context.Context, out *telemetry.Batch) error {
	in.daemon.front.memory.Renew()
	if err := in.daemon.open(ctx); err != nil {
		return in.isAway(out, err)
	}
	in.warnIfTooFast(ctx)
	var others crew.Crew
	var around overview
	if in.engine != nil || in.swarm != nil {
		others.Go(func() { around = in.lookAround(ctx) })
	}
	err := in.askContainers(ctx, out.At)
	others.Wait()
	if err != nil {
		return in.isAway(out, err)
	}
	out.Add(in.up, 1)
	errs := []error{in.addContainers(out), around.err}
	if around.info != nil && in.engine != nil {
		in.engine.add(out, around.info, in.daemon.api)
	}
	if around.info != nil && in.swarm != nil {
		in.swarm.add(out, around.info, around.swarm)
	}
	if in.disk != nil {
		errs = append(errs, in.disk.add(out, in.jobs))
		in.disk.start(out.At, in.daemon.path("/system/df"))
	}
	clear(in.jobs) // what was answered is large
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
	if ok && time.Until(deadline) < minTime && in.daemon.hasBeat() && !in.warnedTooFast {
		in.warnedTooFast = true
		in.log.Warn("Docker before 25 gives statistics once a second: choose an interval of 5s or more for this input")
	}
}

// isAway is for a daemon that does not list its containers. A gather that was given up says nothing about it.
func (in *input) isAway(out *telemetry.Batch, err error) error {
	in.daemon.api = 0 // it may be another one when it comes back
	if in.disk != nil {
		in.disk.drop()
	}
	if !errors.Is(err, context.Canceled) {
		out.Add(in.up, 0)
	}
	return err
}

// overview is what the daemon says beside its containers.
type overview struct {
	info  *info
	swarm swarmReply
	err   error
}

func (in *input) lookAround(ctx context.Context) (o overview) {
	o.info, o.err = ask[info](ctx, in.daemon.side, in.daemon.path("/info"), "", maxReply, "what a Docker engine says about itself")
	if o.err == nil && in.swarm != nil {
		o.swarm, o.err = in.swarm.ask(ctx, &in.daemon, o.info)
	}
	return o
}
