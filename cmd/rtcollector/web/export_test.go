package web

import (
	"net/http"
	"net/url"
	"time"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/web/access"
	"github.com/rtcollector/rtcollector/outputs"
)

// DocumentedRoutes returns the routes that openapi.json describes, by path and method.
func (s *Server) DocumentedRoutes() []map[string]map[string]http.HandlerFunc {
	return []map[string]map[string]http.HandlerFunc{s.ownRoutes(), access.New(s.accessSettings()).Routes()}
}

// For tests.
const (
	MaxTails            = maxTails
	MaxConnectionEvents = maxConnectionEvents
)

var ParseFilters = parseFilters

// ParseConnectionQuery returns the query of the store, and how many connections are wanted.
func ParseConnectionQuery(v url.Values, now time.Time) (q outputs.EventQuery, last int, err error) {
	c, err := parseConnectionQuery(v, now)
	return c.events, c.last, err
}
