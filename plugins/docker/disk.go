package docker

import (
	"context"
	"sync"
	"time"

	"github.com/rtcollector/rtcollector/internal/crew"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

// disk asks what images, containers, volumes and the build cache take on disk. That takes the daemon long on a large host:
// it is asked beside the gathers, by one at a time, and whichever gather comes next writes what it said.
type disk struct {
	every      time.Duration
	connection func() *client
	due        time.Time
	kinds      [4]diskSeries

	stop    context.CancelFunc
	running sync.WaitGroup
	mu      sync.Mutex
	isBusy  bool
	answer  *diskUsage
	err     error
}

type diskSeries struct{ size, reclaimable, items, active *telemetry.Series }

// amounts is one line of "docker system df".
type amounts struct{ size, reclaimable, items, active float64 }

func newDisk(env plugins.Env, server telemetry.Label, connection func() *client, every time.Duration) *disk {
	f := env.Factory.With().Every(max(every, env.Interval))
	d := &disk{every: every, connection: connection, stop: func() {}}
	for i, kind := range []string{"images", "containers", "volumes", "build_cache"} {
		gauge := func(name string, u telemetry.Unit) *telemetry.Series {
			return f.Gauge("docker_disk_"+name, u, server, telemetry.Label{Key: "type", Value: kind})
		}
		d.kinds[i] = diskSeries{gauge("size", telemetry.Bytes), gauge("reclaimable", telemetry.Bytes), gauge("items", telemetry.None), gauge("active", telemetry.None)}
	}
	return d
}

// minTimeout bounds a request if disk_usage_interval is shorter. The request outlives the gather, so its deadline is not the
// gather's.
const minTimeout = 10 * time.Minute

// start asks, if it is time and nobody waits for an answer.
func (d *disk) start(now time.Time, path string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.isBusy || now.Before(d.due) && d.due.Sub(now) <= d.every { // a clock that was set back makes it due
		return
	}
	d.isBusy, d.due = true, now.Add(d.every)
	var ctx context.Context
	ctx, d.stop = context.WithTimeout(context.Background(), max(d.every, minTimeout))
	d.running.Go(func() { d.run(ctx, path) })
}

func (d *disk) run(ctx context.Context, path string) {
	c := d.connection() // and its buffer, which is large, go with it
	defer c.Close()
	var answer *diskUsage
	err := crew.Catch(func() (err error) {
		answer, err = ask[diskUsage](ctx, c, path, "", maxDisk, "the disk usage of a Docker daemon")
		return err
	})
	d.end(answer, err)
}

func (d *disk) end(answer *diskUsage, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stop()
	d.isBusy, d.answer, d.err = false, answer, err
}

// add writes an answer that has come since the last gather.
func (d *disk) add(out *telemetry.Batch, jobs []job) error {
	d.mu.Lock()
	answer, err := d.answer, d.err
	d.answer, d.err = nil, nil
	d.mu.Unlock()
	if answer == nil {
		return err
	}
	for i, a := range answer.amounts() {
		s := &d.kinds[i]
		out.Add(s.size, a.size)
		out.Add(s.reclaimable, a.reclaimable)
		out.Add(s.items, a.items)
		out.Add(s.active, a.active)
	}
	sizes := make(map[string][2]float64, len(answer.Containers))
	for _, c := range answer.Containers {
		sizes[c.ID] = [2]float64{c.SizeRw, c.SizeRootFs}
	}
	for i := range jobs {
		j := &jobs[i]
		if size, ok := sizes[j.listed.ID]; ok && j.states != nil && !j.gone {
			out.Add(j.states.size, size[0])
			out.Add(j.states.rootSize, size[1])
		}
	}
	return nil
}

// drop forgets what it said before it went away, and makes it due when it is back.
func (d *disk) drop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.answer, d.err, d.due = nil, nil, time.Time{}
}

func (d *disk) close() {
	d.mu.Lock()
	d.stop()
	d.mu.Unlock()
	d.running.Wait()
}

// known is a size; -1 stands for one that is not known.
func known(v float64) float64 {
	if possible(v) {
		return v
	}
	return 0
}

// amounts adds up as "docker system df" does (docker/cli, cli/command/formatter/disk_usage.go).
func (u *diskUsage) amounts() [4]amounts {
	return [4]amounts{u.images(), u.containers(), u.volumes(), u.buildCache()}
}

func (u *diskUsage) images() (a amounts) {
	var used, alone float64
	for _, i := range u.Images {
		own := max(0, known(i.Size)-known(i.SharedSize))
		alone += own
		a.items++
		if i.Containers > 0 {
			a.active++
			used += own
		}
	}
	a.size = known(u.LayersSize)
	if a.size == 0 { // Podman
		a.size = alone
	}
	a.reclaimable = max(0, a.size-used)
	return a
}

func (u *diskUsage) containers() (a amounts) {
	for _, c := range u.Containers {
		a.items++
		a.size += known(c.SizeRw)
		switch c.State {
		case "running", "paused", "restarting":
			a.active++
		default:
			a.reclaimable += known(c.SizeRw)
		}
	}
	return a
}

func (u *diskUsage) volumes() (a amounts) {
	for _, v := range u.Volumes {
		a.items++
		if v.UsageData == nil {
			continue
		}
		size := known(v.UsageData.Size)
		a.size += size
		if v.UsageData.RefCount > 0 {
			a.active++
		} else {
			a.reclaimable += size
		}
	}
	return a
}

func (u *diskUsage) buildCache() (a amounts) {
	for _, c := range u.BuildCache {
		a.items++
		if c.InUse {
			a.active++
		}
		if c.Shared {
			continue // it belongs to an image
		}
		a.size += known(c.Size)
		if !c.InUse {
			a.reclaimable += known(c.Size)
		}
	}
	return a
}
