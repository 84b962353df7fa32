package cli

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path"
	"path/filepath"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/agent"
	"github.com/rtcollector/rtcollector/agent/config"
	"github.com/rtcollector/rtcollector/internal/pause"
)

// startupTime is the time after which the configuration is decoded, everything is connected and every series is known.
const startupTime = 30 * time.Second

// gcPercent lets the heap grow by half of the live memory between two collections, instead of doubling it. An agent makes little
// garbage, so collections stay tens of seconds apart, and a full queue costs one and a half times its size, not twice.
const gcPercent = 50

// limitHeapGrowth configures the garbage collector for a program that runs for years beside others, unless the user set GOGC.
func (a *App) limitHeapGrowth() {
	if _, set := a.Getenv("GOGC"); !set {
		debug.SetGCPercent(gcPercent)
	}
}

// What a limit of the memory of the process means. The rest is for what Go's runtime does not count, such as the program itself.
const (
	runtimeShare = 0.9  // of the limit: the collector works harder when the memory of Go comes close to this (GOMEMLIMIT)
	shrinkShare  = 0.75 // of the runtime's limit: queues are shortened when what is alive exceeds this
	restoreShare = 0.5  // of the runtime's limit: queues may have their full size again

	idleCheck, busyCheck = 5 * time.Second, time.Second // between two looks at the memory, below and above restoreShare
)

// memoryGuard keeps the memory of the process below a limit: first the garbage collector works harder, then queues drop their oldest.
type memoryGuard struct {
	agent *agent.Agent
	log   *slog.Logger
	root  string // of the file system; "/" except in tests

	limited int64 // bytes; 0: no limit
	end     func()
}

func newMemoryGuard(ag *agent.Agent, log *slog.Logger) memoryGuard {
	return memoryGuard{agent: ag, log: log, root: "/", end: func() {}}
}

// limit applies the limit of a configuration: max_memory, or else that of the control group. GOMEMLIMIT in the environment replaces both for
// the garbage collector.
func (g *memoryGuard) limit(cfg *config.Config, getenv func(string) (string, bool)) {
	bytes, source := int64(cfg.MaxMemory), "max_memory"
	if bytes == 0 {
		bytes, source = g.controlGroupLimit(), "memory.max of the control group"
	}
	if bytes == g.limited {
		return
	}
	g.stop()
	if g.limited > 0 {
		g.agent.RestoreQueues() // the old limit may have shortened them
	}
	g.limited = bytes
	runtimeLimit := int64(math.MaxInt64)
	if bytes > 0 {
		runtimeLimit = int64(float64(bytes) * runtimeShare)
	}
	if value, set := getenv("GOMEMLIMIT"); set {
		g.log.Warn("GOMEMLIMIT of the environment replaces max_memory for the garbage collector", "GOMEMLIMIT", value)
	} else {
		debug.SetMemoryLimit(runtimeLimit)
	}
	if bytes == 0 {
		return
	}
	g.log.Info("memory is limited", "limit", fmt.Sprintf("%d MB", bytes/1e6), "from", source)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		g.watch(ctx, runtimeLimit)
	}()
	g.end = func() {
		cancel()
		<-done
	}
}

// stop ends the care for the memory.
func (g *memoryGuard) stop() {
	g.end()
	g.end = func() {}
}

// watch shortens the queues while the memory that is alive comes close to the limit of the runtime.
func (g *memoryGuard) watch(ctx context.Context, limit int64) {
	var p pressure
	every := idleCheck
	for pause.Sleep(ctx, every) {
		alive, collections := readHeap()
		every = idleCheck
		if float64(alive) > restoreShare*float64(limit) {
			every = busyCheck
		}
		switch p.judge(alive, limit, collections) {
		case shrink:
			if p.isFirst() {
				g.log.Error("memory is short, the queues are shortened and drop their oldest; raise max_memory, or lower max_buffer_size",
					"alive", fmt.Sprintf("%d MB", alive/1e6), "limit", fmt.Sprintf("%d MB", g.limited/1e6))
			}
			g.agent.ShrinkQueues()
		case restore:
			g.log.Info("memory is no longer short, the queues have their full size again")
			g.agent.RestoreQueues()
		}
	}
}

// pressure decides what happens to the queues.
type pressure struct {
	shrunk      int    // how often in a row
	collections uint64 // when the queues were shortened
}

// Decisions of pressure.
type decision int

const (
	leave decision = iota
	shrink
	restore
)

// judge decides from the bytes that were alive at the last collection, and the number of collections so far. Until the next collection
// the effect of shortening the queues is unknown.
func (p *pressure) judge(alive, limit int64, collections uint64) decision {
	switch {
	case float64(alive) > shrinkShare*float64(limit) && (p.shrunk == 0 || collections > p.collections):
		p.shrunk, p.collections = p.shrunk+1, collections
		return shrink
	case float64(alive) < restoreShare*float64(limit) && p.shrunk > 0 && collections > p.collections:
		p.shrunk = 0
		return restore
	}
	return leave
}

func (p *pressure) isFirst() bool { return p.shrunk == 1 }

// readHeap returns how many bytes were alive at the last collection, and how many collections there were.
func readHeap() (alive int64, collections uint64) {
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/cycles/total:gc-cycles"}}
	metrics.Read(samples)
	return int64(min(samples[0].Value.Uint64(), math.MaxInt64)), samples[1].Value.Uint64()
}

// unlimited is above every limit of a control group that is meant. Version 1 has a huge number if there is none.
const unlimited = int64(1) << 50

// controlGroupLimit returns the lowest limit of memory of the control groups of this process, in bytes, or 0: cgroups(7). The groups
// above are visible unless the process has its own root.
func (g *memoryGuard) controlGroupLimit() (lowest int64) {
	file, err := os.ReadFile(filepath.Join(g.root, "proc/self/cgroup"))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(file)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) != 3 {
			continue
		}
		folder, name := "sys/fs/cgroup", "memory.max"
		if fields[1] != "" {
			if !strings.Contains(","+fields[1]+",", ",memory,") {
				continue
			}
			folder, name = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
		}
		for group := path.Clean("/" + fields[2]); ; group = path.Dir(group) {
			if n := readLimit(filepath.Join(g.root, folder, group, name)); n > 0 {
				lowest = min(cmp.Or(lowest, n), n)
			}
			if group == "/" {
				break
			}
		}
	}
	return lowest
}

// readLimit returns the number of bytes in a file, or 0 if there is no limit.
func readLimit(file string) int64 {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil || n >= unlimited {
		return 0
	}
	return n
}
