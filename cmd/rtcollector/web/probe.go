package web

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"

	"github.com/rtcollector/rtcollector/agent"
	"github.com/rtcollector/rtcollector/agent/config"
	"github.com/rtcollector/rtcollector/internal/httpserve"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/selfstat"
)

// Agent is what health checks ask the agent of this process. It is implemented by [agent.Agent].
type Agent interface {
	Stalled(tolerance time.Duration) []string
	Parts() agent.Parts
}

// stallTolerance is how late a loop of the agent may be until the agent is not healthy. It is half of the time in which systemd's watchdog
// acts.
const stallTolerance = 30 * time.Second

// condition is the answer to a health check.
type condition struct {
	Status  string   `json:"status"`  // ok or failing
	Stalled []string `json:"stalled"` // inputs and outputs whose loops do not turn
	agent.Parts
}

// checkHealth reports whether the loops of the agent turn.
func checkHealth(c condition) bool { return len(c.Stalled) == 0 }

// checkReady reports whether every output was opened, and the last write of each succeeded.
func checkReady(c condition) bool {
	for _, out := range c.Outputs {
		if out.State != selfstat.Works {
			return false
		}
	}
	return checkHealth(c)
}

// probe returns a handler that answers a health check. With details it says what is known about each input and output; redact removes
// credentials from their errors.
func probe(a Agent, check func(condition) bool, details bool, redact func(string) string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		c := condition{Status: "ok", Stalled: append([]string{}, a.Stalled(stallTolerance)...), Parts: a.Parts()}
		status := http.StatusOK
		if !check(c) {
			c.Status, status = selfstat.Failing, http.StatusServiceUnavailable
		}
		if !details {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(c.Status + "\n"))
			return
		}
		for _, parts := range [][]agent.Part{c.Inputs, c.Outputs} {
			for i := range parts {
				parts[i].LastError = redact(parts[i].LastError)
			}
		}
		writeJSON(w, status, c)
	}
}

// HealthConfig describes a server for health checks.
type HealthConfig struct {
	Settings config.Health
	Agent    Agent
	Secrets  secret.Resolver
	Redact   func(string) string
	Log      *slog.Logger
}

// HealthServer answers /health and /ready, and nothing else.
type HealthServer struct {
	config     HealthConfig
	tls        *tls.Config           // nil: without TLS
	credential *httpserve.Credential // nil: everybody
	attempts   httpserve.Attempts
	handler    http.Handler
}

// maxProbes is how many connections for health checks are served at once.
const maxProbes = 16

// NewHealth returns a server, which has nothing open yet. The error says what is wrong with the settings.
func NewHealth(c HealthConfig) (*HealthServer, error) {
	if err := c.Settings.Validate(); err != nil {
		return nil, fmt.Errorf("health: %w", err)
	}
	s := &HealthServer{config: c, credential: httpserve.NewCredential(c.Settings.Auth, c.Secrets)}
	if c.Settings.TLS.Enabled() {
		var err error
		if s.tls, err = c.Settings.TLS.Config(); err != nil {
			return nil, fmt.Errorf("health: %w", err)
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", probe(c.Agent, checkHealth, true, c.Redact))
	mux.HandleFunc("GET /ready", probe(c.Agent, checkReady, true, c.Redact))
	s.handler = s.guard(mux)
	return s, nil
}

// guard lets requests with the right credential pass.
func (s *HealthServer) guard(next http.Handler) http.Handler {
	if s.credential == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		want, err := s.credential.Digest(r.Context())
		client := httpserve.ClientOf(r.RemoteAddr)
		switch {
		case err != nil:
			s.config.Log.Warn("the credential of the server for health checks cannot be looked up", "error", err)
			http.Error(w, "the server cannot look up its credential: see its log", http.StatusServiceUnavailable)
		case s.attempts.AreExhausted(client):
			w.Header().Set("Retry-After", "60")
			http.Error(w, "too many wrong attempts from this address: wait for a minute", http.StatusTooManyRequests)
		case r.Header.Get("Authorization") == "", !s.credential.Presented(r).Equals(want):
			if r.Header.Get("Authorization") != "" {
				s.attempts.RecordWrong(client)
			}
			w.Header().Set("WWW-Authenticate", s.credential.Scheme()+` realm="rtcollector"`)
			http.Error(w, "send the credential in the header Authorization", http.StatusUnauthorized)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// ServeHTTP implements http.Handler.
func (s *HealthServer) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// URL returns the address for clients.
func (s *HealthServer) URL(l net.Listener) string {
	if s.tls != nil {
		return "https://" + l.Addr().String()
	}
	return "http://" + l.Addr().String()
}

// Close does nothing: a server that does not serve has nothing open.
func (s *HealthServer) Close() error { return nil }

// Serve accepts connections until ctx is done, and closes the listener.
func (s *HealthServer) Serve(ctx context.Context, l net.Listener) error {
	l = netutil.LimitListener(l, maxProbes)
	if s.tls != nil {
		l = tls.NewListener(l, s.tls)
	}
	server := &http.Server{
		Handler: s.handler, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: readTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxProbeHeader, ErrorLog: slog.NewLogLogger(s.config.Log.Handler(), slog.LevelDebug),
	}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() }) // an answer takes no time
	defer stop()
	err := server.Serve(l)
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return err
}

const maxProbeHeader = 8 << 10 // bytes
