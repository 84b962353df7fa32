package web

import (
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// measurements counts requests and the time that they took, by route and status.
type measurements struct {
	mu     sync.Mutex
	routes map[routeStatus]routeTotals
}

type routeStatus struct {
	route  string // pattern of the route, so that clients cannot invent more
	status int
}

type routeTotals struct {
	requests int64
	seconds  float64
}

func (m *measurements) record(route string, status int, took time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.routes == nil {
		m.routes = map[routeStatus]routeTotals{}
	}
	t := m.routes[routeStatus{route, status}]
	t.requests++
	t.seconds += took.Seconds()
	m.routes[routeStatus{route, status}] = t
}

// measure returns a handler that counts requests, and turns a panic into an error of the server.
func measure(m *measurements, log *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		s := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		defer func() {
			if p := recover(); p != nil {
				log.Error("a request panicked", "path", r.URL.Path, "panic", p)
				if !s.started {
					writeError(s, http.StatusInternalServerError, "a mistake in this program: see its log")
				}
			}
			route := r.Pattern // set by the mux
			if route == "" {
				route = "refused"
			}
			m.record(route, s.status, time.Since(began))
			log.Debug("web request", "method", r.Method, "path", r.URL.Path, "status", s.status, "client", r.RemoteAddr, "took", time.Since(began))
		}()
		next.ServeHTTP(s, r)
	})
}

// statusWriter remembers the status.
type statusWriter struct {
	http.ResponseWriter
	status  int
	started bool
}

// WriteHeader implements http.ResponseWriter.
func (s *statusWriter) WriteHeader(status int) {
	s.status, s.started = status, true
	s.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (s *statusWriter) Write(data []byte) (int, error) {
	s.started = true
	return s.ResponseWriter.Write(data)
}

// Unwrap lets [http.ResponseController] reach the connection.
func (s *statusWriter) Unwrap() http.ResponseWriter { return s.ResponseWriter }
