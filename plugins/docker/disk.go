package docker

import (
	"context"
	"sync"
	"time"

	"github.com/rtcollector/rtcollector/internal/crew"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

// diskPoller requests the disk usage of images, containers, volumes and the build cache. The daemon needs minutes for that on a large
// host, so the request runs in the background, one at a time, and the next gather writes the answer.
type diskPoller struct {
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

// diskAmounts is one line of "docker system df".
type diskAmounts struct{ size, reclaimable, items, active float64 }

func newDiskPoller(env plugins.Env, server telemetry.Label, connection func() *client, every time.Duration) *diskPoller {
	f := env.Factory.With().Every(max(every, env.Interval))
	d := &diskPoller{every: every, connection: connection, stop: func() {}}
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

// startRequest sends a request if one is due and none is running.
func (d *diskPoller) startRequest(now time.Time, path string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.isBusy || now.Before(d.due) && d.due.Sub(now) <= d.every { // a clock that was set back makes it due
		return
	}
	d.isBusy, d.due = true, now.Add(d.every)
	var ctx context.Context
	ctx, d.stop = context.WithTimeout(context.Background(), max(d.every, minTimeout))
	d.running.Go(func() { d.runRequest(ctx, path) })
}

func (d *diskPoller) runRequest(ctx context.Context, path string) {
	c := d.connection() // a new connection each time, because its buffer is large
	defer c.Close()
	var answer *diskUsage
	err := crew.Catch(func() (err error) {
		answer, err = requestJSON[diskUsage](ctx, c, path, "", maxDisk, "the disk usage of a Docker daemon")
		return err
	})
	d.storeAnswer(answer, err)
}

func (d *diskPoller) storeAnswer(answer *diskUsage, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stop()
	d.isBusy, d.answer, d.err = false, answer, err
}

// addAnswer appends the samples of an answer that was received since the last gather.
func (d *diskPoller) addAnswer(out *telemetry.Batch, jobs []job) error {
	d.mu.Lock()
	answer, err := d.answer, d.err
	d.answer, d.err = nil, nil
	d.mu.Unlock()
	if answer == nil {
		return err
	}
	for i, a := range answer.sumAmounts() {
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

// discardAnswer discards an answer after the daemon went away, and makes the next request due.
func (d *diskPoller) discardAnswer() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.answer, d.err, d.due = nil, nil, time.Time{}
}

func (d *diskPoller) close() {
	d.mu.Lock()
	d.stop()
	d.mu.Unlock()
	d.running.Wait()
}

// sizeOrZero returns a size, or 0 if it is unknown, which daemons report as -1.
func sizeOrZero(v float64) float64 {
	if isPossibleCount(v) {
		return v
	}
	return 0
}

// sumAmounts adds up as "docker system df" does (docker/cli, cli/command/formatter/disk_usage.go).
func (u *diskUsage) sumAmounts() [4]diskAmounts {
	return [4]diskAmounts{u.sumImages(), u.sumContainers(), u.sumVolumes(), u.sumBuildCache()}
}

func (u *diskUsage) sumImages() (a diskAmounts) {
	var used, alone float64
	for _, i := range u.Images {
		own := max(0, sizeOrZero(i.Size)-sizeOrZero(i.SharedSize))
		alone += own
		a.items++
		if i.Containers > 0 {
			a.active++
			used += own
		}
	}
	a.size = sizeOrZero(u.LayersSize)
	if a.size == 0 { // Podman
		a.size = alone
	}
	a.reclaimable = max(0, a.size-used)
	return a
}

func (u *diskUsage) sumContainers() (a diskAmounts) {
	for _, c := range u.Containers {
		a.items++
		a.size += sizeOrZero(c.SizeRw)
		switch c.State {
		case "running", "paused", "restarting":
			a.active++
		default:
			a.reclaimable += sizeOrZero(c.SizeRw)
		}
	}
	return a
}

func (u *diskUsage) sumVolumes() (a diskAmounts) {
	for _, v := range u.Volumes {
		a.items++
		if v.UsageData == nil {
			continue
		}
		size := sizeOrZero(v.UsageData.Size)
		a.size += size
		if v.UsageData.RefCount > 0 {
			a.active++
		} else {
			a.reclaimable += size
		}
	}
	return a
}

func (u *diskUsage) sumBuildCache() (a diskAmounts) {
	for _, c := range u.BuildCache {
		a.items++
		if c.InUse {
			a.active++
		}
		if c.Shared {
			continue // it belongs to an image
		}
		a.size += sizeOrZero(c.Size)
		if !c.InUse {
			a.reclaimable += sizeOrZero(c.Size)
		}
	}
	return a
}
