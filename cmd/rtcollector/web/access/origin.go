package access

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// isKnownHost reports whether the server goes by this name. A page could otherwise make its own name point to this server and read
// everything (DNS rebinding). A name is only checked where nothing else keeps strangers away: on this machine, or without a credential.
// Addresses cannot be rebound.
func (g *Guard) isKnownHost(hostport string) bool {
	s := &g.settings
	if !s.Local && g.credential != nil {
		return true
	}
	host := hostOf(hostport)
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.IsLoopback() || !s.Local
	}
	same := func(name string) bool { return strings.EqualFold(name, host) }
	return same("localhost") || s.Listen != "" && same(s.Listen) || slices.ContainsFunc(s.Hosts, same)
}

// hostOf returns the host of host:port, [host]:port, [host] or host.
func hostOf(hostport string) string {
	if host, _, err := net.SplitHostPort(hostport); err == nil {
		return host
	}
	return strings.TrimSuffix(strings.TrimPrefix(hostport, "["), "]")
}

// allowOrigin reports whether a request comes from a program, from our own pages, or from a page of a listed server, which may read the
// answer.
func (g *Guard) allowOrigin(w http.ResponseWriter, r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if len(g.settings.Origins) > 0 {
		w.Header().Add("Vary", "Origin")
	}
	switch {
	case origin == "":
		// A page may load an image or script from here, without reading it. It would only cost us work.
		return r.Header.Get("Sec-Fetch-Site") != "cross-site" || !strings.HasPrefix(r.URL.Path, "/api/")
	case slices.Contains(g.settings.Origins, origin):
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Allow-Methods", "GET, POST, OPTIONS")
		h.Set("Access-Control-Allow-Headers", "Accept, Authorization, Content-Type, Origin")
		h.Set("Access-Control-Expose-Headers", "Date")
		return true
	case r.Method == http.MethodOptions:
		return true // the browser refuses an answer without the headers
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host)
}
