package config

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/plugins"
	"github.com/rtcollector/rtcollector/secrets"
)

func TestStoresByName(t *testing.T) {
	t.Setenv("SECRET_REDIS_PASSWORD", "default prefix")
	t.Setenv("MY_REDIS_PASSWORD", "own prefix")
	t.Setenv("SECRET_OTHER_X", "no store of that name")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "x"), []byte("in a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ stores, ref, want string }{
		{"", "redis/password", "default prefix"},
		{"secret_store: {}", "redis/password", "default prefix"},
		{"secret_store:", "redis/password", "default prefix"},
		{"secret_store: {type: env}", "redis/password", "default prefix"},
		{"secret_store: {prefix: MY_}", "redis/password", "own prefix"},
		{"secret_store: {type: file, dir: " + dir + "}", "x", "in a file"},
		{"secret_stores: {docker: {type: file, dir: " + dir + "}}", "docker/x", "in a file"},
		{"secret_stores: {docker: {type: file, dir: " + dir + "}}", "redis/password", "default prefix"},
		{"secret_stores: {docker: {type: file, dir: " + dir + "}}", "other/x", "no store of that name"},
		{"secret_stores: {mine: {prefix: MY_}}", "mine/redis/password", "own prefix"},
		{"secret_stores: {mine: &s {prefix: MY_}, other: *s}", "other/redis/password", "own prefix"},
	} {
		c2, err := Parse(t.Context(), "c", []byte(c.stores+"\ninputs: []\noutputs: [redis: {password: 'secret:"+c.ref+"'}]\n"), testEnv())
		if err != nil {
			t.Fatal(err)
		}
		if pw, err := builtConfig[redisConfig](t, c2.Outputs[0]).Password.Resolve(t.Context(), c2.Secrets); pw != c.want || err != nil {
			t.Errorf("%q: %q, %v, want %q", c.stores, pw, err, c.want)
		}
	}
}

// A reference that must be resolved at load may be anywhere in the file and in any YAML style.
func TestReferencesAreResolvedAnywhere(t *testing.T) {
	for name, value := range map[string]string{"HOST": "db.example", "PORT": "7000", "DEEP": "0x10", "PATTERN": "^x: {y}$", "EVERY": "90s"} {
		t.Setenv("SECRET_"+name, value)
	}
	env := testEnv()
	env.Redactor = &secret.Redactor{}
	env.Getenv = func(name string) (string, bool) {
		if name == "HOST" {
			return "secret:host", true
		}
		return os.LookupEnv(name)
	}
	c, err := Parse(t.Context(), "c", []byte(`
interval: "secret:every"
inputs:
  - cpu: {exclude: [a, "secret:pattern"], nested: {deep: "secret:deep"}}
outputs:
  - redis: &base {host: "secret:host", port: "secret:port", password: "secret:host"}
  - redis: {<<: *base, port: 1, alias: b}
  - redis: {host: "${HOST}", alias: c}
`), env)
	if err != nil {
		t.Fatal(err)
	}
	if c.Interval.String() != "1m30s" {
		t.Error(c.Interval)
	}
	for i, port := range []int{7000, 1, 6379} {
		if r := builtConfig[redisConfig](t, c.Outputs[i]); r.Host != "db.example" || r.Port != port {
			t.Errorf("%+v", r)
		}
	}
	in, err := c.Inputs[0].Built.New(plugins.Env{})
	if err != nil {
		t.Fatal(err)
	}
	got := in.Gatherer.(configHolder[cpuConfig]).config
	if diff := cmp.Diff([]string{"a", "^x: {y}$"}, got.Exclude); diff != "" || got.Nested.Deep != 16 {
		t.Errorf("%+v", got)
	}
	if shown := env.Redactor.Redact("dial db.example:7000"); shown != "dial [redacted]:7000" {
		t.Error(shown)
	}
}

// A password is resolved when a component connects, not at load: it may be rotated, and the store may become available later.
func TestPasswordsAreNotResolvedAtLoad(t *testing.T) {
	c, err := Parse(t.Context(), "c", []byte("inputs: []\noutputs: [redis: {password: 'secret:not/yet'}]\n"), testEnv())
	if err != nil {
		t.Fatal(err)
	}
	password := builtConfig[redisConfig](t, c.Outputs[0]).Password
	if _, err := password.Resolve(t.Context(), c.Secrets); err == nil {
		t.Error("no error")
	}
	for _, value := range []string{"first", "second"} {
		t.Setenv("SECRET_NOT_YET", value)
		if v, err := password.Resolve(t.Context(), c.Secrets); v != value || err != nil {
			t.Errorf("%q, %v", v, err)
		}
	}
}

// unreachableStoreConfig has the settings of a store that needs a login and whose server is down.
type unreachableStoreConfig struct {
	Token secret.Ref `yaml:"token"`
	URL   string     `yaml:"url"`
}

type unreachableStore struct {
	config unreachableStoreConfig
	env    secrets.StoreEnv
}

func (a unreachableStore) Secret(ctx context.Context, _ string) (string, error) {
	if _, err := a.config.Token.Resolve(ctx, a.env.Secrets); err != nil {
		return "", err
	}
	return "", secret.Unavailable(errors.New("the server is away"))
}

func unreachableStoreEnv() Env {
	env := testEnv()
	env.Stores = append(env.Stores, secrets.Define("away", "", func() (c unreachableStoreConfig) { return c },
		func(e secrets.StoreEnv, c unreachableStoreConfig) (unreachableStore, error) {
			if c.URL == "bad" {
				return unreachableStore{}, errors.New("must be a URL")
			}
			return unreachableStore{c, e}, nil
		}))
	return env
}

func TestUnreachableStoreIsRetriedIfThatCanHelp(t *testing.T) {
	load := func(text string) (string, bool) {
		_, err := Parse(t.Context(), "c", []byte(text), unreachableStoreEnv())
		if err == nil {
			return "", false
		}
		return err.Error(), secret.IsUnavailable(err)
	}
	t.Setenv("SECRET_TOKEN", "t")
	for _, c := range []struct {
		text, want string
		wait       bool
	}{
		{"secret_store: {type: away}\ninputs: []\noutputs: [redis: {password: 'secret:x'}]", "", false},
		{"secret_store: {type: away}\ninputs: []\noutputs: [redis: {host: 'secret:x'}]",
			`c:3:25: outputs[0].redis.host: resolve secret "x": the server is away`, true},
		{"secret_store: {type: away, token: 'secret:e/token'}\nsecret_stores: {e: {}}\ninputs: []\noutputs: [redis: {host: 'secret:x'}]",
			`c:4:25: outputs[0].redis.host: resolve secret "x": the server is away`, true},
		{"secret_store: {type: away, token: 'secret:e/nope'}\nsecret_stores: {e: {}}\ninputs: []\noutputs: [redis: {host: 'secret:x'}]",
			`c:4:25: outputs[0].redis.host: resolve secret "x": resolve secret "e/nope": environment variable SECRET_NOPE is not set`, false},
		{"secret_store: {type: away}\ninputs: [nope]\noutputs: [redis: {host: 'secret:x'}]", // waiting would not help
			`c:2:10: inputs[0].nope: unknown input "nope"`, false},
		{"secret_store: {type: away, token: 'secret:token'}\ninputs: []\noutputs: [redis]",
			"c:1:35: secret_store.token: refers to a store that needs a login itself: define a store of type env or file below secret_stores and write secret:<name>/<id>", false},
		{"secret_stores: {a: {type: away, token: 'secret:b/x'}, b: {type: away, token: 'secret:a/x'}}\ninputs: []\noutputs: [redis]",
			"c:1:40: secret_stores.a.token: refers to a store that needs a login itself: define a store of type env or file below secret_stores and write secret:<name>/<id>\n" +
				"c:1:78: secret_stores.b.token: refers to a store that needs a login itself: define a store of type env or file below secret_stores and write secret:<name>/<id>", false},
		{"secret_stores: {a: {type: away, url: bad}}\ninputs: []\noutputs: [redis: {host: 'secret:x'}]",
			"c:1:20: secret_stores.a: must be a URL", false},
		{"secret_stores: {a: &a {type: away, token: *a}}\ninputs: []\noutputs: [redis]",
			"c:1:20: secret_stores.a.token: must be a single value; this is a map", false},
	} {
		if got, wait := load(c.text); got != c.want || wait != c.wait {
			t.Errorf("%s\ngot  %s (%v)\nwant %s (%v)", c.text, got, wait, c.want, c.wait)
		}
	}
}

// FuzzReference puts any text after "secret:", in a setting that is resolved at load.
func FuzzReference(f *testing.F) {
	for _, id := range []string{"", "x", "other/x", "other/", "/", "//x", "a#b", "other/../x", "x\x00y", "ütf/ß"} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		if strings.ContainsAny(id, "\n\r'") {
			t.Skip()
		}
		c, err := Parse(t.Context(), "c", []byte("secret_stores: {other: {type: file, dir: /nowhere}}\ninputs: []\noutputs: [redis: {host: 'secret:"+id+"'}]\n"), testEnv())
		if err == nil && strings.HasPrefix(builtConfig[redisConfig](t, c.Outputs[0]).Host, "secret:") {
			t.Errorf("%q is used without being resolved", id)
		}
	})
}
