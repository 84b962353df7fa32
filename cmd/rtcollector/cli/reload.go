package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/rtcollector/rtcollector/agent"
	"github.com/rtcollector/rtcollector/agent/config"
	"github.com/rtcollector/rtcollector/internal/capability"
	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/secret"
)

// liveAgent is a running agent with everything that its configuration has started. See docs/adr/0037-reload.md.
type liveAgent struct {
	app     *App
	ctx     context.Context // done when the agent is told to stop
	flags   commonFlags
	handler *switchedLog
	log     *slog.Logger
	path    string // of the configuration

	id        identity
	cfg       *config.Config // the one that runs
	described agent.Config
	agent     *agent.Agent
	web       serverSlot
	health    serverSlot
	stopKeep  func() // ends the care for the secret stores of cfg
	memory    memoryGuard
	dropped   capability.Set // what the agent gave up when it started
	tidy      *time.Timer    // returns the memory that starting or a change needed

	fileChanges chan string // requests of the watch of the file
}

// newLiveAgent builds the agent of a configuration, and starts its servers.
func (a *App) newLiveAgent(ctx context.Context, c commonFlags, cfg *config.Config, path string) (*liveAgent, error) {
	handler := newSwitchedLog(newLogHandler(slog.LevelInfo, a.rawErr, cfg, c.debug))
	l := &liveAgent{app: a, ctx: ctx, flags: c, handler: handler, log: slog.New(handler), path: path, id: newIdentity(), cfg: cfg}
	var err error
	if l.agent, l.described, err = a.newAgentAs(l.id, cfg, l.log); err != nil {
		return nil, err
	}
	l.web = serverSlot{key: "web", what: "dashboard and Prometheus' API", ctx: ctx, log: l.log}
	l.health = serverSlot{key: "health", what: "health checks", ctx: ctx, log: l.log}
	servers, err := l.prepareServers(cfg)
	if err != nil {
		return nil, err
	}
	servers.commit()
	l.memory = newMemoryGuard(l.agent, l.log)
	l.tidy = time.AfterFunc(startupTime, debug.FreeOSMemory)
	l.fileChanges = make(chan string, 1)
	l.stopKeep = keepStores(ctx, cfg.Secrets, l.log)
	return l, nil
}

// prepareServers prepares the change of the servers to what a configuration wants.
func (l *liveAgent) prepareServers(cfg *config.Config) (*change, error) {
	wantedWeb, err := l.app.wantWeb(cfg, l)
	if err != nil {
		return nil, err
	}
	wantedHealth, err := l.app.wantHealth(cfg, l)
	if err != nil {
		return nil, err
	}
	var prepared []*change
	both := &change{
		commit: func() {
			for _, c := range prepared {
				c.commit()
			}
		},
		discard: func() {
			for _, c := range prepared {
				c.discard()
			}
		},
	}
	for slot, wanted := range map[*serverSlot]wantedServer{&l.web: wantedWeb, &l.health: wantedHealth} {
		c, err := slot.prepare(wanted)
		if err != nil {
			both.discard()
			return nil, err
		}
		if c != nil {
			prepared = append(prepared, c)
		}
	}
	return both, nil
}

// end stops what the agent needs until it has stopped itself.
func (l *liveAgent) end() {
	l.web.end()
	l.health.end()
	l.stopKeep()
	l.memory.stop()
	l.tidy.Stop()
}

// loaded is the result of reading the configuration.
type loaded struct {
	cfg *config.Config
	err error
}

// follow reloads at each request, and if watch is set when the file changes, until the agent is told to stop. Done is closed when nothing
// more happens.
func (l *liveAgent) follow(requests <-chan string, watch bool) (done <-chan struct{}) {
	var both sync.WaitGroup
	both.Go(func() { l.followRequests(requests) })
	if seen := l.cfg.Digest; watch {
		both.Go(func() {
			err := watchFile(l.ctx, l.path, seen, l.log, func() {
				select {
				case l.fileChanges <- "the file has changed":
				default:
				}
			})
			if err != nil {
				l.log.Error("the configuration is not watched", "error", err)
			}
		})
	}
	all := make(chan struct{})
	go func() {
		both.Wait()
		close(all)
	}()
	return all
}

// followRequests reloads at each request, until ctx is done. A request replaces one that still waits for a secret store.
func (l *liveAgent) followRequests(requests <-chan string) {
	var (
		loading <-chan loaded
		abandon = func() {}
		retry   <-chan time.Time
		pause   time.Duration
	)
	load := func() {
		ctx, cancel := context.WithCancel(l.ctx) //nolint:gosec // abandon calls it
		abandon, loading, retry = cancel, l.startLoad(ctx), nil
	}
	begin := func(cause string) {
		l.log.Info("reading the configuration again", "cause", cause, "config", l.path)
		notifyReloading()
		abandon()
		pause = firstPause
		load()
	}
	defer func() { abandon() }()
	for {
		select {
		case <-l.ctx.Done():
			return
		case cause := <-requests:
			begin(cause)
		case cause := <-l.fileChanges:
			begin(cause)
		case <-retry:
			load()
		case r := <-loading:
			abandon()
			loading = nil
			if r.err != nil && secret.IsUnavailable(r.err) {
				if pause == firstPause {
					l.log.Warn("waiting for the secret store; until then "+oldContinues, "error", r.err, "retry_in", firstPause)
				}
				retry, pause = time.After(pause), min(2*pause, lastPause)
			} else {
				l.applyLoaded(r)
			}
			notifyReady(summarizeParts(l.described))
		}
	}
}

const oldContinues = "the old configuration continues"

// startLoad reads the configuration in a goroutine, because a secret store or a pipe may take long.
func (l *liveAgent) startLoad(ctx context.Context) <-chan loaded {
	result := make(chan loaded, 1)
	env := l.app.configEnv()
	env.Running = l.cfg
	go func() {
		cfg, err := config.Load(ctx, l.path, env)
		result <- loaded{cfg, err}
	}()
	return result
}

// applyLoaded changes the agent to a configuration that was read, unless there is an error.
func (l *liveAgent) applyLoaded(r loaded) {
	err := r.err
	if err == nil {
		for _, w := range r.cfg.Warnings {
			l.log.Warn("configuration", "warning", w.Error())
		}
		for _, w := range fileWarnings(l.path, r.cfg) {
			l.log.Warn("configuration", "warning", w)
		}
		err = l.apply(r.cfg)
	}
	if err == nil || l.ctx.Err() != nil {
		return
	}
	var problems conf.Problems
	if !errors.As(err, &problems) {
		l.log.Error("the new configuration cannot be used", "error", explainLoad(l.path, err))
	}
	for i, p := range problems {
		if i == maxShownProblems {
			l.log.Error("there are more mistakes", "number", len(problems)-i)
			break
		}
		l.log.Error("the new configuration has a mistake", "error", p.Error())
	}
	l.log.Warn("nothing was changed: " + oldContinues)
}

// apply changes the agent to another configuration. An error means that nothing was changed.
func (l *liveAgent) apply(cfg *config.Config) error {
	if cfg.Once {
		return errors.New("once: true is for an agent that gathers once and ends; this one runs: remove the key")
	}
	described := l.app.describeAgentAs(l.id, cfg, l.log, l.app.rawOut)
	changes := agent.Compare(l.described, described)
	settings := l.changedSettings(cfg)
	servers, err := l.prepareServers(cfg)
	if err != nil {
		return err
	}
	keep := l.stopKeep
	hasNewStores := cfg.Secrets != l.cfg.Secrets
	if hasNewStores {
		keep = keepStores(l.ctx, cfg.Secrets, l.log)
	}
	if !changes.IsEmpty() || described.Limits != l.described.Limits || described.Disk != l.described.Disk {
		err = l.agent.Apply(described)
	}
	var refused *agent.RefusedError
	if errors.As(err, &refused) {
		servers.discard()
		if hasNewStores {
			keep()
		}
		return refused
	}
	l.handler.use(newLogHandler(slog.LevelInfo, l.app.rawErr, cfg, l.flags.debug))
	if err != nil {
		l.log.Warn("not everything that was replaced or removed has ended well", "error", err)
	}
	servers.commit()
	if hasNewStores {
		l.stopKeep()
		l.stopKeep = keep
	}
	if lacking := l.dropped & neededCapabilities(cfg); lacking != 0 && lacking&^neededCapabilities(l.cfg) != 0 {
		l.log.Warn("inputs of the new configuration need rights that the agent gave up when it started: restart it", "rights", strings.Join(lacking.Names(), " "))
	}
	if l.dropped != 0 && lendsRights(cfg) && !lendsRights(l.cfg) {
		l.log.Warn("programs of the new configuration do not have the rights that the agent gave up when it started: restart it")
	}
	l.cfg, l.described = cfg, described
	l.memory.limit(cfg, l.app.Getenv)
	l.logChanges(changes, settings)
	l.tidy.Reset(startupTime)
	return nil
}

// changedSettings returns the top-level keys that a configuration changes and that no input or output depends on.
func (l *liveAgent) changedSettings(cfg *config.Config) (keys []string) {
	for _, s := range []struct {
		key     string
		changed bool
	}{
		{"debug", l.cfg.Debug != cfg.Debug},
		{"log_format", l.cfg.LogFormat != cfg.LogFormat},
		{"max_memory", l.cfg.MaxMemory != cfg.MaxMemory},
		{"buffer.disk", diskOf(l.cfg) != diskOf(cfg)},
		{"web", l.cfg.WebSettings != cfg.WebSettings},
		{"health", l.cfg.HealthSettings != cfg.HealthSettings},
		{"secret stores", l.cfg.StoreSettings != cfg.StoreSettings},
	} {
		if s.changed {
			keys = append(keys, s.key)
		}
	}
	return keys
}

// logChanges logs one line about what a reload did.
func (l *liveAgent) logChanges(c agent.Changes, settings []string) {
	kept := len(c.Inputs.Kept) + len(c.Outputs.Kept)
	if c.IsEmpty() && len(settings) == 0 {
		l.log.Info("the configuration is unchanged", "continue", kept)
		return
	}
	var attrs []any
	add := func(key string, inputs, outputs []string) {
		names := append([]string(nil), inputs...)
		for _, id := range outputs {
			names = append(names, "output "+id)
		}
		if len(names) > 0 {
			attrs = append(attrs, key, strings.Join(names, ", "))
		}
	}
	add("added", c.Inputs.Added, c.Outputs.Added)
	add("changed", c.Inputs.Changed, c.Outputs.Changed)
	add("removed", c.Inputs.Removed, c.Outputs.Removed)
	add("settings", settings, nil)
	l.log.Info("the new configuration runs", append(attrs, "continue", fmt.Sprint(kept))...)
}
