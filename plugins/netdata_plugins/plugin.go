// Package netdataplugins runs external plugins of Netdata and reports their charts.
//
//   - plugin.go: the input, which finds the plugins. config.go: its settings.
//   - supervise.go: when a plugin is started again. session.go: one run of it. environ.go: what it is told. functions.go: calls.
//   - series.go: the series of charts. collected.go: what waits until the next gather.
package netdataplugins

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/rtcollector/rtcollector/internal/crew"
	"github.com/rtcollector/rtcollector/internal/pause"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

//go:embed README.md
var readme string

// Plugin is the input's definition.
var Plugin = plugins.Serve("netdata_plugins", "external plugins of Netdata: their charts as series", defaults, build).
	On("linux", "freebsd", "darwin").OnRequest().Doc(readme)

const suffix = ".plugin"

type input struct {
	config      Config
	log         *slog.Logger
	updateEvery int // seconds
	collected   *collected

	mu      sync.Mutex
	running map[string]*supervised // by name
}

func build(env plugins.Env, c Config) (*input, error) {
	every := c.UpdateEvery.D()
	if every == 0 {
		every = env.Interval
	}
	return &input{
		config: c, log: env.Log, updateEvery: max(1, int((every+time.Second-1)/time.Second)),
		collected: newCollected(env.Factory, c), running: map[string]*supervised{},
	}, nil
}

// Gather implements plugins.Gatherer: it delivers what the plugins collected since the last gather.
func (in *input) Gather(_ context.Context, out *telemetry.Batch) error {
	return in.collected.deliver(out)
}

// Run implements plugins.Runner. It looks for plugins again and again, and ends when they have ended.
func (in *input) Run(ctx context.Context, _ plugins.Emitter) error {
	var c crew.Crew
	for ctx.Err() == nil {
		found, err := in.find()
		if err != nil {
			in.log.Warn("cannot look for plugins", "error", err)
		}
		for name, path := range found {
			if s := in.running[name]; s == nil || s.mayStartAgain(path) {
				s := in.supervise(name, path)
				in.mu.Lock()
				in.running[name] = s
				in.mu.Unlock()
				c.Go(func() { s.run(ctx) })
			}
		}
		pause.Sleep(ctx, in.config.Rescan.D())
	}
	c.Wait()
	return nil
}

// Try implements plugins.Trier.
func (in *input) Try(context.Context) error {
	found, err := in.find()
	if err == nil && len(found) == 0 {
		return fmt.Errorf("no *%s file is in %s: install Netdata's plugins, or change directories", suffix, strings.Join(in.config.Directories, ", "))
	}
	return err
}

// find returns the plugins by name. The first folder with a name wins.
func (in *input) find() (map[string]string, error) {
	found := map[string]string{}
	var errs []error
	missing := 0
	for _, dir := range in.config.Directories {
		entries, err := os.ReadDir(dir)
		if errors.Is(err, fs.ErrNotExist) {
			missing++
			continue
		}
		if err != nil {
			errs = append(errs, err)
		}
		for _, e := range entries {
			name, ok := strings.CutSuffix(e.Name(), suffix)
			if !ok || found[name] != "" || in.config.Exclude.Match(name) || len(in.config.Plugins) > 0 && !in.config.Plugins.Match(name) {
				continue
			}
			path := filepath.Join(dir, e.Name())
			isProgram, err := checkProgram(path)
			if err != nil {
				errs = append(errs, err)
			}
			if isProgram {
				found[name] = path
			}
		}
	}
	if missing == len(in.config.Directories) {
		errs = append(errs, fmt.Errorf("none of the directories exists: %s", strings.Join(in.config.Directories, ", ")))
	}
	return found, errors.Join(errs...)
}

// checkProgram reports whether a file can be run. A file that everybody can write is an error: whoever wrote it would run with the agent's rights.
func checkProgram(path string) (bool, error) {
	st, err := os.Stat(path)
	switch {
	case err != nil:
		return false, err
	case !st.Mode().IsRegular() || st.Mode()&0o111 == 0:
		return false, nil
	case st.Mode()&0o002 != 0:
		return false, fmt.Errorf("%s is not run, because everybody can write it: chmod o-w it", path)
	}
	return true, nil
}
