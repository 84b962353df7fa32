package web

import (
	"net/http"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/web/access"
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
