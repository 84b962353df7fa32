package vault

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/secrets"
	"github.com/rtcollector/rtcollector/secrets/secretstest"
	"github.com/rtcollector/rtcollector/secrets/vaulttest"
)

func TestConformance(t *testing.T) {
	against(t, func(t *testing.T, b backend) {
		for _, version := range []int{1, 2} {
			b.put(version, "rtcollector/redis/main", map[string]any{"value": "hunter2-vault"})
			secretstest.Run(t, secretstest.Case{
				Definition: Plugin, Config: fmt.Sprintf("{url: %q, token: %q, mount: %q}", b.url, b.token, b.mounts[version]),
				ID: "redis/main", Value: "hunter2-vault", Missing: "redis/other",
			})
		}
	})
}

func TestRead(t *testing.T) {
	against(t, func(t *testing.T, b backend) {
		for _, version := range []int{1, 2} {
			b.put(version, "rtcollector/all", map[string]any{
				"value": "v", "number": 6379, "large": int64(12345678901234567), "float": 0.5, "yes": true, "list": []string{"hunter2"}, "null": nil, "empty": "",
			})
			s, err := New(secrets.StoreEnv{}, b.config(version))
			if err != nil {
				t.Fatal(err)
			}
			for id, value := range map[string]string{
				"all": "v", "all#value": "v", "all#number": "6379", "all#large": "12345678901234567", "all#float": "0.5",
				"all#yes": "true", "all#empty": "", "/all/": "v",
			} {
				want(t, s, id, value)
			}
			where := b.mounts[version] + "/rtcollector/all"
			if err := wantError(t, s, "all#nope", "the secret "+where+` has no field "nope"; it has empty, `); !secret.IsNotFound(err) {
				t.Error("is not said to be missing")
			}
			wantError(t, s, "all#list", `the field "list" of the secret `+where+" is neither a text nor a number")
			wantError(t, s, "all#null", `the field "null" of the secret `+where+" is neither a text nor a number")
			if err := wantError(t, s, "nope", fmt.Sprintf("has no secret at %s nor at %s: write it (vault kv put -mount=%s rtcollector/nope value=…)",
				s.kvPath(version, "rtcollector/nope"), s.kvPath(3-version, "rtcollector/nope"), b.mounts[version])); !secret.IsNotFound(err) {
				t.Error("is not said to be missing")
			}
		}
	})
}

func TestDeleted(t *testing.T) {
	against(t, func(t *testing.T, b backend) {
		b.put(2, "rtcollector/gone", map[string]any{"value": "v"})
		b.remove(2, "rtcollector/gone")
		s, err := New(secrets.StoreEnv{}, b.config(2))
		if err != nil {
			t.Fatal(err)
		}
		wantError(t, s, "gone", "the newest version of "+b.mounts[2]+"/data/rtcollector/gone was deleted")
	})
}

// A destroyed secret cannot be undeleted, whether it was deleted before or not.
func TestDestroyed(t *testing.T) {
	against(t, func(t *testing.T, b backend) {
		b.put(2, "rtcollector/gone", map[string]any{"value": "v"})
		b.destroy(2, "rtcollector/gone")
		s, err := New(secrets.StoreEnv{}, b.config(2))
		if err != nil {
			t.Fatal(err)
		}
		err = wantError(t, s, "gone", "the newest version of "+b.mounts[2]+"/data/rtcollector/gone was destroyed and cannot be undeleted: write a new one")
		if strings.Contains(err.Error(), "kv undelete") || !secret.IsNotFound(err) {
			t.Error(err)
		}
	})
}

func TestDenied(t *testing.T) {
	against(t, func(t *testing.T, b backend) {
		c := b.config(2)
		c.PathPrefix = "elsewhere"
		s, err := New(secrets.StoreEnv{}, c)
		if err != nil {
			t.Fatal(err)
		}
		m := b.mounts[2]
		err = wantError(t, s, "x", fmt.Sprintf("does not allow the token to read %s/data/elsewhere/x and %s/elsewhere/x: add to one of its policies: "+
			`path "%s/data/elsewhere/x" { capabilities = ["read"] }`, m, m, m))
		if secret.IsNotFound(err) || secret.IsUnavailable(err) {
			t.Error("a denied path is neither missing nor away")
		}
		b.revoke(b.token)
		wantError(t, s, "x", "refuses the token: it has expired, was revoked, or belongs to another namespace")
	})
}

// The next connection uses a rotated value.
func TestRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := fake()
		s := open(t, v, nil)
		want(t, s, "redis", "hunter2")
		v.Put("secret/rtcollector/redis", map[string]any{"value": "rotated", "password": "rotated too"})
		want(t, s, "redis", "hunter2") // from the same version as the value that was just read
		sleep(cacheTime)
		want(t, s, "redis", "rotated")
		want(t, s, "redis#password", "rotated too")
	})
}

func TestManyConnectionsAtOnceAreOneRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := fake()
		s := open(t, v, nil)
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() { want(t, s, "redis#"+[]string{"username", "password"}[i%2], []string{"agent", "hunter3"}[i%2]) })
		}
		all.Wait()
		if diff := cmp.Diff([]string{"GET secret/data/rtcollector/redis"}, v.Requests()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestErrorsAreNotRemembered(t *testing.T) {
	v := fake()
	s := open(t, v, nil)
	v.Fail(vaulttest.Sealed)
	wantError(t, s, "redis", "is sealed")
	v.Fail(nil)
	want(t, s, "redis", "hunter2")
	wantError(t, s, "new", "has no secret")
	v.Put("secret/rtcollector/new", map[string]any{"value": "now"})
	want(t, s, "new", "now")
}

// The version of the engine is detected once.
func TestVersionIsRemembered(t *testing.T) {
	v := fake()
	v.Engines["secret"] = 1
	v.Put("secret/rtcollector/other", map[string]any{"value": "x"})
	s := open(t, v, nil)
	want(t, s, "redis", "hunter2")
	want(t, s, "other", "x")
	wantRequests := []string{"GET secret/data/rtcollector/redis", "GET secret/rtcollector/redis", "GET secret/rtcollector/other"}
	if diff := cmp.Diff(wantRequests, v.Requests()); diff != "" {
		t.Error(diff)
	}
	v.Upgrade("secret") // vault kv enable-versioning
	v.Put("secret/rtcollector/third", map[string]any{"value": "y"})
	want(t, s, "third", "y")
}

func TestVersionThatIsConfigured(t *testing.T) {
	v := fake()
	wantError(t, open(t, v, func(c *Config) { c.KVVersion = 1 }), "redis", "has no secret at secret/rtcollector/redis: write it")
	want(t, open(t, v, func(c *Config) { c.KVVersion = 2 }), "redis", "hunter2")
	if got := v.Requests(); len(got) != 2 {
		t.Error(got)
	}
}

// Policies grant the paths of one version. Paths of the other version are denied, not empty.
func TestVersionBehindAPolicy(t *testing.T) {
	v := vaulttest.New()
	v.Engines["secret"] = 1
	v.Issue(vaulttest.Token{ID: fakeToken, Paths: []string{"secret/rtcollector/"}})
	v.Put("secret/rtcollector/redis", map[string]any{"value": "hunter2"})
	s := open(t, v, nil)
	want(t, s, "redis", "hunter2")
	if err := wantError(t, s, "nope", "has no secret at secret/rtcollector/nope (and the token must not read secret/data/rtcollector/nope)"); !secret.IsNotFound(err) {
		t.Error("is not said to be missing")
	}
}

func TestNamespace(t *testing.T) {
	v := fake()
	v.Namespace = "team/a"
	s := open(t, v, func(c *Config) { c.Namespace = "team/a" })
	want(t, s, "redis", "hunter2")
	if r := v.Last(); r.Namespace != "team/a" || r.Token != fakeToken {
		t.Errorf("%+v", r)
	}
	wantError(t, s, "nope", `secret/data/rtcollector/nope nor at secret/rtcollector/nope in namespace "team/a"`)
	wantError(t, open(t, v, func(c *Config) { c.Namespace = "team/b" }), "redis", `has no namespace "team/b": correct namespace`)
	wantError(t, open(t, v, func(c *Config) { c.Mount = "kv"; c.Namespace = "team/a" }), "redis",
		`has no secrets engine at kv/ in namespace "team/a": correct mount or namespace`)
}

func TestPrefix(t *testing.T) {
	v := fake()
	v.Put("secret/a/b/redis", map[string]any{"value": "deep"})
	v.Put("secret/redis", map[string]any{"value": "flat", "own": "field"})
	want(t, open(t, v, func(c *Config) { c.PathPrefix = "/a/b/" }), "redis", "deep")
	want(t, open(t, v, func(c *Config) { c.PathPrefix = "" }), "redis", "flat")
	want(t, open(t, v, func(c *Config) { c.PathPrefix, c.Mount, c.Field = "", "/secret/", "own" }), "redis", "field")
}

// An id cannot leave the prefix, although the library would resolve "..".
func TestID(t *testing.T) {
	v := fake()
	v.Put("secret/private", map[string]any{"value": "hunter2"})
	s := open(t, v, nil)
	for _, id := range []string{"../private", "..", "a/../../private", ".", "./a", "a//b", "", "/", "#value"} {
		wantError(t, s, id, "is not the path of a secret")
	}
	wantError(t, s, "redis#", "has no field name after")
	wantError(t, s, "#", "has no field name after")
	if got := v.Requests(); len(got) > 0 {
		t.Errorf("asked %v", got)
	}
	v.Put("secret/rtcollector/odd?x=1 %2f", map[string]any{"value": "escaped"})
	want(t, s, "odd?x=1 %2f", "escaped")
}

func TestCancelled(t *testing.T) {
	s := open(t, fake(), nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Secret(ctx, "redis"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	want(t, s, "redis", "hunter2")
}

// FuzzID checks that no id leads to a request outside the prefix.
func FuzzID(f *testing.F) {
	v := fake()
	c := Defaults()
	c.URL, c.Token = "http://vault.test:8200", secret.Literal(fakeToken)
	for _, id := range []string{"a", "a/b#c", "../x", "a/../../x", "#", "a#b#c", "a//b", "%2e%2e/x", "a\x00b", "a?b=c", "ü", "a/.../b", "..\\x"} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		s, err := newStore(secrets.StoreEnv{}, c, direct{http.HandlerFunc(v.ServeHTTP)})
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Secret(t.Context(), id)
		path, _, bad := parseID(id, "value")
		if requests := v.Requests(); bad != nil && len(requests) > 0 || slices.ContainsFunc(requests, func(r string) bool {
			name := strings.TrimPrefix(r, "GET ")
			return name != "secret/data/rtcollector/"+path && name != "secret/rtcollector/"+path
		}) {
			t.Errorf("%q asks %q (%v)", id, requests, err)
		}
	})
}
