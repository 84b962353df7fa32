package web

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
)

// probeTimeout bounds the time that Redis has to answer a probe.
const probeTimeout = 3 * time.Second

// status says what the server can do at present.
type status struct {
	Version    string      `json:"version"`
	Redis      redisStatus `json:"redis"`
	TimeSeries bool        `json:"time_series"`
	Search     bool        `json:"search"`
	Missing    []string    `json:"missing"` // what is missing and what to do
	Lookback   float64     `json:"lookback_seconds"`
	Auth       string      `json:"auth"` // none, token or basic
	Now        float64     `json:"now"`  // seconds since 1970 by the server's clock
}

type redisStatus struct {
	Address   string `json:"address"`
	Version   string `json:"version"` // "" if the user may not ask for it
	Reachable bool   `json:"reachable"`
	Error     string `json:"error"`
}

func (s *Server) serveStatus(w http.ResponseWriter, r *http.Request) {
	st := s.readStatus(r.Context())
	st.Now = float64(time.Now().UnixMilli()) / 1000
	writeJSON(w, http.StatusOK, st)
}

// readStatus asks Redis. A part that Redis does not answer in time is missing.
func (s *Server) readStatus(ctx context.Context) status {
	settings := &s.config.Settings
	st := status{Version: s.config.Version, Missing: []string{}, Lookback: settings.Limits.Lookback.D().Seconds(), Auth: settings.Auth.Mode()}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	search := make(chan error, 1)
	go func() { search <- s.probeSearch(ctx) }()
	var timeSeries error
	st.Redis, timeSeries = s.probeSeries(ctx)
	switch {
	case timeSeries == nil:
		st.TimeSeries = true
	case st.Redis.Reachable:
		st.Missing = append(st.Missing, timeSeries.Error())
	}
	if err := <-search; err != nil {
		st.Missing = append(st.Missing, err.Error())
	} else {
		st.Search = true
	}
	return st
}

// probeSeries returns the state of the Redis with the series, and why series cannot be read, or nil.
func (s *Server) probeSeries(ctx context.Context) (st redisStatus, timeSeries error) {
	st.Address = s.store.address(ctx)
	c, err := s.store.open(ctx)
	if err == nil {
		st.Address = c.client.Addr
		err = c.client.Explain(ctx, c.client.Ping(ctx).Err())
	}
	if err != nil {
		st.Error = err.Error()
		return st, err
	}
	st.Reachable = true
	if info, err := c.client.Info(ctx, "server").Result(); err == nil {
		for line := range strings.Lines(info) {
			if version, ok := strings.CutPrefix(line, "redis_version:"); ok {
				st.Version = strings.TrimSpace(version)
			}
		}
	}
	_, err = c.reader.List(ctx, aliveMatcher)
	return st, err
}

// probeSearch returns why log lines cannot be read, or nil.
func (s *Server) probeSearch(ctx context.Context) error {
	q := outputs.EventQuery{To: telemetry.Debug, Last: 1}
	return s.readers.use(ctx, func(r outputs.EventReader) error {
		return r.ReadEvents(ctx, q, func(outputs.FoundEvent) error { return nil })
	})
}
