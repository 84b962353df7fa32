package vault

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/secrets"
	"github.com/rtcollector/rtcollector/secrets/vaulttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// realVault is the environment variable with the address of a server for tests. The token is in VAULT_TOKEN.
const realVault = "RTC_TEST_VAULT"

// backend is a server with one engine of version 2 and one of version 1.
type backend struct {
	url, token string // the token may read rtcollector/* in both
	mounts     map[int]string
	put        func(version int, path string, fields map[string]any)
	remove     func(version int, path string)
	destroy    func(version int, path string)
	revoke     func(token string)
}

// against runs a test against the fake, and against a real server if there is one.
func against(t *testing.T, test func(t *testing.T, b backend)) {
	t.Helper()
	t.Run("fake", func(t *testing.T) { test(t, fakeBackend(t)) })
	t.Run("real", func(t *testing.T) {
		if os.Getenv(realVault) == "" {
			t.Skip(realVault + " names no server")
		}
		test(t, realBackend(t))
	})
}

const fakeToken = "hvs.fake-token-of-the-test"

func fakeBackend(t *testing.T) backend {
	t.Helper()
	v := vaulttest.New()
	v.Engines = map[string]int{"two": 2, "one": 1}
	v.Issue(vaulttest.Token{ID: fakeToken, Paths: []string{"two/data/rtcollector/", "one/rtcollector/", "two/rtcollector/", "one/data/rtcollector/"}})
	server := httptest.NewServer(v)
	t.Cleanup(server.Close)
	mounts := map[int]string{2: "two", 1: "one"}
	return backend{
		url: server.URL, token: fakeToken, mounts: mounts, revoke: v.Revoke,
		put:     func(version int, path string, fields map[string]any) { v.Put(mounts[version]+"/"+path, fields) },
		remove:  func(version int, path string) { v.Delete(mounts[version] + "/" + path) },
		destroy: func(version int, path string) { v.Destroy(mounts[version] + "/" + path) },
	}
}

// caller returns a function that sends requests with a token to a real server and returns the body of the reply.
func caller(t *testing.T, url, token string) func(method, path, body string) string {
	return func(method, path, body string) string {
		t.Helper()
		req, err := http.NewRequest(method, url+"/v1/"+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Vault-Token", token)
		req.Header.Set("X-Vault-Request", "true")
		req.Close = true
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, _ := io.ReadAll(resp.Body)
		if resp.StatusCode >= 300 {
			t.Fatalf("%s %s: %d %s", method, path, resp.StatusCode, text)
		}
		return string(text)
	}
}

// realBackend mounts its own two engines and unmounts them after the test.
func realBackend(t *testing.T) backend {
	t.Helper()
	url := strings.TrimRight(os.Getenv(realVault), "/")
	call := caller(t, url, os.Getenv(envToken))
	name := fmt.Sprintf("rtcollector-test-%d", rand.Int64())
	mounts := map[int]string{1: name + "-1", 2: name + "-2"}
	for version, mount := range mounts {
		call("POST", "sys/mounts/"+mount, fmt.Sprintf(`{"type":"kv","options":{"version":"%d"}}`, version))
		t.Cleanup(func() { call("DELETE", "sys/mounts/"+mount, "") })
	}
	policy := ""
	for _, path := range []string{mounts[1] + "/", mounts[1] + "/data/", mounts[2] + "/", mounts[2] + "/data/"} {
		policy += fmt.Sprintf("path %q { capabilities = [\"read\"] }\n", path+"rtcollector/*")
	}
	quoted, _ := json.Marshal(policy)
	call("PUT", "sys/policies/acl/"+name, `{"policy":`+string(quoted)+`}`)
	t.Cleanup(func() { call("DELETE", "sys/policies/acl/"+name, "") })
	var made struct {
		Auth struct {
			Token string `json:"client_token"`
		} `json:"auth"`
	}
	if err := json.Unmarshal([]byte(call("POST", "auth/token/create", `{"policies":["`+name+`"],"ttl":"10m"}`)), &made); err != nil {
		t.Fatal(err)
	}
	kv := func(version int, path string) string {
		if version == 2 {
			return mounts[2] + "/data/" + path
		}
		return mounts[1] + "/" + path
	}
	return backend{
		url: url, token: made.Auth.Token, mounts: mounts,
		put: func(version int, path string, fields map[string]any) {
			text, _ := json.Marshal(fields)
			if version == 2 {
				text = []byte(`{"data":` + string(text) + `}`)
			}
			call("POST", kv(version, path), string(text))
		},
		remove:  func(version int, path string) { call("DELETE", kv(version, path), "") },
		destroy: func(version int, path string) { call("PUT", mounts[version]+"/destroy/"+path, `{"versions":[1]}`) },
		revoke:  func(token string) { call("POST", "auth/token/revoke", `{"token":"`+token+`"}`) },
	}
}

// config returns settings of a store that reads the engine of a version.
func (b backend) config(version int) Config {
	c := Defaults()
	c.URL, c.Token, c.Mount = b.url, secret.Literal(b.token), b.mounts[version]
	return c
}

// direct handles requests in the calling goroutine, without a network, so that synctest controls the time.
type direct struct{ http.Handler }

// RoundTrip implements http.RoundTripper.
func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		r.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	resp := w.Result()
	resp.Request = r
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return resp, nil
}

// open returns a store that sends its requests directly to the fake.
func open(t *testing.T, v http.Handler, change func(c *Config)) *Store {
	t.Helper()
	c := Defaults()
	c.URL, c.Token = "http://vault.test:8200", secret.Literal(fakeToken)
	if change != nil {
		change(&c)
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	s, err := newStore(secrets.StoreEnv{Secrets: secret.Env{}}, c, direct{v})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// fake returns a server with a token that is allowed to read everything below rtcollector.
func fake() *vaulttest.Server {
	v := vaulttest.New()
	v.Issue(vaulttest.Token{ID: fakeToken, Paths: []string{"secret/", "kv/"}})
	v.Put("secret/rtcollector/redis", map[string]any{"value": "hunter2", "password": "hunter3", "username": "agent"})
	return v
}

func want(t *testing.T, s *Store, id, value string) {
	t.Helper()
	if v, err := s.Secret(t.Context(), id); v != value || err != nil {
		t.Errorf("%s: %q, %v, want %q", id, v, err, value)
	}
}

func wantError(t *testing.T, s *Store, id, text string) error {
	t.Helper()
	v, err := s.Secret(t.Context(), id)
	if v != "" || err == nil || !strings.Contains(err.Error(), text) {
		t.Errorf("%s: %q, %v\nwant %s", id, v, err, text)
	}
	if err != nil && (strings.Contains(err.Error(), "hunter") || strings.Contains(err.Error(), fakeToken)) {
		t.Errorf("the error gives a credential away: %v", err)
	}
	return err
}
