// Package web is the HTTP server: Prometheus' API over RedisTimeSeries, what PromQL cannot express, and the dashboard.
//
//   - web.go: [Config], [New] and [Server.Serve]. routes.go: which path leads where. answer.go: JSON of our own endpoints. measure.go:
//     what all answers go through.
//   - store.go, readers.go: the connections to Redis. status.go, hosts.go, logs.go, tail.go, volume.go, health.go: endpoints.
//   - probe.go: health checks of the agent, also as a server of its own, [HealthServer].
//   - connections.go: the endpoint of the connection observer. connfold.go: its connections, made of events.
//   - promapi: Prometheus' API. access: who may use the server. ui: the dashboard.
package web

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"

	"github.com/rtcollector/rtcollector/agent/config"
	"github.com/rtcollector/rtcollector/cmd/rtcollector/web/access"
	"github.com/rtcollector/rtcollector/cmd/rtcollector/web/promapi"
	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/httpserve"
	"github.com/rtcollector/rtcollector/internal/query"
	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/selfstat"
	"github.com/rtcollector/rtcollector/outputs"
	"github.com/rtcollector/rtcollector/plugins"
)

// Config says what the server serves, and to whom.
type Config struct {
	Settings config.Web
	Version  string
	Redis    redisconn.Config    // where the series are
	Events   outputs.EventSource // where log lines are; nil: nowhere
	Secrets  secret.Resolver

	// Describe documents a metric by its name. ok is false for an unknown one.
	Describe func(name string) (doc promapi.MetricDoc, ok bool)

	Self      *selfstat.Registry // of the agent in this process; nil: none
	Functions plugins.Caller     // of the agent in this process; nil: none
	Agent     Agent              // the agent in this process; nil: none
	Log       *slog.Logger
}

// Server is the HTTP server.
type Server struct {
	config   Config
	tls      *tls.Config // nil: without TLS
	store    *store
	readers  *readerPool
	tails    chan struct{} // one element for each client that follows
	measured measurements
	handler  http.Handler

	stopping context.Context // done when the server stops
	stop     context.CancelFunc
}

// Defaults of the settings.
const (
	defaultConnections = 256 // at once
	defaultLookback    = 5 * time.Minute
	defaultTimeout     = 30 * time.Second // of a query
)

// New returns a server, which has nothing open yet. It connects to Redis when the first request needs it. The error says what is wrong
// with the settings, or which certificate cannot be read.
func New(c Config) (*Server, error) {
	if err := c.Settings.Validate(); err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	c.Settings.MaxConnections = cmp.Or(c.Settings.MaxConnections, defaultConnections)
	l := &c.Settings.Limits
	l.Lookback, l.Timeout = cmp.Or(l.Lookback, conf.Duration(defaultLookback)), cmp.Or(l.Timeout, conf.Duration(defaultTimeout))
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Describe == nil {
		c.Describe = func(string) (promapi.MetricDoc, bool) { return promapi.MetricDoc{}, false }
	}
	s := &Server{
		config: c,
		store: newStore(c.Redis, c.Secrets, query.Limits{
			Lookback: l.Lookback.D(), Timeout: l.Timeout.D(), Samples: l.Samples, Series: l.Series, Concurrent: l.Concurrent,
		}),
		readers: newReaderPool(c.Events, c.Secrets), tails: make(chan struct{}, maxTails),
	}
	if c.Settings.TLS.Enabled() {
		var err error
		if s.tls, err = c.Settings.TLS.Config(); err != nil {
			return nil, fmt.Errorf("web: %w", err)
		}
	}
	s.stopping, s.stop = context.WithCancel(context.Background())
	guard := access.New(s.accessSettings())
	s.handler = measure(&s.measured, c.Log, httpserve.Compress(guard.Wrap(s.routes(guard))))
	return s, nil
}

func (s *Server) accessSettings() access.Settings {
	c := &s.config
	a := access.Settings{
		Auth: c.Settings.Auth, Secrets: c.Secrets, Local: c.Settings.IsLocal(), Hosts: c.Settings.Hosts, Origins: c.Settings.CORSOrigins, TLS: s.tls != nil, Log: c.Log,
	}
	a.Listen, _, _ = net.SplitHostPort(c.Settings.Address())
	return a
}

// URL returns the address for browsers.
func (s *Server) URL(l net.Listener) string {
	if s.tls != nil {
		return "https://" + l.Addr().String()
	}
	return "http://" + l.Addr().String()
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Time limits of connections.
const (
	headerTimeout = 10 * time.Second
	readTimeout   = 30 * time.Second
	writeTimeout  = time.Minute // for the transfer of an answer
	idleTimeout   = 2 * time.Minute
	stopTimeout   = 3 * time.Second // for requests that run when the server stops
	maxHeader     = 128 << 10       // bytes, including the address with a long query
)

// Close closes the connections to Redis, of a server that did not [Server.Serve]. Requests must have ended.
func (s *Server) Close() error {
	s.stop()
	return errors.Join(s.readers.close(), s.store.close())
}

// Serve accepts connections until ctx is done. Then it lets requests finish for a moment, and closes the listener and the connections to
// Redis. A Server serves once.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	l = netutil.LimitListener(l, s.config.Settings.MaxConnections)
	if s.tls != nil {
		l = tls.NewListener(l, s.tls)
	}
	server := &http.Server{
		Handler: s.handler, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, IdleTimeout: idleTimeout,
		WriteTimeout:   s.config.Settings.Limits.Timeout.D() + writeTimeout,
		MaxHeaderBytes: maxHeader,
		ErrorLog:       slog.NewLogLogger(s.config.Log.Handler(), slog.LevelDebug),
	}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		limited, done := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer done()
		s.stop() // clients that follow would stay for ever
		if server.Shutdown(limited) != nil {
			_ = server.Close()
		}
	})
	err := server.Serve(l)
	if !stop() {
		<-stopped
	}
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return errors.Join(err, s.Close())
}
