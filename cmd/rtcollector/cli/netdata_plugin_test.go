package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/cli"
	"github.com/rtcollector/rtcollector/internal/servicetest"
)

func TestArguments(t *testing.T) {
	for call, want := range map[string][]string{
		"/usr/bin/rtcollector run":                           {"run"},
		"/etc/netdata/custom-plugins.d/rtcollector.plugin 2": {"netdata-plugin", "2"},
		"rtcollector.plugin":                                 {"netdata-plugin"},
	} {
		if diff := cmp.Diff(want, cli.Arguments(strings.Fields(call))); diff != "" {
			t.Errorf("%s: %s", call, diff)
		}
	}
}

// program returns the path of this test binary, which behaves as rtcollector with runAsProgram.
func program(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestNetdataShowsOurCharts runs a real netdata with the agent as its plugin, and reads the memory of this host back.
func TestNetdataShowsOurCharts(t *testing.T) {
	servicetest.RequireCommands(t, "netdata-core", "netdata")
	d := servicetest.New(t)
	plugins := filepath.Join(d.Dir, "plugins.d")
	if err := os.Mkdir(plugins, 0o755); err != nil { //nolint:gosec // netdata reads it
		t.Fatal(err)
	}
	script := fmt.Sprintf("#!/bin/sh\n%s=1 exec %s netdata-plugin \"$@\"\n", runAsProgram, program(t))
	if err := os.WriteFile(filepath.Join(plugins, "rtcollector.plugin"), []byte(script), 0o755); err != nil { //nolint:gosec // it is a program
		t.Fatal(err)
	}
	d.WriteFile("rtcollector.yaml", "interval: 1s\ninputs: [mem, net, internal: {enabled: false}]\noutputs: [stdout]\n")
	conf := d.WriteFile("netdata.conf", `[global]
	run as user = root
[directories]
	config = $DIR
	stock config = $DIR
	web = $DIR
	home = $DIR
	cache = $DIR
	lib = $DIR
	log = $DIR
	plugins = "$DIR/plugins.d"
[db]
	mode = ram
[web]
	bind to = 127.0.0.1:$PORT
[plugins]
	proc = no
	diskspace = no
	cgroups = no
	tc = no
	idlejitter = no
	timex = no
	statsd = no
	enable running new plugins = yes
`)
	d.Args = []string{"netdata", "-D", "-c", conf, "-P", filepath.Join(d.Dir, "pid")}
	d.Run()
	total := 0.0
	servicetest.Until(t, "netdata has our memory", func(ctx context.Context) error {
		body, err := get(ctx, "http://"+d.Addr()+"/api/v1/data?chart=rtcollector.mem_total&after=-60&format=json")
		var got struct{ Data [][]*float64 } // time and value of each second; null before the first
		if err == nil {
			err = json.Unmarshal(body, &got)
		}
		for _, row := range got.Data {
			if len(row) == 2 && row[1] != nil {
				total = max(total, *row[1])
			}
		}
		if err == nil && total == 0 {
			err = fmt.Errorf("no data: %s", body)
		}
		return err
	})
	meminfo, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		t.Skip(err)
	}
	var kB float64
	if _, err := fmt.Sscanf(string(meminfo), "MemTotal: %f kB", &kB); err != nil {
		t.Fatal(err)
	}
	if total < kB*1024*0.999 || total > kB*1024*1.001 {
		t.Errorf("netdata shows %v bytes, /proc/meminfo %v", total, kB*1024)
	}
	body, err := get(t.Context(), "http://"+d.Addr()+"/api/v1/chart?chart=rtcollector.net_rx_bytes")
	if err != nil || !bytes.Contains(body, []byte(`"lo"`)) || !bytes.Contains(body, []byte(`"units": "bytes"`)) {
		t.Errorf("%v\n%s", err, body)
	}
}

func get(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %s: %s", resp.Status, body)
	}
	return body, err
}

// TestNetdataPluginEndsWithItsReader: netdata closes the pipe when it ends.
func TestNetdataPluginEndsWithItsReader(t *testing.T) {
	file := writeConfig(t, "inputs: [mem]\noutputs: [stdout]\n")
	cmd := exec.CommandContext(t.Context(), program(t), "netdata-plugin", "1", "--config", file)
	cmd.Env = append(os.Environ(), runAsProgram+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	first := make([]byte, 5)
	if _, err := io.ReadFull(out, first); err != nil || string(first) != "CHART" {
		t.Errorf("%q, %v", first, err)
	}
	_ = out.Close()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

func TestNetdataPluginIsDisabledByAMistake(t *testing.T) {
	file := writeConfig(t, "inputs: [memm]\noutputs: [stdout]\n")
	cmd := exec.CommandContext(t.Context(), program(t), "netdata-plugin", "1", "--config", file)
	cmd.Env = append(os.Environ(), runAsProgram+"=1")
	if out, err := cmd.Output(); err == nil || string(out) != "DISABLE\n" {
		t.Errorf("%q, %v", out, err)
	}
}

// echo is a plugin that answers calls.
const echo = `#!/bin/sh
echo "FUNCTION GLOBAL 'say' 5 'Says what it is told'"
echo "FUNCTION GLOBAL 'hang' 1 'Never answers'"
echo "FUNCTION GLOBAL 'die' 3600 'Ends the plugin'"
while read -r keyword transaction timeout function; do
	case $function in *hang*) continue ;; *die*) exit ;; esac
	echo "FUNCTION_RESULT_BEGIN $transaction 200 text/plain 0"
	echo "told: $function"
	echo "FUNCTION_RESULT_END"
done
`

// writeEcho returns a folder with it.
func writeEcho(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "echo.plugin"), []byte(echo), 0o755); err != nil { //nolint:gosec // it is a program
		t.Fatal(err)
	}
	return dir
}

func TestFunction(t *testing.T) {
	file := writeConfig(t, "inputs: [netdata_plugins: {directories: ["+writeEcho(t)+"]}]\noutputs: [stdout]\n")
	call := func(args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), program(t), append([]string{"function", "--config", file}, args...)...)
		cmd.Env = append(os.Environ(), runAsProgram+"=1")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := call("say", "user:root"); err != nil || out != "told: \"say user:root\"\n" {
		t.Errorf("%q, %v", out, err)
	}
	if out, err := call("hang"); err == nil || !strings.Contains(out, "the plugin echo did not answer within 1s") || strings.Contains(out, "status") {
		t.Errorf("%q, %v", out, err)
	}
	if out, err := call("die"); err == nil || !strings.Contains(out, "the plugin echo ended before it answered") {
		t.Errorf("%q, %v", out, err)
	}
	if out, err := call(); err != nil || !regexp.MustCompile(`(?m)^say +echo +Says what it is told$`).MatchString(out) {
		t.Errorf("%q, %v", out, err)
	}
}

// TestFunctionOfDebiansApps calls the function of a real plugin.
func TestFunctionOfDebiansApps(t *testing.T) {
	dir := filepath.Dir(servicetest.RequireFile(t, "netdata-core", "netdata", "usr/lib/netdata/plugins.d/apps.plugin"))
	if libraries, _ := filepath.Glob(filepath.Join(dir, "../../*-linux-gnu")); !strings.HasPrefix(dir, "/usr/lib/") && len(libraries) > 0 {
		t.Setenv("LD_LIBRARY_PATH", libraries[0]) // it is unpacked, not installed
	}
	file := writeConfig(t, fmt.Sprintf("interval: 1s\ninputs: [netdata_plugins: {directories: [%s], plugins: [apps], stock_dir: %s}]\noutputs: [stdout]\n",
		dir, filepath.Join(dir, "../conf.d")))
	cmd := exec.CommandContext(t.Context(), program(t), "function", "--config", file, "processes")
	cmd.Env = append(os.Environ(), runAsProgram+"=1")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Status int
		Data   [][]any
	}
	if err := json.Unmarshal(out, &answer); err != nil || answer.Status != 200 || len(answer.Data) == 0 {
		t.Errorf("%v: %.300s", err, out)
	}
}

// TestFunctionOverTheWeb calls a function of a running agent.
func TestFunctionOverTheWeb(t *testing.T) {
	s := serve(t, "127.0.0.1:0")
	port := servicetest.FreePort(t)
	host, redisPort, _ := strings.Cut(s.Addr(), ":")
	start(t, fmt.Sprintf("interval: 1s\ninputs: [netdata_plugins: {directories: [%s]}]\noutputs: [redistimeseries: {host: %s, port: %s}]\nweb: {listen: 127.0.0.1:%s}\n",
		writeEcho(t), host, redisPort, port))
	base := "http://127.0.0.1:" + port + "/api/functions"
	servicetest.Until(t, "the function is there", func(ctx context.Context) error {
		body, err := get(ctx, base)
		if err == nil && !bytes.Contains(body, []byte(`{"name":"say","help":"Says what it is told","plugin":"echo"}`)) {
			err = fmt.Errorf("%s", body)
		}
		return err
	})
	post := func(body string) (int, string) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, base, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		answer, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(answer)
	}
	if code, body := post(`{"function": "say hello"}`); code != 200 || body != "told: \"say hello\"\n" {
		t.Errorf("%d %q", code, body)
	}
	for call, want := range map[string]int{`{"function": "nosuch"}`: 404, `{}`: 400, `x`: 400, `{"function": "say \"x"}`: 502, `{"function": "hang"}`: 504} {
		if code, body := post(call); code != want {
			t.Errorf("%s: %d %s, want %d", call, code, body, want)
		}
	}
}
