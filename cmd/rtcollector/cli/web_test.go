package cli_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/rtcollector/rtcollector/internal/servicetest"
)

var addressInLog = regexp.MustCompile(`http://127\.0\.0\.1:\d+`)

// webAddress waits until the log has the address of the web server, and returns it.
func (p *process) webAddress() string {
	p.t.Helper()
	p.waitFor("http://127.0.0.1:", 1)
	log, _ := p.log.read()
	return addressInLog.FindString(log)
}

// getJSON reads an answer, and returns the status.
func getJSON(ctx context.Context, url string, into any, headers ...string) (int, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0, err
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || into == nil {
		return resp.StatusCode, err
	}
	return resp.StatusCode, json.Unmarshal(body, into)
}

// TestRunWithWeb: the web server starts before Redis, shows the data when Redis comes, and stops with the agent although a client follows
// the log lines.
func TestRunWithWeb(t *testing.T) {
	redis := freeAddr(t)
	host, port, err := net.SplitHostPort(redis)
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, fmt.Sprintf(`
interval: 1s
hostname: web-1
inputs: [system]
outputs:
  - redistimeseries: {host: %[1]s, port: %[2]s}
  - redissearch: {host: %[1]s, port: %[2]s}
web: {listen: 127.0.0.1:0, auth: {token: sesame}}
`, host, port))
	base := p.webAddress()
	credential := []string{"Authorization", "Bearer sesame"}
	var status struct {
		Redis struct {
			Reachable bool
			Error     string
		}
	}
	if code, err := getJSON(t.Context(), base+"/api/status", &status, credential...); code != 200 || err != nil || status.Redis.Reachable || status.Redis.Error == "" {
		t.Errorf("%d, %v, %+v", code, err, status)
	}
	if code, err := getJSON(t.Context(), base+"/api/status", nil); code != 401 || err != nil {
		t.Errorf("without the token: %d, %v", code, err)
	}
	serve(t, redis)
	var hosts struct{ Hosts []struct{ Host string } }
	servicetest.Until(t, "the host is seen", func(ctx context.Context) error {
		if code, err := getJSON(ctx, base+"/api/hosts", &hosts, credential...); code != 200 || err != nil || len(hosts.Hosts) != 1 || hosts.Hosts[0].Host != "web-1" {
			return fmt.Errorf("%d, %w, %+v", code, err, hosts)
		}
		return nil
	})
	var result struct {
		Data map[string]json.RawMessage
	}
	if code, err := getJSON(t.Context(), base+"/api/v1/metadata?metric=system_load1", &result, credential...); code != 200 || err != nil ||
		!strings.Contains(string(result.Data["system_load1"]), `"type":"gauge"`) || !strings.Contains(string(result.Data["system_load1"]), "averaged over") {
		t.Errorf("%d, %v, %s", code, err, result.Data)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/api/logs/tail", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set(credential[0], credential[1])
	tail, err := http.DefaultClient.Do(r)
	if err != nil || tail.StatusCode != http.StatusOK {
		t.Fatal(tail, err)
	}
	defer tail.Body.Close()
	if err := p.stop(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if log, _ := p.log.read(); strings.Contains(log, "sesame") || strings.Contains(log, "ERROR") {
		t.Error(log)
	}
}

func TestRunWithWebThatCannotListen(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p := start(t, yamlFor(freeAddr(t), "h1")+"\nweb: {listen: "+l.Addr().String()+"}\n")
	p.waitFor("choose another address", 1)
	if err := <-p.done; err == nil {
		t.Error("no error")
	}
}

func TestWebCommand(t *testing.T) {
	server := serve(t, "127.0.0.1:0")
	addr := freeAddr(t)
	p := startProgram(t, "web", "--redis", server.Addr(), "--listen", addr)
	var status struct {
		TimeSeries bool `json:"time_series"`
		Search     bool
		Missing    []string
	}
	servicetest.Until(t, "the server listens", func(ctx context.Context) error {
		_, err := getJSON(ctx, "http://"+addr+"/api/status", &status)
		return err
	})
	if !status.TimeSeries || status.Search || len(status.Missing) != 1 {
		t.Errorf("%+v", status) // no agent has created the index
	}
	if err := p.stop(syscall.SIGINT); err != nil {
		t.Error(err)
	}
	if p.out.String() != "dashboard and Prometheus' API on http://"+addr+"\n" {
		t.Error(p.out.String())
	}
}

func TestWebMistakes(t *testing.T) {
	dir := t.TempDir()
	empty, mistaken := filepath.Join(dir, "empty"), filepath.Join(dir, "config.yaml")
	for path, text := range map[string]string{empty: " \n", mistaken: "inputs: []\noutputs: [stdout]\nweb: {}\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	redis := []string{"web", "--redis", "127.0.0.1:1"}
	for want, args := range map[string][]string{
		"other machines can reach 0.0.0.0:0: set a token with --token-file FILE": append(redis, "--listen", "0.0.0.0:0"),
		"--auth: must be none":                                append(redis, "--auth", "token"),
		"leave out one of --auth and --token-file":            append(redis, "--auth", "none", "--token-file", empty),
		"--token-file: " + empty + " is empty":                append(redis, "--token-file", empty),
		"--token-file: open":                                  append(redis, "--token-file", filepath.Join(dir, "missing")),
		"--redis replaces the configuration":                  append(redis, "--config", mistaken),
		"--index needs --redis":                               {"web", "--index", "x", "--config", mistaken},
		"the configuration has no output redistimeseries":     {"web", "--config", mistaken},
		"has no output redistimeseries to read samples from;": {"check", "--config", mistaken},
		"must be an address and a port":                       append(redis, "--listen", "localhost"),
	} {
		cmd := exec.Command(os.Args[0], args...)
		cmd.Env = append(os.Environ(), runAsProgram+"=1")
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), want) || cmd.ProcessState.ExitCode() != 2 {
			t.Errorf("%q: %v, %s, want %s", args, err, out, want)
		}
	}
}
