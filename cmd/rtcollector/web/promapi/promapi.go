// Package promapi answers Prometheus' HTTP API (https://prometheus.io/docs/prometheus/latest/querying/api/) from a [query.Engine], so that
// Grafana's data source for Prometheus, promtool and client libraries work on RedisTimeSeries.
//
//   - promapi.go: [API] and its routes. evaluate.go: the queries. list.go: series, labels and metrics. fixed.go: what Grafana asks for and
//     this server does not have.
//   - params.go: the parameters of a request; times and durations.
//   - answer.go: answers and errors. encode.go: results as JSON.
package promapi

import (
	"context"
	"net/http"
	"time"

	"github.com/rtcollector/rtcollector/internal/query"
)

// Prefix is the path that all routes begin with.
const Prefix = "/api/v1/"

// MetricDoc documents a metric.
type MetricDoc struct {
	Type string // counter or gauge
	Help string
}

// API answers the requests.
type API struct {
	// Engine returns the engine, or an error of type [*query.Error] while Redis cannot be reached.
	Engine func(context.Context) (*query.Engine, error)

	// Describe documents a metric by its name. ok is false for an unknown one.
	Describe func(name string) (doc MetricDoc, ok bool)

	// Revision is the version of this program.
	Revision string

	// Timeout is the limit for a request.
	Timeout time.Duration
}

// Routes returns the handlers of all paths, by the method. Paths are patterns of [http.ServeMux] without a method.
func (a *API) Routes() map[string]map[string]http.HandlerFunc {
	get := func(h http.HandlerFunc) map[string]http.HandlerFunc {
		return map[string]http.HandlerFunc{http.MethodGet: h}
	}
	getOrPost := func(h http.HandlerFunc) map[string]http.HandlerFunc {
		return map[string]http.HandlerFunc{http.MethodGet: h, http.MethodPost: h}
	}
	return map[string]map[string]http.HandlerFunc{
		Prefix + "query":               getOrPost(a.handle(a.query)),
		Prefix + "query_range":         getOrPost(a.handle(a.queryRange)),
		Prefix + "format_query":        getOrPost(a.handle(a.formatQuery)),
		Prefix + "series":              getOrPost(a.handle(a.series)),
		Prefix + "labels":              getOrPost(a.handle(a.labels)),
		Prefix + "label/{name}/values": get(a.handle(a.labelValues)),
		Prefix + "metadata":            get(a.handle(a.metadata)),
		Prefix + "status/buildinfo":    get(a.handle(a.buildInfo)),
		Prefix + "rules":               get(a.handle(a.rules)),
		Prefix + "alerts":              get(a.handle(a.alerts)),
		Prefix + "query_exemplars":     getOrPost(a.handle(a.exemplars)),
	}
}

// handle returns the handler that parses the parameters, calls f and writes its answer or its error.
func (a *API) handle(f func(context.Context, params) (answer, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p, err := readParams(w, r)
		if err != nil {
			writeError(w, err)
			return
		}
		timeout, err := p.duration("timeout", a.Timeout)
		if err != nil {
			writeError(w, err)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), min(timeout, a.Timeout))
		defer cancel()
		result, err := f(ctx, p)
		if err != nil {
			writeError(w, err)
			return
		}
		writeAnswer(w, result)
	}
}
