package cli_test

import (
	"bufio"
	"context"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/cli"
)

// TestReachableServerNeedsPassword: the error says what to do.
func TestReachableServerNeedsPassword(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string][]string{
		"embedded --listen 0.0.0.0:0":                          {"no password is set", "--password-file FILE", "--listen 127.0.0.1:6390", "--insecure"},
		"embedded --listen [::]:0":                             {"no password is set"},
		"embedded --listen :0":                                 {"no password is set"},
		"demo --redis 0.0.0.0:0":                               {"no password is set", "--password-file FILE", "--redis 127.0.0.1:6390", "--insecure"},
		"demo --redis 0.0.0.0:0 --password-file " + empty:      {"--password-file", "the file is empty"},
		"embedded --listen 0.0.0.0:0 --password-file nope.txt": {"--password-file", "no such file"},
	} {
		code, _, stderr := execute(t, strings.Fields(args)...)
		if code != 2 {
			t.Errorf("%s: exit code %d, want 2", args, code)
		}
		for _, text := range want {
			if !strings.Contains(stderr, text) {
				t.Errorf("%s: no %q in:\n%s", args, text, stderr)
			}
		}
	}
}

// TestDemoKnowsItsPassword: the agent and the table use the password, and nothing shows it.
func TestDemoKnowsItsPassword(t *testing.T) {
	dir := secretFiles(t, map[string]string{"demo password": redisPassword})
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(filepath.Join(dir, "demo password"), link); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	out := &watchedBuffer{watch: func(line string) {
		if regexp.MustCompile(`  mem [0-9]`).MatchString(line) { // a value that was read from Redis
			stop()
		}
	}}
	code, stderr := executeInto(ctx, out, "demo", "--redis", "0.0.0.0:0", "--web", "127.0.0.1:0", "--password-file", link, "--plain", "--interval", "250ms")
	stdout := out.String()
	if code != 0 || !strings.Contains(stdout, "were stored") || strings.Contains(stdout, "\n0 samples") {
		t.Errorf("exit code %d:\n%s%s", code, stdout, stderr)
	}
	if !strings.HasPrefix(stdout, "Dashboard:  http://127.0.0.1:") {
		t.Errorf("does not begin with the address of the dashboard:\n%s", stdout)
	}
	checkShowsNoSecret(t, "demo", stdout+stderr)
}

// TestEmbeddedWantsItsPassword starts the command in this process and reads its address from the output.
func TestEmbeddedWantsItsPassword(t *testing.T) {
	dir := secretFiles(t, map[string]string{"password": redisPassword})
	ctx, stop := context.WithCancel(t.Context())
	out, in := io.Pipe()
	ended := make(chan int)
	go func() {
		args := []string{"embedded", "--listen", "127.0.0.1:0", "--password-file", filepath.Join(dir, "password")}
		ended <- cli.Main(ctx, args, cli.App{Stdout: in, Stderr: in, Getenv: os.LookupEnv, GOOS: runtime.GOOS})
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	addr, _, _ := strings.Cut(strings.TrimPrefix(line, "Redis with TimeSeries on "), ",")
	if err != nil {
		t.Fatal(err)
	}
	go io.Copy(io.Discard, out)
	for password, want := range map[string]string{"": "NOAUTH", wrongPassword: "WRONGPASS", redisPassword: ""} {
		c := redis.NewClient(&redis.Options{Addr: addr, Password: password, DisableIdentity: true, MaxRetries: -1})
		err := c.Ping(t.Context()).Err()
		if (err == nil) != (want == "") || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("PING answers %v, want %q", err, want)
		}
		c.Close()
	}
	stop()
	if code := <-ended; code != 0 {
		t.Errorf("exit code %d", code)
	}
}
