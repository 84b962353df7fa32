// Package access decides which requests the web server answers.
//
//   - access.go: [Settings], [Guard] and the order of the checks.
//   - origin.go: the Host header and pages of other servers. headers.go: headers of every answer.
//   - session.go: the cookie of a browser. The credential itself is in internal/httpserve.
//   - login.go: the page on which a browser gets its cookie.
package access

import (
	"log/slog"
	"net/http"
	"strings"

	"github.com/rtcollector/rtcollector/internal/httpauth"
	"github.com/rtcollector/rtcollector/internal/httpserve"
	"github.com/rtcollector/rtcollector/internal/secret"
)

// Settings say who may use the server.
type Settings struct {
	Auth    *httpauth.Auth // nil: everybody
	Secrets secret.Resolver

	Local   bool     // only this machine can reach the server
	Listen  string   // the configured host, without port
	Hosts   []string // more names for the server
	Origins []string // pages of other servers that may use the API
	TLS     bool     // the server itself uses TLS
	Log     *slog.Logger
}

// Guard checks requests.
type Guard struct {
	settings   Settings
	credential *httpserve.Credential // nil: everybody
	attempts   httpserve.Attempts
	sessions   sessionKeys
}

// New returns a guard. Secrets are looked up when a request needs them.
func New(s Settings) *Guard {
	return &Guard{settings: s, credential: httpserve.NewCredential(s.Auth, s.Secrets), sessions: newSessionKeys()}
}

// isPublic reports whether a path tells nothing, so that probes need neither a credential nor a known name.
func isPublic(path string) bool { return path == "/health" || path == "/ready" }

const (
	loginPath  = "/login"
	logoutPath = "/logout"
	stylePath  = "/login.css"
)

// Wrap returns a handler that calls next for requests that are allowed, and answers the others.
func (g *Guard) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		setHeaders(w.Header())
		switch {
		case isPublic(r.URL.Path):
			next.ServeHTTP(w, r)
			return
		case !g.isKnownHost(r.Host):
			g.refuse(w, r, http.StatusForbidden, "the server does not know itself by the name in the Host header: use another name, or add it to hosts in the settings web")
			return
		case !g.allowOrigin(w, r):
			g.refuse(w, r, http.StatusForbidden, "a page of another server sent this request: add its origin to cors_origins in the settings web if it may")
			return
		case r.Method == http.MethodOptions && strings.HasPrefix(r.URL.Path, "/api/"):
			w.WriteHeader(http.StatusNoContent)
			return
		case r.URL.Path == loginPath, r.URL.Path == logoutPath, r.URL.Path == stylePath:
			next.ServeHTTP(w, r)
			return
		}
		if status, message := g.authenticate(w, r); status != http.StatusOK {
			g.refuse(w, r, status, message)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// authenticate returns the status OK, or another one with a message.
func (g *Guard) authenticate(w http.ResponseWriter, r *http.Request) (status int, message string) {
	if g.credential == nil {
		return http.StatusOK, ""
	}
	want, err := g.credential.Digest(r.Context())
	if err != nil {
		g.settings.Log.Warn("the credential of the web server cannot be looked up", "error", err)
		return http.StatusServiceUnavailable, "the server cannot look up its credential: see its log"
	}
	header := r.Header.Get("Authorization")
	if header == "" {
		if c, err := r.Cookie(cookieName); err == nil && g.sessions.isValid(c.Value, want) {
			return http.StatusOK, ""
		}
		g.challenge(w, r)
		return http.StatusUnauthorized, "log in at /login, or send the credential in the header Authorization"
	}
	return g.check(w, r, want, g.credential.Presented(r))
}

// check compares a credential with the right one, unless its client was wrong too often.
func (g *Guard) check(w http.ResponseWriter, r *http.Request, want, got httpserve.Digest) (status int, message string) {
	client := httpserve.ClientOf(r.RemoteAddr)
	if g.attempts.AreExhausted(client) {
		w.Header().Set("Retry-After", "60")
		return http.StatusTooManyRequests, "too many wrong attempts from this address: wait for a minute"
	}
	if !got.Equals(want) {
		g.attempts.RecordWrong(client)
		g.challenge(w, r)
		return http.StatusUnauthorized, "the credential is wrong"
	}
	return http.StatusOK, ""
}

// challenge asks programs for the credential. Browsers would open their own dialog, so their scripts get no challenge.
func (g *Guard) challenge(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Sec-Fetch-Mode") == "" {
		w.Header().Set("WWW-Authenticate", g.credential.Scheme()+` realm="rtcollector"`)
	}
}

// refuse answers a request that is not allowed: a browser that opens a page goes to the login, everything else gets JSON.
func (g *Guard) refuse(w http.ResponseWriter, r *http.Request, status int, message string) {
	switch {
	case status == http.StatusUnauthorized && r.Method == http.MethodGet && isPage(r):
		w.Header().Del("WWW-Authenticate")
		http.Redirect(w, r, loginPath+"?next="+escapeNext(r.URL), http.StatusSeeOther) //nolint:gosec // to our own path; what follows is escaped
	case strings.HasPrefix(r.URL.Path, "/api/v1/"):
		writePrometheusError(w, status, message)
	default:
		writeError(w, status, message)
	}
}

// isPage reports whether a browser asks for a page, not a script for data.
func isPage(r *http.Request) bool {
	return !strings.HasPrefix(r.URL.Path, "/api/") && strings.Contains(r.Header.Get("Accept"), "text/html")
}
