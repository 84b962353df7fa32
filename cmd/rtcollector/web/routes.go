package web

import (
	"io/fs"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/web/access"
	"github.com/rtcollector/rtcollector/cmd/rtcollector/web/promapi"
	"github.com/rtcollector/rtcollector/cmd/rtcollector/web/ui"
)

// routes returns the handler of all paths.
func (s *Server) routes(guard *access.Guard) http.Handler {
	api := promapi.API{Engine: s.store.engine, Describe: s.config.Describe, Revision: s.config.Version, Timeout: s.config.Settings.Limits.Timeout.D()}
	all := api.Routes()
	maps.Copy(all, s.ownRoutes())
	maps.Copy(all, guard.Routes())
	mux := http.NewServeMux()
	for pattern, handlers := range all {
		mux.Handle(pattern, byMethod(handlers))
	}
	mux.HandleFunc("/api/", func(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) })
	mux.Handle("/", byMethod{http.MethodGet: servePages(ui.Files())})
	return mux
}

// ownRoutes returns the handlers of the endpoints that are not Prometheus'.
func (s *Server) ownRoutes() map[string]map[string]http.HandlerFunc {
	get := func(h http.HandlerFunc) map[string]http.HandlerFunc {
		return map[string]http.HandlerFunc{http.MethodGet: h}
	}
	return map[string]map[string]http.HandlerFunc{
		"/api/status":      get(s.serveStatus),
		"/api/hosts":       get(s.serveHosts),
		"/api/logs":        get(s.serveLogs),
		"/api/logs/tail":   get(s.serveTail),
		"/api/logs/volume": get(s.serveVolume),
		"/health":          get(serveHealth),
		"/ready":           get(s.serveReady),
		"/metrics":         get(s.serveMetrics),
	}
}

// byMethod calls the handler of the request's method. Unlike [http.ServeMux] it does not answer HEAD with the handler of GET, as
// Prometheus does not.
type byMethod map[string]http.HandlerFunc

// ServeHTTP implements http.Handler.
func (m byMethod) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h, ok := m[r.Method]
	if !ok {
		w.Header().Set("Allow", strings.Join(slices.Sorted(maps.Keys(m)), ", "))
		http.Error(w, "Method Not Allowed", http.StatusMethodNotAllowed)
		return
	}
	h(w, r)
}

// servePages serves the files of the dashboard. Every other path is a page, which is index.html.
func servePages(files fs.FS) http.HandlerFunc {
	server := http.FileServerFS(files)
	return func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(path.Clean(r.URL.Path), "/")
		if st, err := fs.Stat(files, name); err != nil || st.IsDir() {
			r = r.Clone(r.Context())
			r.URL.Path = "/"
		}
		server.ServeHTTP(w, r)
	}
}
