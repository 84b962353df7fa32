//go:build !core

package cli

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"

	"github.com/rtcollector/rtcollector/agent/config"
	"github.com/rtcollector/rtcollector/cmd/rtcollector/web"
	"github.com/rtcollector/rtcollector/internal/httpauth"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/selfstat"
)

// demoWeb is the web server of the demo.
type demoWeb struct {
	server   *web.Server
	listener net.Listener
	token    string // that other machines must send; "": none is needed
}

// openDemoWeb opens the web server of the demo. If other machines can reach its address, a new token protects it.
func (a *App) openDemoWeb(cfg *config.Config, f demoFlags, self *selfstat.Registry, log *slog.Logger) (w demoWeb, err error) {
	cfg.Web = &config.Web{Listen: f.web, Hosts: []string{hostname(cfg)}}
	switch {
	case cfg.Web.IsLocal():
	case f.access.insecure:
		cfg.Web.Auth = httpauth.NoAuth()
	default:
		w.token = rand.Text()
		cfg.Web.Auth = &httpauth.Auth{Token: secret.Literal(w.token)}
	}
	described, err := a.describeWeb(cfg, log)
	if err != nil {
		return w, runtimeFailure(err)
	}
	described.Self = self
	w.server, w.listener, err = openWeb(described, "--web")
	return w, err
}

// intro returns lines with the address of the dashboard, and how to reach it from another machine.
func (w *demoWeb) intro(host string) []string {
	addr, port, _ := net.SplitHostPort(w.listener.Addr().String())
	ip := net.ParseIP(addr)
	url := w.server.URL(w.listener)
	if ip != nil && ip.IsUnspecified() {
		url = "http://" + net.JoinHostPort(host, port)
	}
	lines := []string{"Dashboard:  " + url}
	switch {
	case w.token != "":
		lines = append(lines, "Token:      "+w.token)
	case ip != nil && ip.IsLoopback():
		lines = append(lines, fmt.Sprintf("Elsewhere:  ssh -L %s:%s %s, then the same address", port, w.listener.Addr(), quoteShellWord(host)))
	}
	return lines
}
