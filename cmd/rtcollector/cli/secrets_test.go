package cli_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/rtcollector/rtcollector/internal/embedded"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/secrets/vaulttest"
)

// Credentials of these tests. Nothing else contains these texts, so tests can search for them.
const (
	redisPassword = "hunter2/redis&password"
	proxyPassword = "hunter2-proxy"
	wrongPassword = "hunter2-wrong"
	vaultToken    = "hvs.hunter2-vault-token"
	redisHost     = "127.77.66.55" // an address of this machine that appears nowhere else
)

// allCredentials lists the texts that must not appear anywhere.
func allCredentials() []string {
	return []string{redisPassword, "hunter2", proxyPassword, wrongPassword, vaultToken, redisHost}
}

// checkShowsNoSecret fails if a text contains a credential.
func checkShowsNoSecret(t *testing.T, where, text string) {
	t.Helper()
	for _, secret := range allCredentials() {
		if strings.Contains(text, secret) {
			t.Errorf("%s shows %q:\n%s", where, secret, text)
		}
	}
}

// commandLine returns what ps shows of the process.
func (p *process) commandLine() string {
	p.t.Helper()
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	return string(line)
}

func secretFiles(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// startGuardedRedis starts a Redis with a password, at an address that is itself a secret.
func startGuardedRedis(t *testing.T, addr, password string) *embedded.Server {
	t.Helper()
	s, err := embedded.Listen(addr, embedded.Config{Password: password})
	if err != nil {
		t.Skipf("no second loopback address here: %v", err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func vaultWith(t *testing.T, fields map[string]any) (*vaulttest.Server, string) {
	t.Helper()
	v := vaulttest.New()
	v.Issue(vaulttest.Token{ID: vaultToken, Paths: []string{"secret/data/rtcollector/"}})
	v.Put("secret/rtcollector/redis", fields)
	server := httptest.NewServer(v)
	t.Cleanup(server.Close)
	return v, server.URL
}

// tunnel starts a SOCKS5 proxy (RFC 1928, 1929) that requires a password.
func tunnel(t *testing.T) string {
	t.Helper()
	return servicetest.ServeRaw(t, func(conn net.Conn) { _ = socks5(conn) })
}

func socks5(conn net.Conn) error {
	read := func(n int) ([]byte, error) {
		b := make([]byte, n)
		_, err := io.ReadFull(conn, b)
		return b, err
	}
	head, err := read(2)
	if err != nil {
		return err
	}
	if _, err := read(int(head[1])); err != nil {
		return err
	}
	_, _ = conn.Write([]byte{5, 2})
	head, err = read(2)
	if err != nil {
		return err
	}
	user, _ := read(int(head[1]) + 1)
	password, err := read(int(user[len(user)-1]))
	if err != nil || string(password) != proxyPassword {
		_, _ = conn.Write([]byte{1, 1})
		return err
	}
	_, _ = conn.Write([]byte{1, 0})
	to, err := read(4 + 4 + 2)
	if err != nil || to[3] != 1 {
		return errors.New("only IPv4")
	}
	server, err := net.Dial("tcp", net.JoinHostPort(net.IP(to[4:8]).String(), strconv.Itoa(int(to[8])<<8|int(to[9]))))
	if err != nil {
		return err
	}
	defer server.Close()
	_, _ = conn.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	go func() { _, _ = io.Copy(server, conn); _ = server.Close() }()
	_, err = io.Copy(conn, server)
	return err
}

// TestSecretsAreUsedAndNeverShown uses secrets of all stores in all kinds of settings, with debug logging.
func TestSecretsAreUsedAndNeverShown(t *testing.T) {
	s := startGuardedRedis(t, redisHost+":0", redisPassword)
	_, port, _ := net.SplitHostPort(s.Addr())
	_, vaultURL := vaultWith(t, map[string]any{"host": redisHost, "port": port, "proxy": "socks5://agent:" + proxyPassword + "@" + tunnel(t)})
	dir := secretFiles(t, map[string]string{
		"url": "redis://:hunter2%2Fredis%26password@" + s.Addr() + "/0", "vault-token": vaultToken,
	})
	t.Setenv("SECRET_REDIS_PASSWORD", redisPassword)
	p := start(t, fmt.Sprintf(`
hostname: h
interval: 100ms
secret_stores:
  files: {type: file, dir: %q}
  prod: {type: vault, url: %q, token: "secret:files/vault-token"}
inputs: [cpu]
outputs:
  - redistimeseries: {host: "secret:prod/redis#host", port: "secret:prod/redis#port", password: "secret:redis/password", alias: env, key_prefix: "e:"}
  - redistimeseries: {url: "secret:files/url", alias: file, key_prefix: "f:"}
  - redistimeseries:
      alias: vault
      key_prefix: "v:"
      host: secret:prod/redis#host
      port: secret:prod/redis#port
      socks5_proxy: secret:prod/redis#proxy
      password: secret:redis/password
`, dir, vaultURL))
	for _, output := range []string{"env", "file", "vault"} {
		p.waitFor("first samples are written output=redistimeseries#"+output, 1)
	}
	p.waitFor("written", 9)
	checkShowsNoSecret(t, "the command line", p.commandLine())
	checkShowsNoSecret(t, "Redis", inRedis(t, s.Addr()))
	_ = s.Close() // the messages about a server that is gone must not show secrets either
	p.waitFor("output failed", 3)
	_ = p.stop(syscall.SIGTERM)
	log, _ := p.log.read()
	checkShowsNoSecret(t, "stderr", log)
	checkShowsNoSecret(t, "stdout", p.out.String())
}

// inRedis returns all keys, labels and strings of a server as one text.
func inRedis(t *testing.T, addr string) string {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: addr, Password: redisPassword, Protocol: 2, DisableIdentity: true})
	defer c.Close()
	ctx := context.Background()
	series, err := c.Do(ctx, "TS.MGET", "WITHLABELS", "FILTER", "host=h").Slice()
	if err != nil || len(series) < 30 {
		t.Fatalf("%d series, %v", len(series), err)
	}
	text := fmt.Sprint(series)
	for _, key := range c.Keys(ctx, "*").Val() {
		text += "\n" + key + " " + c.Get(ctx, key).String() + fmt.Sprint(c.HGetAll(ctx, key).Val())
	}
	if !strings.Contains(text, "internal_") {
		t.Error("the agent's own metrics are not among what is in Redis")
	}
	return text
}

// recorder accepts connections and keeps the bytes that it receives.
func recorder(t *testing.T, addr string) (string, *bytes.Buffer, func()) {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Skipf("no second loopback address here: %v", err)
	}
	var got bytes.Buffer
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, "-ERR no\r\n")
			b := make([]byte, 4096)
			n, _ := conn.Read(b)
			got.Write(b[:n])
			_ = conn.Close()
		}
	}()
	return l.Addr().String(), &got, func() { _ = l.Close(); <-done }
}

// TestErrorsShowNoSecret provokes every error of a secret: a wrong value, none, a store that is unreachable or refuses.
func TestErrorsShowNoSecret(t *testing.T) {
	s := startGuardedRedis(t, redisHost+":0", redisPassword)
	_, port, _ := net.SplitHostPort(s.Addr())
	addr, got, stop := recorder(t, "127.0.0.1:0")
	_, recorderPort, _ := net.SplitHostPort(addr)
	_, vaultURL := vaultWith(t, map[string]any{"password": wrongPassword, "host": redisHost, "list": []string{wrongPassword}})
	t.Setenv("SECRET_WRONG", wrongPassword)
	t.Setenv("SECRET_HOST", redisHost)
	t.Setenv(envVaultToken, vaultToken)
	p := start(t, fmt.Sprintf(`
interval: 100ms
secret_stores:
  prod: {type: vault, url: %q}
  gone: {type: vault, url: "http://127.0.0.1:1"}
  refused: {type: vault, url: %q, token: hvs.hunter2-another}
inputs: [cpu]
outputs:
  - redistimeseries: {alias: wrong, host: "secret:host", port: %s, password: "secret:prod/redis#password"}
  - redistimeseries: {alias: none, port: %[4]s, password: "secret:prod/nope"}
  - redistimeseries: {alias: field, port: %[4]s, password: "secret:prod/redis#nope"}
  - redistimeseries: {alias: list, port: %[4]s, password: "secret:prod/redis#list"}
  - redistimeseries: {alias: gone, port: %[4]s, password: "secret:gone/redis"}
  - redistimeseries: {alias: refused, port: %[4]s, password: "secret:refused/redis"}
  - redistimeseries: {alias: url, url: "secret:wrong"}
  - redistimeseries: {alias: proxy, port: %[4]s, socks5_proxy: "secret:wrong"}
`, vaultURL, vaultURL, port, recorderPort))
	for alias, sentence := range map[string]string{
		"wrong":   "refuses the username or the password",
		"none":    "has no secret at secret/data/rtcollector/nope",
		"field":   `has no field \"nope\"; it has host, list, password`,
		"list":    `the field \"list\" of the secret secret/rtcollector/redis is neither a text nor a number`,
		"gone":    "vault http://127.0.0.1:1 cannot be reached: start it, or correct url",
		"refused": "refuses the token: it has expired, was revoked",
		"url":     "url: must be a URL such as",
		"proxy":   "read socks5_proxy: must be a URL such as",
	} {
		p.waitFor("will be written again output=redistimeseries#"+alias+" error=", 1)
		p.waitFor(sentence, 1)
	}
	checkShowsNoSecret(t, "the command line", p.commandLine())
	_ = p.stop(syscall.SIGKILL)
	log, _ := p.log.read()
	checkShowsNoSecret(t, "stderr", log)
	checkShowsNoSecret(t, "stdout", p.out.String())
	if strings.Contains(log, "redis localhost:"+recorderPort+" cannot be reached") {
		t.Error("Redis is blamed for a store that is away")
	}
	stop()
	if strings.Contains(got.String(), "secret:") || strings.Contains(got.String(), "AUTH") {
		t.Errorf("the server was sent %q", got)
	}
}

const envVaultToken = "VAULT_TOKEN"

// TestRotatedPassword changes the password in Vault and in Redis while the agent runs.
func TestRotatedPassword(t *testing.T) {
	addr := freeAddr(t)
	first := startGuardedRedis(t, addr, "hunter2-first")
	v, vaultURL := vaultWith(t, map[string]any{"value": "hunter2-first"})
	t.Setenv(envVaultToken, vaultToken)
	_, port, _ := net.SplitHostPort(addr)
	p := start(t, fmt.Sprintf("interval: 100ms\nsecret_store: {type: vault, url: %q}\ninputs: [cpu]\noutputs:\n"+
		"  - redistimeseries: {host: 127.0.0.1, port: %s, password: secret:redis}\n", vaultURL, port))
	p.waitFor("first samples are written", 1)
	v.Put("secret/rtcollector/redis", map[string]any{"value": "hunter2-second"})
	_ = first.Close()
	startGuardedRedis(t, addr, "hunter2-second")
	p.waitFor("output works again", 1)
	if err := p.stop(syscall.SIGTERM); err != nil {
		t.Errorf("ended with %v", err)
	}
	log, _ := p.log.read()
	checkShowsNoSecret(t, "stderr", log)
}

// TestVaultThatComesLater starts the agent with a configuration that needs a Vault which is not running yet.
func TestVaultThatComesLater(t *testing.T) {
	s := startGuardedRedis(t, redisHost+":0", redisPassword)
	_, port, _ := net.SplitHostPort(s.Addr())
	v := vaulttest.New()
	v.Issue(vaulttest.Token{ID: vaultToken, Paths: []string{"secret/data/rtcollector/"}})
	v.Put("secret/rtcollector/redis", map[string]any{"host": redisHost, "password": redisPassword})
	addr := freeAddr(t)
	t.Setenv(envVaultToken, vaultToken)
	yaml := fmt.Sprintf("interval: 100ms\nsecret_store: {type: vault, url: \"http://%s\"}\ninputs: [cpu]\noutputs:\n"+
		"  - redistimeseries: {host: \"secret:redis#host\", port: %s, password: \"secret:redis#password\"}\n", addr, port)
	p := start(t, yaml)
	p.waitFor("waiting for the secret store", 1)
	if code, _, stderr := execute(t, "check", "--config", writeConfig(t, yaml)); code != 1 || !strings.Contains(stderr, "cannot be reached: start it") {
		t.Errorf("check: exit code %d\n%s", code, stderr)
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: v}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close(); <-done })
	p.waitFor("first samples are written", 1)
	_ = p.stop(syscall.SIGTERM)
	log, _ := p.log.read()
	checkShowsNoSecret(t, "stderr", log)
	if n := strings.Count(log, "cannot be reached: start it"); n != 1 {
		t.Errorf("printed %d times:\n%s", n, log)
	}

	waiting := start(t, strings.Replace(yaml, addr, "127.0.0.1:1", 1))
	waiting.waitFor("waiting for the secret store", 1)
	if err := waiting.stop(syscall.SIGTERM); err != nil {
		t.Errorf("stopped while it waits: %v", err)
	}
	missing := start(t, strings.Replace(yaml, "redis#host", "nope#host", 1))
	if err := <-missing.done; err == nil || missing.cmd.ProcessState.ExitCode() != 2 {
		t.Errorf("a secret that is not there: %v", err)
	}
	log, _ = missing.log.read()
	if !strings.Contains(log, `.host: resolve secret "nope#host": vault http://`+addr+" has no secret at secret/data/rtcollector/nope (") {
		t.Error(log)
	}
}

// TestMistakesShowNoSecret uses secrets whose values are not valid for their settings.
func TestMistakesShowNoSecret(t *testing.T) {
	t.Setenv("SECRET_WORD", wrongPassword)
	t.Setenv("SECRET_HOST", wrongPassword+"/x")
	t.Setenv("SECRET_PATTERN", wrongPassword+"(")
	file := writeConfig(t, `
interval: secret:word
log_format: secret:word
inputs:
  - linux_net: {exclude_patterns: ["secret:pattern"]}
outputs:
  - redistimeseries: {host: "secret:host", port: "secret:word", retention: "secret:word", key_format: "secret:word"}
  - stdout: {format: "secret:word"}
`)
	for _, command := range []string{"check", "once", "run"} {
		code, stdout, stderr := execute(t, command, "--debug", "--config", file)
		if code != 2 || strings.Count(stderr, "\n") < 7 {
			t.Errorf("%s: exit code %d\n%s", command, code, stderr)
		}
		checkShowsNoSecret(t, command, stdout+stderr)
	}
}
