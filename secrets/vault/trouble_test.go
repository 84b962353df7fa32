package vault

import (
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rtcollector/rtcollector/internal/catalog/catalogtest"
	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/tlsx"
	"github.com/rtcollector/rtcollector/internal/tlsx/tlstest"
	"github.com/rtcollector/rtcollector/secrets"
	"github.com/rtcollector/rtcollector/secrets/vaulttest"
)

func TestTroubleOfTheServer(t *testing.T) {
	for _, c := range []struct {
		status      int
		body, want  string
		unavailable bool
	}{
		{503, `{"errors":["Vault is sealed"]}`, "vault http://vault.test:8200 is sealed: unseal it (vault operator unseal)", true},
		{503, `{"errors":["Vault is down for maintenance"]}`, "has a problem (status 503): check its log: Vault is down", true},
		{500, `{"errors":["1 error occurred:\n\t* internal error\n\n"]}`, "has a problem (status 500): check its log: 1 error occurred: * internal error", true},
		{502, "<html><body>Bad Gateway</body></html>", "has a problem (status 502)", true},
		{429, `{"errors":["request path \"secret\": rate limit quota exceeded"]}`, "accepts no more requests for now (status 429): request path", true},
		{412, `{"errors":["required index state not present"]}`, "has a problem (status 412)", true},
		{473, "", "has a problem (status 473): check its log: no reason given", true},
		{400, "Client sent an HTTP request to an HTTPS server.", "requires TLS on this port: write https:// in url", false},
		{404, "404 page not found", "does not answer like a Vault (status 404): correct url: 404 page", false},
		{200, "<html>welcome " + fakeToken + strings.Repeat(" x", 500) + "</html>", "does not answer like a Vault (status 200): correct url: <html>welcome [redacted] x", false},
		{405, `{"errors":["unsupported operation"]}`, "refuses to read secret/data/rtcollector/redis (status 405): unsupported operation", false},
		{200, `{"data":{"other":"hunter2"}}`, "has no secret at secret/data/rtcollector/redis", false},
	} {
		v := fake()
		v.Fail(func(*http.Request) (int, string) { return c.status, c.body })
		err := wantError(t, open(t, v, func(o *Config) { o.KVVersion = 2 }), "redis", c.want)
		if secret.IsUnavailable(err) != c.unavailable {
			t.Errorf("unavailable: %v: %v", !c.unavailable, err)
		}
		if len(err.Error()) > 400 {
			t.Errorf("%d bytes: %v", len(err.Error()), err)
		}
	}
}

// ask reads a secret from a server over the network.
func ask(t *testing.T, url string, change func(c *Config)) error {
	t.Helper()
	c := Defaults()
	c.URL, c.Token = url, secret.Literal(fakeToken)
	if change != nil {
		change(&c)
	}
	s, err := New(secrets.StoreEnv{}, c)
	if err != nil {
		t.Fatal(err)
	}
	v, err := s.Secret(t.Context(), "redis")
	if err == nil && v != "hunter2" {
		t.Errorf("%q", v)
	}
	return err
}

func TestNobodyThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + l.Addr().String()
	_ = l.Close()
	for url, want := range map[string]string{
		url:                         "vault " + url + " cannot be reached: start it, or correct url: dial tcp",
		"http://vault.invalid:8200": "vault http://vault.invalid:8200 cannot be found by name: correct url, or check the name server",
	} {
		if err := ask(t, url, nil); !secret.IsUnavailable(err) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestSlowServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		began := time.Now()
		err := wantError(t, open(t, slow, func(c *Config) { c.Timeout = conf.Duration(7 * time.Second) }), "redis", "did not answer within 7s")
		if !secret.IsUnavailable(err) || time.Since(began) != 7*time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
}

func TestTLS(t *testing.T) {
	a, stranger := tlstest.New(t), tlstest.New(t)
	cert, key := a.Issue(t, tlstest.Cert{})
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(fake())
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: a.Pool()}
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.StartTLS()
	t.Cleanup(server.Close)
	plain := httptest.NewServer(fake())
	t.Cleanup(plain.Close)
	with := func(c tlsx.Config) func(*Config) { return func(o *Config) { o.TLS = c } }
	for _, c := range []struct {
		url  string
		tls  tlsx.Config
		want string // "": works
	}{
		{server.URL, tlsx.Config{CA: a.File}, ""},
		{server.URL, tlsx.Config{CA: a.File, Cert: cert, Key: key}, ""},
		{server.URL, tlsx.Config{InsecureSkipVerify: true}, ""},
		{server.URL, tlsx.Config{}, "has a certificate of an unknown authority: set tls.ca to the authority's file"},
		{server.URL, tlsx.Config{CA: stranger.File}, "has a certificate of an unknown authority"},
		{server.URL, tlsx.Config{CA: a.File, ServerName: "other"}, "has a certificate for another name"},
		{server.URL, tlsx.Config{CA: "/nowhere"}, "read tls.ca: open /nowhere"},
		{strings.Replace(plain.URL, "http", "https", 1), tlsx.Config{CA: a.File}, "does not use TLS on this port"},
		{strings.Replace(server.URL, "https", "http", 1), tlsx.Config{}, "requires TLS on this port: write https:// in url"},
	} {
		err := ask(t, c.url, with(c.tls))
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.tls, err, c.want)
		}
	}
}

func TestNoProxy(t *testing.T) {
	if newTransport(tlsx.Config{}).(*http.Transport).Proxy != nil {
		t.Error("asks the environment for a proxy")
	}
}

// A standby node redirects clients to the active one. A redirect to a server without TLS is not followed.
func TestRedirect(t *testing.T) {
	active := httptest.NewServer(fake())
	t.Cleanup(active.Close)
	standby := httptest.NewServer(http.RedirectHandler(active.URL+"/v1/secret/data/rtcollector/redis", http.StatusTemporaryRedirect))
	t.Cleanup(standby.Close)
	if err := ask(t, standby.URL, nil); err != nil {
		t.Error(err)
	}
	a := tlstest.New(t)
	pair, err := tls.LoadX509KeyPair(a.Issue(t, tlstest.Cert{}))
	if err != nil {
		t.Fatal(err)
	}
	downgrade := httptest.NewUnstartedServer(standby.Config.Handler)
	downgrade.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	downgrade.StartTLS()
	t.Cleanup(downgrade.Close)
	if err := ask(t, downgrade.URL, func(c *Config) { c.TLS.CA = a.File }); err == nil {
		t.Error("the token was sent without TLS")
	}
}

// TestEnvironment sets variables that would change the behaviour of Vault's library.
func TestEnvironment(t *testing.T) {
	v := fake()
	server := httptest.NewServer(v)
	t.Cleanup(server.Close)
	for name, value := range map[string]string{
		"VAULT_ADDR": "http://127.0.0.1:1", "VAULT_AGENT_ADDR": "http://127.0.0.1:1", "VAULT_TOKEN": "hvs.another", "VAULT_NAMESPACE": "nope",
		"VAULT_HTTP_PROXY": "http://127.0.0.1:1", "VAULT_PROXY_ADDR": "http://127.0.0.1:1", "HTTP_PROXY": "http://127.0.0.1:1",
		"VAULT_HEADERS": `{"X-Own":"1"}`, "VAULT_WRAP_TTL": "5m", "VAULT_MAX_RETRIES": "9", "VAULT_RATE_LIMIT": "0.001", "VAULT_CLIENT_TIMEOUT": "1",
	} {
		t.Setenv(name, value)
	}
	headers := http.Header{}
	v.Fail(func(r *http.Request) (int, string) { headers = r.Header.Clone(); return 0, "" })
	if err := ask(t, server.URL, nil); err != nil {
		t.Fatal(err)
	}
	for name := range headers {
		switch name {
		case "X-Vault-Token", "X-Vault-Request", "User-Agent", "Accept-Encoding", "Connection":
		default:
			t.Errorf("sends %s: %v", name, headers[name])
		}
	}
	v.Requests()
	v.Fail(vaulttest.Sealed)
	if err := ask(t, server.URL, nil); err == nil || len(v.Requests()) != 1 {
		t.Error("asks again by itself")
	}
	c := Defaults()
	for address, want := range map[string]string{
		"http://elsewhere:1/v/": "http://elsewhere:1/v",
		"":                      "http://127.0.0.1:8200",
		"http://u:hunter2@h":    "the environment variable VAULT_ADDR must be a URL",
		"vault:8200":            "the environment variable VAULT_ADDR must be a URL",
	} {
		s, err := New(secrets.StoreEnv{Getenv: func(name string) (string, bool) { return address, name == envAddress }}, c)
		switch {
		case err != nil && (!strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "hunter2")):
			t.Errorf("%q: %v", address, err)
		case err == nil && s.address != want:
			t.Errorf("%q: %q", address, s.address)
		}
	}
}

// The library fails for invalid variables that it should not read. The error lists them.
func TestEnvironmentThatTheLibraryCannotRead(t *testing.T) {
	t.Setenv("VAULT_HTTP_PROXY", "http://u:hunter2@%zz")
	t.Setenv("VAULT_TOKEN", "hunter2")
	_, err := New(secrets.StoreEnv{}, Defaults())
	if err == nil || !strings.HasSuffix(err.Error(), "correct or unset them: VAULT_HTTP_PROXY") {
		t.Error(err)
	}
}

func TestConfigurationMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"{url: vault.example:8200}":       "url: must be a URL such as https://vault.example:8200, without user, password and query",
		"{url: 'https://u:hunter2@h'}":    "url: must be a URL such as",
		"{url: 'https://h?x=1'}":          "url: must be a URL such as",
		"{mount: ''}":                     "mount: must be the path of a KV engine",
		"{mount: a/../b}":                 "mount: must be the path of a KV engine",
		"{path_prefix: ../x}":             "path_prefix: must be a path without",
		"{kv_version: 3}":                 "kv_version: must be 1 or 2",
		"{field: ''}":                     "field: must not be empty",
		"{timeout: 0}":                    "timeout: must be more than 0",
		"{token: hunter2, token_file: x}": "token_file: cannot be combined with token",
		"{token: hunter2, auth: {method: approle, role_id: r}}":                        "token: has no effect with auth.method approle",
		"{token_file: x, auth: {method: kubernetes, role: r}}":                         "token_file: has no effect with auth.method kubernetes",
		"{auth: {method: approle}}":                                                    "auth.role_id: is needed with method approle",
		"{auth: {method: kubernetes}}":                                                 "auth.role: is needed with method kubernetes",
		"{auth: {method: approl}}":                                                     `auth.method: must be token, approle, kubernetes (did you mean "approle"?), not "approl"`,
		"{auth: {mount: /../}}":                                                        "auth.mount: must be the path of an auth method",
		"{auth: {method: approle, role_id: r, secret_id: hunter2, secret_id_file: x}}": "auth.secret_id_file: cannot be combined with secret_id",
		"{tls: {cert: x}}":                                                             "tls.cert: must be set together with key",
		"{auth: {method: approle, role_id: r, secret_id: x}, tls: {}}":                 "",
		"{path_prefix: '', kv_version: 2, namespace: a/b, mount: a/b/c}":               "",
	} {
		_, ps := catalogtest.Decode(t, Plugin, text)
		got := ""
		for _, p := range ps {
			got += strings.TrimPrefix(p.Path, "vault.") + ": " + p.Message
		}
		if !strings.HasPrefix(got, want) || (want == "") != (got == "") || strings.Contains(got, "hunter2") {
			t.Errorf("%s\ngot  %s\nwant %s", text, got, want)
		}
	}
}
