package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/rtcollector/rtcollector/agent/config"
	"github.com/rtcollector/rtcollector/cmd/rtcollector/web"
	"github.com/rtcollector/rtcollector/cmd/rtcollector/web/promapi"
	"github.com/rtcollector/rtcollector/internal/metricdoc"
	"github.com/rtcollector/rtcollector/internal/terminal"
	"github.com/rtcollector/rtcollector/outputs"
)

type webFlags struct {
	redis, index string
	listen       string
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
	flags.StringVar(&f.listen, "listen", "127.0.0.1:8642", "`address` to listen on")
	return cmd
}

// runWeb serves until ctx is done.
func (a *App) runWeb(ctx context.Context, c commonFlags, f webFlags) error {
	cfg, err := a.loadWebConfig(ctx, c, f)
	if err != nil {
		return err
	}
	settings, err := a.describeWeb(cfg, newLog(a.rawErr, cfg, c.debug))
	if err != nil {
		return &failure{exitUsage, err}
	}
	server, err := web.New(settings)
	if err != nil {
		return &failure{exitUsage, err}
	}
	l, err := net.Listen("tcp", f.listen)
	if err != nil {
		return runtimeFailure(fmt.Errorf("%w; choose another address with --listen 127.0.0.1:0", err))
	}
	fmt.Fprintf(a.Stdout, "dashboard and Prometheus' API on http://%s\n", terminal.Line(l.Addr().String()))
	return runtimeFailure(server.Serve(ctx, l))
}

// loadWebConfig loads the configuration, or makes one for the address in --redis.
func (a *App) loadWebConfig(ctx context.Context, c commonFlags, f webFlags) (*config.Config, error) {
	switch {
	case f.redis != "":
		return a.configFor(ctx, c, f.redis, "redistimeseries: {url: %q}", "redissearch: {url: %q"+indexSetting(f.index)+"}")
	case f.index != "":
		return nil, &failure{exitUsage, errors.New("--index needs --redis; without it the index of the configuration is used")}
	}
	cfg, _, err := a.load(ctx, c.config)
	return cfg, err
}

// describeWeb returns the description of the web server of a configuration. It reads from the first output with samples and from the
// first one with events.
func (a *App) describeWeb(cfg *config.Config, log *slog.Logger) (web.Config, error) {
	w := web.Config{Version: a.Version, Secrets: cfg.Secrets, Log: log, Describe: a.metricDescriber()}
	found := false
	for _, o := range cfg.Outputs {
		if source, ok := o.Built.Config.(outputs.SampleSource); ok && !found {
			found, w.Redis = true, source.SampleConnection()
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

// metricDescriber returns a function that describes metrics from the tables in the READMEs of all inputs. It reads them at the first
// call.
func (a *App) metricDescriber() func(name string) (promapi.MetricDoc, bool) {
	tables := sync.OnceValue(func() (all []metricdoc.Metric) {
		for _, definition := range a.Inputs {
			all = append(all, metricdoc.Parse(definition.Readme())...)
		}
		return all
	})
	return func(name string) (promapi.MetricDoc, bool) {
		m, ok := metricdoc.Find(tables(), name)
		return promapi.MetricDoc{Type: m.Kind, Help: strings.ReplaceAll(m.Source, "`", "")}, ok
	}
}
