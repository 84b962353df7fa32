package web

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
)

// statusTimeout bounds the time that Redis has for the questions of the status.
const statusTimeout = 5 * time.Second

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
	ctx, cancel := context.WithTimeout(r.Context(), statusTimeout)
	defer cancel()
	st := s.readStatus(ctx)
	st.Now = float64(time.Now().UnixMilli()) / 1000
	writeJSON(w, http.StatusOK, st)
}

func (s *Server) readStatus(ctx context.Context) status {
	settings := &s.config.Settings
	st := status{Version: s.config.Version, Missing: []string{}, Lookback: settings.Limits.Lookback.D().Seconds(), Auth: settings.Auth.Mode()}
	st.Redis.Address = s.store.address(ctx)
	if err := s.probeSearch(ctx); err == nil {
		st.Search = true
	} else {
		st.Missing = append(st.Missing, err.Error())
	}
	c, err := s.store.open(ctx)
	if err != nil {
		st.Redis.Error = err.Error()
		return st
	}
	st.Redis.Address = c.client.Addr
	if err := c.client.Ping(ctx).Err(); err != nil {
		st.Redis.Error = c.client.Explain(ctx, err).Error()
		return st
	}
	st.Redis.Reachable = true
	if info, err := c.client.Info(ctx, "server").Result(); err == nil {
		for line := range strings.Lines(info) {
			if version, ok := strings.CutPrefix(line, "redis_version:"); ok {
				st.Redis.Version = strings.TrimSpace(version)
			}
		}
	}
	if _, err := c.reader.List(ctx, aliveMatcher); err == nil {
		st.TimeSeries = true
	} else {
		st.Missing = append(st.Missing, err.Error())
	}
	return st
}

// probeSearch returns why log lines cannot be read, or nil.
func (s *Server) probeSearch(ctx context.Context) error {
	q := outputs.EventQuery{To: telemetry.Debug, Last: 1}
	return s.readers.use(ctx, func(r outputs.EventReader) error {
		return r.ReadEvents(ctx, q, func(outputs.FoundEvent) error { return nil })
	})
}
