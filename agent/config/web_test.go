package config

import (
	"strings"
	"testing"
	"time"
)

const someOutputs = "inputs: []\noutputs: [redis]\n"

func parseWeb(t *testing.T, settings string) (*Web, error) {
	t.Helper()
	c, err := Parse(t.Context(), "config.yaml", []byte(someOutputs+settings), testEnv())
	if err != nil {
		return nil, err
	}
	return c.Web, nil
}

func TestWeb(t *testing.T) {
	if w, err := parseWeb(t, ""); w != nil || err != nil {
		t.Errorf("without web: %v, %v", w, err)
	}
	w, err := parseWeb(t, "web: {}")
	if err != nil || w.Address() != DefaultWebListen || !w.IsLocal() || w.Auth.Mode() != "none" {
		t.Fatalf("%+v, %v", w, err)
	}
	w, err = parseWeb(t, `
web:
  listen: 0.0.0.0:80
  auth: {token: "secret:web/token"}
  hosts: [metrics.lan]
  cors_origins: [https://grafana.lan:3000]
  limits: {lookback_delta: 10m, timeout: 5, samples: 1000, series: 10, concurrent: 1}
`)
	if err != nil || w.IsLocal() || w.Auth.Mode() != "token" || w.Limits.Timeout.D() != 5*time.Second || w.Limits.Lookback.D() != 10*time.Minute || w.Auth.Token.String() != "[redacted]" {
		t.Errorf("%+v, %v", w, err)
	}
	for settings, mode := range map[string]string{
		"web: {listen: '[::]:80', auth: none}": "none", "web: {auth: {username: a, password: b}}": "basic", "web: {listen: 'localhost:1', auth: none}": "none",
		"web: {listen: '[::1]:80'}": "none", "web: {listen: '127.0.0.2:80'}": "none",
	} {
		if w, err := parseWeb(t, settings); err != nil || w.Auth.Mode() != mode {
			t.Errorf("%s: %v, %v", settings, w, err)
		}
	}
}

func TestWebMistakes(t *testing.T) {
	for settings, want := range map[string]string{
		"web:":                                 "web: is empty",
		"web: {lissten: x}":                    `unknown key "lissten" (did you mean "listen"?)`,
		"web: {limits: {serie: 1}}":            `unknown key "serie" (did you mean "series"?)`,
		"web: {listen: 0.0.0.0:80}":            `web.listen: is an address that other machines can reach: add "auth: {token: secret:web/token}"`,
		"web: {listen: ':80'}":                 "web.listen: is an address that other machines can reach",
		"web: {listen: metrics.lan:80}":        "web.listen: is an address that other machines can reach",
		"web: {listen: localhost}":             "web.listen: must be an address and a port",
		"web: {listen: 8642}":                  "web.listen: must be an address and a port",
		"web: {auth: yes}":                     "web.auth: must be none, or a map",
		"web: {auth: {}}":                      "web.auth: needs a token, or username and password",
		"web: {auth: {token: a, password: b}}": "web.auth.token: replaces username and password",
		"web: {auth: {username: a}}":           "web.auth.username: needs a password",
		"web: {auth: {password: a}}":           "web.auth.password: needs a username",
		"web: {hosts: ['http://a']}":           "web.hosts[0]: must be a name",
		"web: {hosts: ['a:80']}":               "web.hosts[0]: must be a name",
		"web: {cors_origins: ['*']}":           "web.cors_origins[0]: must be like https://",
		"web: {cors_origins: [grafana.lan]}":   "web.cors_origins[0]: must be like https://",
		"web: {cors_origins: ['http://a/b']}":  "web.cors_origins[0]: must be like https://",
		"web: {max_connections: -1}":           "web.max_connections: must not be negative",
		"web: {limits: {series: -1}}":          "web.limits.series: must not be negative",
		"web: {tls_cert: a}":                   "web.tls_cert: must be set together with tls_key",
	} {
		if w, err := parseWeb(t, settings); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v, want %s", settings, w, err, want)
		}
	}
}
