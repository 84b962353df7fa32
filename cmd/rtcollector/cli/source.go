package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

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
