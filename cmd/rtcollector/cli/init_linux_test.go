package cli_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/servicetest"
)

// initScript starts servers at their usual ports, in a network namespace of its own, and runs "rtcollector init" there. $1 is a folder, $2
// the program, the rest are arguments of redis-server.
const initScript = `
ip link set lo up
dir=$1 program=$2
shift 2
redis-server --port 6379 --bind 127.0.0.1 --save '' --dir "$dir" --daemonize no "$@" >/dev/null &
redis=$!
nginx -p "$dir" -c "$dir/nginx.conf" >/dev/null 2>&1 &
nginx=$!
until curl -sf http://127.0.0.1/stub_status >/dev/null && redis-cli ping 2>&1 | grep -q 'PONG\|NOAUTH'; do
	kill -0 $redis && kill -0 $nginx || exit 9
done
RTC_TEST_BE_RTCOLLECTOR=1 "$program" init
status=$?
kill $redis $nginx
wait
exit $status
`

const initNginx = `daemon off; master_process off; pid nginx.pid; error_log stderr;
events {}
http {
  access_log off; client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
  server { listen 127.0.0.1:80; location = /stub_status { stub_status; } location = /nginx_status { return 404; } }
}
`

// runInit runs "rtcollector init" beside a redis-server with these arguments and an nginx.
func runInit(t *testing.T, redisArgs ...string) string {
	t.Helper()
	for _, command := range []string{"unshare", "ip", "curl", "redis-server", "redis-cli", "nginx"} {
		if _, err := exec.LookPath(command); err != nil {
			t.Skipf("%s is not here", command)
		}
	}
	servicetest.RequireNamespaces(t, "--net")
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "nginx.conf"), []byte(initNginx), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "unshare", append([]string{"--net", "sh", "-c", initScript, "sh", dir, program}, redisArgs...)...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	return stdout.String()
}

func TestInitEnablesWhatAnswers(t *testing.T) {
	got := runInit(t)
	for _, want := range []string{
		"  - nginx: # connections and requests of nginx, zones and upstreams of NGINX Plus\n      status_url: http://127.0.0.1/stub_status\n",
		"  # These services answer:\n  - redis: # Redis, Valkey and KeyDB: INFO in full, the slow log, replicas, clusters\n      host: 127.0.0.1\n",
		"  - linux_mem # memory",
		"  # - apache #", // its page is a 404
		"  # redis 127.0.0.1:6379 has no TimeSeries module: use Redis 8",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
	checkPrinted(t, got)
}

func TestInitSaysWhyAServiceRefuses(t *testing.T) {
	got := runInit(t, "--requirepass", "sesame")
	_, refused, _ := strings.Cut(got, "  # These services answer, but need more settings:\n")
	lines := strings.SplitN(refused, "\n", 3)
	if len(lines) < 3 || !strings.Contains(lines[0], "NOAUTH") || !strings.HasPrefix(lines[1], "  # - redis: # ") {
		t.Errorf("the refused service is not explained:\n%s", got)
	}
	checkPrinted(t, got)
}

// checkPrinted checks that a configuration is accepted.
func checkPrinted(t *testing.T, text string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, "check", "--config", file)
	cmd.Env = append(os.Environ(), runAsProgram+"=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("check: %v\n%s", err, out)
	}
}
