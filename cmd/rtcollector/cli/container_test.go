package cli_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestContainerReportsTheHost runs "once" as in a container: in its own namespaces for mounts, processes and the network, with the
// host's /proc mounted elsewhere.
func TestContainerReportsTheHost(t *testing.T) {
	if runtime.GOOS != "linux" || os.Getuid() != 0 {
		t.Skip("needs root on Linux, for name spaces")
	}
	config := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(config, []byte("inputs: [net, disk, system, internal: {enabled: false}]\noutputs: [stdout]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	host := metrics(t, exec.Command(os.Args[0], "once", "--config", config, "--format", "json"))
	contained := metrics(t, exec.Command("unshare", "--mount", "--pid", "--net", "--fork", "sh", "-c",
		`mkdir "$0/proc" && mount --rbind /proc "$0/proc" && mount -t proc proc /proc && HOST_PROC="$0/proc" exec "$@"`,
		t.TempDir(), os.Args[0], "once", "--config", config, "--format", "json"))
	for series := range host {
		if !strings.Contains(series, "_rate") && !contained[series] {
			t.Errorf("the container does not report the host's %s", series)
		}
	}
	for series := range contained {
		if strings.HasPrefix(series, "net_") && !host[series] {
			t.Errorf("the container reports %s, which is not the host's", series)
		}
	}
	if len(host) < 20 {
		t.Errorf("only %d series", len(host))
	}
}

// metrics returns the names and instances of what "once" prints as JSON.
func metrics(t *testing.T, cmd *exec.Cmd) map[string]bool {
	cmd.Env = append(os.Environ(), runAsProgram+"=1")
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		if strings.Contains(complaints.String(), "Operation not permitted") {
			t.Skipf("name spaces are not allowed here: %s", &complaints)
		}
		t.Fatalf("%v: %v\n%s", cmd, err, &complaints)
	}
	all := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		var s struct {
			Labels map[string]string `json:"labels"`
		}
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		all[s.Labels["__name__"]+" "+s.Labels["iface"]+s.Labels["interface"]+s.Labels["mount"]+s.Labels["mountpoint"]] = true
	}
	return all
}
