// Package prometheusendpoint serves the newest sample of each series to Prometheus and everything else that scrapes.
//
//   - plugin.go: settings, [Output], open, write and close. serve.go: the HTTP server.
//   - store.go: the newest sample of each series. page.go: the page of metrics in the text format and in OpenMetrics.
//   - allmetrics.go: pages as Netdata's /api/v1/allmetrics has them. readers.go: when a client last read them.
package prometheusendpoint

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/httpauth"
	"github.com/rtcollector/rtcollector/internal/httpserve"
	"github.com/rtcollector/rtcollector/internal/promname"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/internal/tlsx"
	"github.com/rtcollector/rtcollector/outputs"
)

//go:embed README.md
var readme string

// Plugin is the definition of the output "prometheus_endpoint".
var Plugin = outputs.Define("prometheus_endpoint", "serves the newest samples on a page that Prometheus scrapes", Defaults, New).Doc(readme)

// Config holds the settings of the output.
type Config struct {
	Listen     string         `yaml:"listen" conf:"public"`
	Path       string         `yaml:"path" conf:"public"`
	Auth       *httpauth.Auth `yaml:"auth"` // nil: not configured, which only suits addresses of this machine
	TLS        tlsx.Server    `yaml:",inline"`
	Expires    conf.Duration  `yaml:"expires"`    // how long a series stays on the page after its last sample
	Timestamps bool           `yaml:"timestamps"` // write the times of the samples
	Prefix     string         `yaml:"prefix" conf:"public"`
	MaxClients int            `yaml:"max_clients"` // connections at once
	Timeout    conf.Duration  `yaml:"timeout"`     // of one request
}

const defaultListen = "127.0.0.1:9273"

// Defaults returns settings that serve this machine.
func Defaults() Config {
	return Config{
		Listen: defaultListen, Path: "/metrics", Expires: conf.Duration(5 * time.Minute), Prefix: "rtcollector", MaxClients: 32, Timeout: conf.Duration(10 * time.Second),
	}
}

// Validate implements conf.Validator.
func (c *Config) Validate() error {
	var errs []error
	if _, port, err := net.SplitHostPort(c.Listen); err != nil || port == "" {
		errs = append(errs, conf.Key("listen", "must be an address and a port, such as %s or :9273", defaultListen))
	} else if !httpauth.IsLocal(c.Listen) && c.Auth == nil {
		errs = append(errs, conf.Key("listen", `is an address that other machines can reach: add "auth: {token: secret:endpoint/token}", or "auth: none" to let everybody in`))
	}
	if !strings.HasPrefix(c.Path, "/") || strings.ContainsAny(c.Path, " {}?#") || c.Path == allMetricsPath {
		errs = append(errs, conf.Key("path", "must begin with a slash, have none of the characters {}?# and no blank, and not be %s", allMetricsPath))
	}
	if c.Expires.D() < time.Second {
		errs = append(errs, conf.Key("expires", "must be at least 1s"))
	}
	if c.Prefix != "" && c.Prefix != promname.Metric(c.Prefix) {
		errs = append(errs, conf.Key("prefix", "must be the beginning of a metric's name: letters, digits and _"))
	}
	if c.MaxClients < 1 {
		errs = append(errs, conf.Key("max_clients", "must be at least 1"))
	}
	if c.Timeout.D() < time.Second {
		errs = append(errs, conf.Key("timeout", "must be at least 1s"))
	}
	return errors.Join(append(errs, c.TLS.Validate())...)
}

// Output serves metrics.
type Output struct {
	config  Config
	host    string
	log     *slog.Logger
	store   *store
	readers readers
	access  guard

	listener net.Listener // nil: not open
	server   *http.Server
	served   chan struct{} // closed when the server has ended
}

// New builds the output. It does not listen.
func New(env outputs.Env, config Config) (*Output, error) {
	o := &Output{config: config, host: env.Host, log: env.Log, store: newStore(env, config.Expires.D())}
	if o.log == nil {
		o.log = slog.New(slog.DiscardHandler)
		o.store.log = o.log
	}
	o.access = guard{credential: httpserve.NewCredential(config.Auth, env.Secrets), log: o.log}
	return o, nil
}

// Open listens and begins to serve.
func (o *Output) Open(ctx context.Context) error {
	l, err := o.listen(ctx)
	if err != nil {
		return fmt.Errorf("listen on %s: %w; set listen to another address, or fix what the error names", o.config.Listen, err)
	}
	o.listener = l
	o.serve(l)
	o.log.Info("metrics are served", "url", o.URL())
	return nil
}

// URL returns the address of the page, after Open.
func (o *Output) URL() string {
	scheme := "http"
	if o.config.TLS.Enabled() {
		scheme = "https"
	}
	return scheme + "://" + o.listener.Addr().String() + o.config.Path
}

// Close ends the server.
func (o *Output) Close() error {
	if o.listener == nil {
		return nil
	}
	o.listener = nil
	return o.stop()
}

// WriteMetrics implements [outputs.MetricWriter]. It keeps the newest sample of each series.
func (o *Output) WriteMetrics(ctx context.Context, batches []*telemetry.Batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return o.store.write(batches, time.Now())
}
