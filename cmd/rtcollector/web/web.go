// Package web is the HTTP server: Prometheus' API over RedisTimeSeries, what PromQL cannot express, and the dashboard.
//
//   - web.go: [Config], [New] and [Server.Serve]. routes.go: which path leads where. answer.go: JSON of our own endpoints.
//   - store.go: the connection to Redis. status.go, hosts.go: endpoints.
//   - promapi: Prometheus' API. ui: the dashboard.
package web

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/web/promapi"
	"github.com/rtcollector/rtcollector/internal/query"
	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/outputs"
)

// Config says what the server serves.
type Config struct {
	Version string
	Redis   redisconn.Config    // where the series are
	Events  outputs.EventSource // where log lines are; nil: nowhere
	Secrets secret.Resolver
	Limits  query.Limits

	// Describe documents a metric by its name. ok is false for an unknown one.
	Describe func(name string) (doc promapi.MetricDoc, ok bool)

	Log *slog.Logger
}

// Server is the HTTP server.
type Server struct {
	config  Config
	store   *store
	handler http.Handler
}

// New returns a server. It connects to Redis when the first request needs it.
func New(config Config) (*Server, error) {
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{config: config, store: newStore(config.Redis, config.Secrets, config.Limits)}
	s.handler = s.routes()
	return s, nil
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Time limits of connections.
const (
	headerTimeout = 10 * time.Second
	readTimeout   = 30 * time.Second
	writeTimeout  = 2 * time.Minute // a query and its transfer
	idleTimeout   = 2 * time.Minute
	stopTimeout   = 3 * time.Second // for requests that run when the server stops
	maxHeader     = 128 << 10       // bytes, including the address with a long query
)

// Serve accepts connections until ctx is done. Then it lets requests finish for a moment, and closes the connection to Redis and the
// listener. A Server serves once.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	base, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	server := &http.Server{
		Handler: s.handler, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeader, BaseContext: func(net.Listener) context.Context { return base },
		ErrorLog: slog.NewLogLogger(s.config.Log.Handler(), slog.LevelDebug),
	}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		limited, done := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer done()
		if server.Shutdown(limited) != nil {
			cancel()
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
	return errors.Join(err, s.store.close())
}
