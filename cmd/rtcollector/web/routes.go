package web

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

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
		"/api/status":      get(inTurn(s.serveStatus)),
		"/api/hosts":       get(inTurn(s.serveHosts)),
		"/api/connections": get(s.serveConnections),
		"/api/processes":   get(s.serveProcesses),
		"/api/functions":   {http.MethodGet: s.serveFunctions, http.MethodPost: s.serveCall},
		"/api/logs":        get(s.serveLogs),
		"/api/logs/tail":   get(s.serveTail),
		"/api/logs/volume": get(s.serveVolume),
		"/health":          get(s.healthProbe()),
		"/ready":           get(s.readyProbe()),
		"/metrics":         get(s.serveMetrics),
		"/openapi.json":    get(serveOpenAPI),
	}
}

// openAPI describes [Server.ownRoutes] and the login.
//
//go:embed openapi.json
var openAPI []byte

func serveOpenAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(openAPI)
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

const (
	maxInTurn   = 4                // requests at once for one of the endpoints that ask Redis
	turnTimeout = 10 * time.Second // for the wait and the answer
)

// inTurn returns a handler that lets few requests run at once, so that many pages cannot stall Redis. The others wait.
func inTurn(h http.HandlerFunc) http.HandlerFunc {
	places := make(chan struct{}, maxInTurn)
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), turnTimeout)
		defer cancel()
		select {
		case places <- struct{}{}:
			defer func() { <-places }()
			h(w, r.WithContext(ctx))
		case <-ctx.Done():
			writeError(w, http.StatusServiceUnavailable, fmt.Sprintf("more than %d of these requests at once take longer than %v: try again later", maxInTurn, turnTimeout))
		}
	}
}

// servePages serves the files of the dashboard. Every other path is a page, which is index.html, unless it is below a folder of files.
// Browsers keep the files and ask each time whether they are still the same.
func servePages(files fs.FS) http.HandlerFunc {
	server, version := http.FileServerFS(files), hashOf(files)
	return func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(path.Clean(r.URL.Path), "/")
		if st, err := fs.Stat(files, name); err != nil || st.IsDir() {
			folder, _, _ := strings.Cut(name, "/")
			if st, err := fs.Stat(files, folder); folder != "" && err == nil && st.IsDir() {
				http.NotFound(w, r)
				return
			}
			r = r.Clone(r.Context())
			r.URL.Path = "/"
		}
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("ETag", `W/"`+version+`"`) // weak: the bytes differ when they are compressed
		server.ServeHTTP(w, r)
	}
}

// hashOf returns a hash of the content of all files.
func hashOf(files fs.FS) string {
	h := sha256.New()
	_ = fs.WalkDir(files, ".", func(name string, _ fs.DirEntry, err error) error {
		if text, readErr := fs.ReadFile(files, name); err == nil && readErr == nil {
			_, _ = h.Write(text)
		}
		return nil
	})
	return hex.EncodeToString(h.Sum(nil)[:16])
}
