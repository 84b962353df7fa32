//go:build !core

package cli

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rtcollector/rtcollector/agent/config"
	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/outputs"
)

// redisOutput is an output that writes to Redis, with settings besides its address (", key: value").
type redisOutput struct{ name, settings string }

// loadOrConnect loads the configuration. If the flag --redis has an address, it makes a configuration for this address instead, with
// these outputs.
func (a *App) loadOrConnect(ctx context.Context, c commonFlags, address string, outputs ...redisOutput) (*config.Config, error) {
	switch {
	case address == "":
		cfg, _, err := a.load(ctx, c.config)
		return cfg, err
	case c.config != "":
		return nil, &failure{exitUsage, errors.New("--redis replaces the configuration: leave out one of --redis and --config")}
	}
	if !strings.Contains(address, "://") {
		address = "redis://" + address
	}
	text := []byte("inputs: []\noutputs:\n")
	for _, o := range outputs {
		text = fmt.Appendf(text, "  - %s: {url: %q%s}\n", o.name, address, o.settings)
	}
	cfg, err := config.Parse(ctx, "--redis", text, a.configEnv())
	if err != nil {
		return nil, &failure{exitUsage, err}
	}
	return cfg, nil
}

// eventsFlags says where a command reads events.
type eventsFlags struct{ redis, index, sqlite, output string }

// addTo adds the flags to a command.
func (f *eventsFlags) addTo(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.redis, "redis", "", "`address` of Redis, host:port or a URL; default: the output of the configuration")
	flags.StringVar(&f.index, "index", "", "`name` of the index, with --redis; default: logs_idx")
	flags.StringVar(&f.sqlite, "sqlite", "", "`file` that the output sqlite writes, instead of the configuration")
	flags.StringVar(&f.output, "output", "", "`name` of the output, if the configuration has several with events")
}

// newEventReader returns a reader for the events of an output of the configuration, for the address in --redis, or for the file in --sqlite. It
// takes the first output that has events, or with preferTables the first one that has totals of connections, if any has. Name identifies
// what it reads, without credentials.
func (a *App) newEventReader(ctx context.Context, c commonFlags, f eventsFlags, preferTables bool) (reader outputs.EventReader, name string, err error) {
	cfg, err := a.loadEvents(ctx, c, f)
	if err != nil {
		return nil, "", err
	}
	var known []string
	for _, o := range cfg.Outputs {
		source, ok := o.Built.Config.(outputs.EventSource)
		if !ok {
			continue
		}
		if known = append(known, o.ID); f.output != "" && f.output != o.ID {
			continue
		}
		r := source.NewEventReader(cfg.Secrets)
		if _, hasTables := r.(outputs.ConnectionReader); reader == nil || preferTables && hasTables && f.output == "" {
			reader, name = r, f.describe(c, o.ID)
			if hasTables || !preferTables {
				return reader, name, nil
			}
		}
	}
	switch {
	case reader != nil:
		return reader, name, nil
	case f.output != "" && len(known) > 0:
		return nil, "", &failure{exitUsage, fmt.Errorf("output %q does not exist or stores no readable events; use one of %s", f.output, strings.Join(known, ", "))}
	}
	return nil, "", &failure{exitUsage, errors.New("the configuration has no output redissearch or sqlite to read events from; add one, " +
		"or name a Redis with --redis or a file with --sqlite")}
}

// loadEvents returns the configuration that says where events are.
func (a *App) loadEvents(ctx context.Context, c commonFlags, f eventsFlags) (*config.Config, error) {
	switch {
	case f.index != "" && f.redis == "":
		return nil, &failure{exitUsage, errors.New("--index needs --redis; without it the index of the configuration is used")}
	case f.sqlite != "" && (f.redis != "" || c.config != ""):
		return nil, &failure{exitUsage, errors.New("--sqlite replaces the configuration and Redis: leave out --redis and --config")}
	case f.sqlite != "":
		cfg, err := config.Parse(ctx, "--sqlite", fmt.Appendf(nil, "inputs: []\noutputs:\n  - sqlite: {path: %q}\n", f.sqlite), a.configEnv())
		if err != nil {
			return nil, &failure{exitUsage, err}
		}
		return cfg, nil
	}
	settings := ""
	if f.index != "" {
		settings = fmt.Sprintf(", index: %q", f.index)
	}
	return a.loadOrConnect(ctx, c, f.redis, redisOutput{"redissearch", settings})
}

// describe returns what identifies the place of the events, from one run of a command to the next.
func (f *eventsFlags) describe(c commonFlags, output string) string {
	switch {
	case f.sqlite != "":
		path, err := filepath.Abs(f.sqlite)
		if err != nil {
			path = f.sqlite
		}
		return "sqlite " + path
	case f.redis != "":
		address := f.redis
		if u, err := url.Parse(address); err == nil && u.Host != "" {
			address = u.Host
		}
		return "redis " + address + " " + f.index
	}
	return "output " + output + " " + c.config
}

// openSeries connects to the Redis that has the series of the first output redistimeseries of a configuration.
func openSeries(ctx context.Context, cfg *config.Config) (*redisconn.Client, error) {
	for _, o := range cfg.Outputs {
		source, ok := o.Built.Config.(outputs.SeriesSource)
		if !ok {
			continue
		}
		client, err := redisconn.Open(ctx, source.RedisConfig().ForSearches(), cfg.Secrets)
		return client, runtimeFailure(err)
	}
	return nil, &failure{exitUsage, errors.New("the configuration has no output redistimeseries to read series from; add one, or name a Redis with --redis")}
}
