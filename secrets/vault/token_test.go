package vault

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/secrets/vaulttest"
)

// sleep is only for tests in a synctest bubble.
func sleep(d time.Duration) { time.Sleep(d) }

func file(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "token")
	write(t, name, text)
	return name
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func appRole(c *Config) {
	c.Token = secret.Ref{}
	c.Auth = Auth{Method: AppRole, RoleID: secret.Literal("the-role"), SecretID: secret.Literal("hunter-secret-id")}
}

// roleServer returns a server where the role can log in and gets tokens that are valid for an hour.
func roleServer() *vaulttest.Server {
	v := fake()
	v.Revoke(fakeToken)
	v.AppRoles["the-role"] = "hunter-secret-id"
	v.Grant = vaulttest.Token{ID: "hvs.granted-", Paths: []string{"secret/"}, TTL: time.Hour, Renewable: true}
	return v
}

func TestWhereTheTokenComesFrom(t *testing.T) {
	name := file(t, fakeToken+"\n")
	t.Setenv("SECRET_TOKEN", fakeToken)
	none := func(c *Config) { c.Token = secret.Ref{} }
	for what, change := range map[string]func(c *Config){
		"literal":   nil,
		"reference": func(c *Config) { c.Token = secret.Literal("secret:token") },
		"file":      func(c *Config) { none(c); c.TokenFile = name },
	} {
		t.Run(what, func(t *testing.T) { want(t, open(t, fake(), change), "redis", "hunter2") })
	}
	env := func(name string) (string, bool) { v, ok := map[string]string{envToken: fakeToken}[name]; return v, ok }
	s := open(t, fake(), none)
	wantError(t, s, "redis", "vault http://vault.test:8200: no token: set token, token_file or auth, or the environment variable VAULT_TOKEN")
	s.env.Getenv = env
	want(t, s, "redis", "hunter2")
	s = open(t, fake(), func(c *Config) { c.Token = secret.Literal("another") })
	s.env.Getenv = env
	wantError(t, s, "redis", "refuses the token") // settings take precedence over the environment
	wantError(t, open(t, fake(), func(c *Config) { c.Token = secret.Literal("secret:nope") }), "redis", "SECRET_NOPE is not set")
	wantError(t, open(t, fake(), func(c *Config) { none(c); c.TokenFile = "/nowhere/token" }), "redis", "read token_file: open /nowhere/token")
	empty := file(t, "\n")
	wantError(t, open(t, fake(), func(c *Config) { none(c); c.TokenFile = empty }), "redis", "read token_file: "+empty+" is empty")
	wantError(t, open(t, fake(), func(c *Config) { c.Token = secret.Literal("hunter\nhunter") }), "redis", "characters that are not allowed in an HTTP header")
}

// Vault Agent writes a new token to the file before the old one expires.
func TestTokenFileIsReadAgain(t *testing.T) {
	v := fake()
	name := file(t, fakeToken)
	s := open(t, v, func(c *Config) { c.Token, c.TokenFile = secret.Ref{}, name })
	want(t, s, "redis", "hunter2")
	v.Revoke(fakeToken)
	v.Issue(vaulttest.Token{ID: "hvs.second", Paths: []string{"secret/"}})
	write(t, name, "\ufeffhvs.second\r\n") // as PowerShell writes it
	want(t, s, "redis", "hunter2")         // cached for two seconds
	v.Put("secret/rtcollector/x", map[string]any{"value": "y"})
	want(t, s, "x", "y")
	if v.Last().Token != "hvs.second" {
		t.Error(v.Last())
	}
}

// Tokens are hidden from all messages as soon as they are known.
func TestTokensAreHidden(t *testing.T) {
	s := open(t, roleServer(), appRole)
	var hidden []string
	s.env.Hide = func(v string) { hidden = append(hidden, v) }
	want(t, s, "redis", "hunter2")
	if diff := cmp.Diff([]string{"hvs.granted-1"}, hidden); diff != "" {
		t.Error(diff)
	}
}

func TestAppRole(t *testing.T) {
	v := roleServer()
	s := open(t, v, appRole)
	if got := v.Requests(); len(got) > 0 {
		t.Errorf("asked %v before a secret was needed", got)
	}
	want(t, s, "redis", "hunter2")
	if diff := cmp.Diff([]string{"PUT auth/approle/login", "GET secret/data/rtcollector/redis"}, v.Requests()); diff != "" {
		t.Error(diff)
	}
	t.Setenv("SECRET_ID", "hunter-secret-id")
	name := file(t, "hunter-secret-id\n")
	want(t, open(t, v, func(c *Config) { appRole(c); c.Auth.SecretID = secret.Literal("secret:id") }), "redis", "hunter2")
	want(t, open(t, v, func(c *Config) { appRole(c); c.Auth.SecretID, c.Auth.SecretIDFile = secret.Ref{}, name }), "redis", "hunter2")
	wantError(t, open(t, v, func(c *Config) { appRole(c); c.Auth.SecretID = secret.Literal("hunter-wrong") }), "redis",
		"refuses the login at auth/approle/login: check role_id and secret_id: invalid role or secret ID")
	wantError(t, open(t, v, func(c *Config) { appRole(c); c.Auth.Mount = "/other/" }), "redis",
		"has no auth method at auth/other: enable it, or correct auth.mount or namespace: no handler for route")
	wantError(t, open(t, v, func(c *Config) { appRole(c); c.Auth.SecretID, c.Auth.SecretIDFile = secret.Ref{}, "/nowhere" }), "redis",
		"read auth.secret_id_file: open /nowhere")
	v.AppRoles["free"] = "" // bind_secret_id=false
	want(t, open(t, v, func(c *Config) { appRole(c); c.Auth.RoleID, c.Auth.SecretID = secret.Literal("free"), secret.Ref{} }), "redis", "hunter2")
	if strings.Contains(v.Last().Body, "secret_id") {
		t.Error("sends an empty secret_id")
	}
}

func TestKubernetes(t *testing.T) {
	v := roleServer()
	v.Service["agent"] = "hunter-jwt"
	name := file(t, "hunter-jwt")
	kubernetes := func(role, file string) func(c *Config) {
		return func(c *Config) {
			c.Token = secret.Ref{}
			c.Auth = Auth{Method: Kubernetes, Role: role, JWTFile: file}
		}
	}
	want(t, open(t, v, kubernetes("agent", name)), "redis", "hunter2")
	wantError(t, open(t, v, kubernetes("other", name)), "redis",
		`refuses the login at auth/kubernetes/login: check role, and the service accounts and namespaces that are bound to it: invalid role name "other"`)
	wantError(t, open(t, v, kubernetes("agent", file(t, "hunter-other"))), "redis", "bound to it: permission denied")
	wantError(t, open(t, v, kubernetes("agent", "/nowhere")), "redis", "read auth.jwt_file: open /nowhere")
	if Defaults().Auth.JWTFile != "/var/run/secrets/kubernetes.io/serviceaccount/token" {
		t.Error(Defaults().Auth.JWTFile)
	}
}

// Connections that need a new token at the same time cause one login.
func TestLoginWhenTheTokenHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := roleServer()
		slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			sleep(time.Second)
			v.ServeHTTP(w, r)
		})
		s := open(t, slow, appRole)
		ids := []string{"redis", "a", "b", "c"}
		for _, id := range ids[1:] {
			v.Put("secret/rtcollector/"+id, map[string]any{"value": "hunter2"})
		}
		want(t, s, "redis", "hunter2")
		sleep(time.Hour)
		v.Requests()
		var all sync.WaitGroup
		for _, id := range ids {
			all.Go(func() { want(t, s, id, "hunter2") })
		}
		all.Wait()
		requests := v.Requests()
		if count(requests, "login") != 1 || len(requests) != 1+len(ids) {
			t.Error(requests)
		}
	})
}

func TestLoginWhenTheTokenIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := roleServer()
		s := open(t, v, appRole)
		want(t, s, "redis", "hunter2")
		v.Revoke("hvs.granted-1")
		sleep(cacheTime)
		v.Requests()
		want(t, s, "redis", "hunter2")
		if diff := cmp.Diff([]string{
			"GET secret/data/rtcollector/redis", "GET auth/token/lookup-self", "PUT auth/approle/login", "GET secret/data/rtcollector/redis",
		}, v.Requests()); diff != "" {
			t.Error(diff)
		}
	})
}

// A path that the policies do not grant does not cause a login, because leases would accumulate.
func TestNoLoginWhenThePathIsDenied(t *testing.T) {
	v := roleServer()
	v.Grant.Paths = nil
	s := open(t, v, func(c *Config) { appRole(c); c.KVVersion = 2 })
	for range 2 {
		wantError(t, s, "redis", `does not allow the token to read secret/data/rtcollector/redis: add to one of its policies: path "secret/data/rtcollector/redis"`)
	}
	if diff := cmp.Diff([]string{
		"PUT auth/approle/login", "GET secret/data/rtcollector/redis", "GET auth/token/lookup-self",
		"GET secret/data/rtcollector/redis", "GET auth/token/lookup-self",
	}, v.Requests()); diff != "" {
		t.Error(diff)
	}
}

// keep runs Keep of a store for a while and returns its log and its requests.
func keep(t *testing.T, s *Store, v *vaulttest.Server, during func()) (log string, requests []string) {
	t.Helper()
	var b strings.Builder
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Keep(ctx, slog.New(slog.NewTextHandler(&b, nil)))
	}()
	during()
	synctest.Wait()
	cancel()
	<-done
	return b.String(), v.Requests()
}

func count(requests []string, what string) (n int) {
	for _, r := range requests {
		if strings.Contains(r, what) {
			n++
		}
	}
	return n
}

func TestRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := roleServer()
		s := open(t, v, appRole)
		log, requests := keep(t, s, v, func() {
			want(t, s, "redis", "hunter2")
			sleep(10 * time.Hour)
			want(t, s, "redis", "hunter2")
		})
		if n := count(requests, "login"); n != 1 {
			t.Errorf("%d logins", n)
		}
		if n := count(requests, "renew-self"); n != 15 { // every 40 minutes
			t.Errorf("%d renewals", n)
		}
		if strings.Contains(log, "level=WARN") {
			t.Error(log)
		}
	})
}

// A token cannot be renewed beyond its maximum lifetime. The next call of Secret logs in.
func TestRenewalUpToTheMaximum(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := roleServer()
		v.Grant.Max = 90 * time.Minute
		s := open(t, v, appRole)
		log, requests := keep(t, s, v, func() {
			want(t, s, "redis", "hunter2")
			sleep(2 * time.Hour)
			want(t, s, "redis", "hunter2")
		})
		if n := count(requests, "renew-self"); n < 2 || n > 4 {
			t.Errorf("%d renewals", n)
		}
		if n := count(requests, "login"); n != 2 || strings.Contains(log, "level=WARN") {
			t.Errorf("%d logins\n%s", n, log)
		}
	})
}

func TestRenewalThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := roleServer()
		s := open(t, v, appRole)
		log, requests := keep(t, s, v, func() {
			want(t, s, "redis", "hunter2")
			sleep(39 * time.Minute)
			v.Fail(vaulttest.Sealed)
			sleep(6 * time.Minute)
			v.Fail(nil)
			sleep(time.Hour)
			want(t, s, "redis", "hunter2")
		})
		if n := strings.Count(log, "level=WARN"); n != 1 || !strings.Contains(log, "is sealed") || !strings.Contains(log, "vault token renewed after failures") {
			t.Errorf("an outage is said once, and its end:\n%s", log)
		}
		// 5 minutes without a reply: attempts after 0 1 3 7 15 31 s, then every 30 s
		if n := count(requests, "renew-self"); n < 14 || n > 18 {
			t.Errorf("%d renewals", n)
		}
		if n := count(requests, "login"); n != 1 {
			t.Errorf("%d logins", n)
		}
	})
}

// The lifetime of a configured token is looked up.
func TestTokenThatWasGiven(t *testing.T) {
	for name, c := range map[string]struct {
		token    vaulttest.Token
		renewals int
		log      string
	}{
		"root":      {vaulttest.Token{}, 0, ""},
		"periodic":  {vaulttest.Token{TTL: time.Hour, Renewable: true}, 8, ""},
		"limited":   {vaulttest.Token{TTL: 8 * time.Hour}, 0, "vault token is not renewable; configure a new one before it expires"},
		"hidden":    {vaulttest.Token{TTL: 8 * time.Hour, Hidden: true}, 0, ""},
		"exhausted": {vaulttest.Token{TTL: 5 * time.Hour, Max: 6 * time.Hour, Renewable: true}, 2, "vault token has reached its maximum lifetime"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := fake()
				c.token.ID, c.token.Paths = fakeToken, []string{"secret/"}
				v.Issue(c.token)
				s := open(t, v, nil)
				log, requests := keep(t, s, v, func() {
					want(t, s, "redis", "hunter2")
					sleep(5*time.Hour + 59*time.Minute)
					want(t, s, "redis", "hunter2")
				})
				if n := count(requests, "lookup-self"); n != 1 {
					t.Errorf("asked %d times how long it lives", n)
				}
				if n := count(requests, "renew-self"); n != c.renewals {
					t.Errorf("%d renewals, want %d", n, c.renewals)
				}
				if (log == "") != (c.log == "") || !strings.Contains(log, c.log) {
					t.Errorf("log %q, want %q", log, c.log)
				}
			})
		})
	}
}

func TestKeepWithoutASecretDoesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := roleServer()
		if _, requests := keep(t, open(t, v, appRole), v, func() { sleep(time.Hour) }); len(requests) > 0 {
			t.Error(requests)
		}
	})
}
