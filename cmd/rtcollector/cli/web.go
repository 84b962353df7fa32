//go:build !core

package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rtcollector/rtcollector/agent/config"
	"github.com/rtcollector/rtcollector/cmd/rtcollector/web"
	"github.com/rtcollector/rtcollector/cmd/rtcollector/web/promapi"
	"github.com/rtcollector/rtcollector/internal/httpauth"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/terminal"
	"github.com/rtcollector/rtcollector/outputs"
)

type webFlags struct {
	redis, index    string
	listen          string
	auth, tokenFile string
	hosts           []string
}

func (a *App) webCommand(c *commonFlags) *cobra.Command {
	var f webFlags
	cmd := &cobra.Command{
		Use:   "web",
		Short: "Serve a dashboard and Prometheus' API over what is stored in Redis",
		Long: `Serves a dashboard and Prometheus' HTTP API (PromQL) over the samples and log lines that are stored in Redis, until it is stopped.

  rtcollector web --redis redis://redis.lan:6379        then open http://127.0.0.1:8642

In Grafana, add a data source "Prometheus" with this address. The command reads from the outputs redistimeseries and redissearch of the
configuration, or from the Redis that --redis names.`,
		Args: rejectArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runWeb(cmd.Context(), *c, f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.redis, "redis", "", "`address` of Redis, host:port or a URL; default: the outputs of the configuration")
	flags.StringVar(&f.index, "index", "", "`name` of the index of log lines, with --redis; default: logs_idx")
	flags.StringVar(&f.listen, "listen", "", "`address` to listen on, instead of web.listen of the configuration; default: "+config.DefaultWebListen)
	flags.StringVar(&f.auth, "auth", "", "none: everybody who can reach the address may read")
	flags.StringVar(&f.tokenFile, "token-file", "", "`file` with the token that clients must send or log in with")
	flags.StringSliceVar(&f.hosts, "host", nil, "more `names` of this server in addresses of browsers; comma-separated")
	return cmd
}

// runWeb serves until ctx is done.
func (a *App) runWeb(ctx context.Context, c commonFlags, f webFlags) error {
	cfg, err := a.loadWebConfig(ctx, c, f)
	if err != nil {
		return err
	}
	if cfg.Web == nil {
		cfg.Web = &config.Web{}
	}
	if err := a.applyWebFlags(f, cfg.Web); err != nil {
		return &failure{exitUsage, err}
	}
	log := newLog(a.rawErr, cfg, c.debug)
	described, err := a.describeWeb(cfg, log)
	if err != nil {
		return &failure{exitUsage, err}
	}
	server, l, err := openWeb(described, "web.listen in the configuration or --listen")
	if err != nil {
		return err
	}
	stopKeeping := keepStores(ctx, cfg.Secrets, log)
	defer stopKeeping()
	if _, err = fmt.Fprintf(a.Stdout, "dashboard and Prometheus' API on %s\n", terminal.Line(server.URL(l))); err != nil {
		return errors.Join(err, l.Close())
	}
	return runtimeFailure(server.Serve(ctx, l))
}

// applyWebFlags changes the settings to what the flags say.
func (a *App) applyWebFlags(f webFlags, w *config.Web) error {
	if f.listen != "" {
		w.Listen = f.listen
	}
	w.Hosts = append(w.Hosts, f.hosts...)
	switch {
	case f.auth != "" && f.auth != "none":
		return fmt.Errorf("--auth: must be none, not %q; a token is read from a file: --token-file", f.auth)
	case f.auth != "" && f.tokenFile != "":
		return errors.New("--auth none lets everybody in: leave out one of --auth and --token-file")
	case f.auth != "":
		w.Auth = httpauth.NoAuth()
	case f.tokenFile != "":
		token, err := os.ReadFile(f.tokenFile)
		if err != nil {
			return fmt.Errorf("--token-file: %w", err)
		}
		text := strings.TrimSpace(string(token))
		if text == "" {
			return fmt.Errorf("--token-file: %s is empty", f.tokenFile)
		}
		a.redactor.Add(text)
		w.Auth = &httpauth.Auth{Token: secret.Literal(text)}
	}
	if _, _, err := net.SplitHostPort(w.Address()); err != nil {
		return fmt.Errorf("--listen: must be an address and a port, such as %s: %w", config.DefaultWebListen, err)
	}
	if !w.IsLocal() && w.Auth == nil {
		return fmt.Errorf("other machines can reach %s: set a token with --token-file FILE, or let everybody in with --auth none", w.Address())
	}
	return nil
}

// openWeb makes the server and its listener. addressFlag is what changes the address, for the error.
func openWeb(described web.Config, addressFlag string) (*web.Server, net.Listener, error) {
	server, err := web.New(described)
	if err != nil {
		return nil, nil, &failure{exitUsage, err}
	}
	l, err := net.Listen("tcp", described.Settings.Address())
	if err != nil {
		return nil, nil, runtimeFailure(fmt.Errorf("web: %w; choose another address with %s 127.0.0.1:0", err, addressFlag))
	}
	return server, l, nil
}

// wantWeb describes the web server that a configuration of a running agent wants.
func (a *App) wantWeb(cfg *config.Config, l *liveAgent) (wantedServer, error) {
	if cfg.Web == nil {
		return wantedServer{}, nil
	}
	described, err := a.describeWeb(cfg, l.log)
	if err != nil {
		return wantedServer{}, &failure{exitUsage, err}
	}
	described.Self, described.Functions, described.Agent = l.id.self, l.agent, l.agent
	return wantedServer{
		settings: cfg.WebSettings + cfg.StoreSettings + sourceSettings(cfg), address: cfg.Web.Address(),
		build: func() (httpServer, error) { return web.New(described) },
	}, nil
}

// sourceSettings returns the settings of the outputs that the web server reads from: see [App.describeWeb].
func sourceSettings(cfg *config.Config) (all string) {
	for _, o := range cfg.Outputs {
		_, hasSeries := o.Built.Config.(outputs.SeriesSource)
		_, hasEvents := o.Built.Config.(outputs.EventSource)
		if hasSeries || hasEvents {
			all += o.Settings
		}
	}
	return all
}

// wantHealth describes the server for health checks that a configuration of a running agent wants.
func (a *App) wantHealth(cfg *config.Config, l *liveAgent) (wantedServer, error) {
	if cfg.Health == nil {
		return wantedServer{}, nil
	}
	described := web.HealthConfig{Settings: *cfg.Health, Agent: l.agent, Secrets: cfg.Secrets, Redact: a.redactor.Redact, Log: l.log}
	return wantedServer{
		settings: cfg.HealthSettings + cfg.StoreSettings, address: cfg.Health.Address(),
		build: func() (httpServer, error) { return web.NewHealth(described) },
	}, nil
}

// checkWeb returns the mistake in the settings of the web server, if the configuration has one.
func (a *App) checkWeb(cfg *config.Config) error {
	if cfg.Web == nil {
		return nil
	}
	described, err := a.describeWeb(cfg, slog.New(slog.DiscardHandler))
	if err == nil {
		_, err = web.New(described)
	}
	if err != nil {
		return &failure{exitUsage, err}
	}
	return nil
}

// loadWebConfig loads the configuration, or makes one for the address in --redis.
func (a *App) loadWebConfig(ctx context.Context, c commonFlags, f webFlags) (*config.Config, error) {
	if f.index == "" {
		return a.loadOrConnect(ctx, c, f.redis, redisOutput{name: "redistimeseries"}, redisOutput{name: "redissearch"})
	}
	if f.redis == "" {
		return nil, &failure{exitUsage, errors.New("--index needs --redis; without it the index of the configuration is used")}
	}
	return a.loadOrConnect(ctx, c, f.redis, redisOutput{name: "redistimeseries"}, redisOutput{"redissearch", fmt.Sprintf(", index: %q", f.index)})
}

// describeWeb returns the description of the web server of a configuration. It reads from the first output with samples and from the
// first one with events.
func (a *App) describeWeb(cfg *config.Config, log *slog.Logger) (web.Config, error) {
	w := web.Config{Settings: *cfg.Web, Version: a.Version, Secrets: cfg.Secrets, Log: log, Describe: a.metricDescriber()}
	found := false
	for _, o := range cfg.Outputs {
		if source, ok := o.Built.Config.(outputs.SeriesSource); ok && !found {
			found, w.Redis = true, source.RedisConfig()
		}
		if source, ok := o.Built.Config.(outputs.EventSource); ok && w.Events == nil {
			w.Events = source
		}
	}
	if !found {
		return w, errors.New("the configuration has no output redistimeseries to read samples from; add one, or name a Redis with --redis")
	}
	return w, nil
}

// metricDescriber returns a function that describes metrics for Prometheus' API.
func (a *App) metricDescriber() func(name string) (promapi.MetricDoc, bool) {
	find := a.metricFinder()
	return func(name string) (promapi.MetricDoc, bool) {
		m, ok := find(name)
		return promapi.MetricDoc{Type: m.Kind, Help: m.Help()}, ok
	}
}
