package cli_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/capability"
	"github.com/rtcollector/rtcollector/internal/servicetest"
)

// An agent of root keeps the rights that its inputs need, and no others. What it starts has all of root's rights. The program is built without
// cgo, as ours are: this test, with the race detector, is not.
func TestRunGivesUpRights(t *testing.T) {
	own, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	before, _ := capability.Parse(own)
	if os.Geteuid() != 0 || !before.Has("CAP_SYS_PTRACE") || !before.Has("CAP_CHOWN") {
		t.Skip("needs the rights of root")
	}
	dir := t.TempDir()
	program, config, marker := filepath.Join(dir, "rtcollector"), filepath.Join(dir, "config.yaml"), filepath.Join(dir, "child")
	build := exec.Command("go", "build", "-trimpath", "-o", program, "github.com/rtcollector/rtcollector/cmd/rtcollector")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	yaml := `
interval: 100ms
inputs:
  - process_groups: {source: proc}
  - exec: {commands: ["sh -c 'grep CapEff /proc/self/status > ` + marker + `.new && mv ` + marker + `.new ` + marker + `'"]}
outputs: [{sqlite: {path: ` + filepath.Join(dir, "events.db") + `}}, stdout]
`
	if err := os.WriteFile(config, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	d := servicetest.New(t)
	d.Args = []string{program, "run", "--config", config}
	d.Ready = func(context.Context) error {
		_, err := os.Stat(marker)
		return err
	}
	d.Run()

	threads, err := filepath.Glob("/proc/" + strconv.Itoa(d.PID()) + "/task/*/status")
	if err != nil || len(threads) < 2 {
		t.Fatalf("%v, %d threads", err, len(threads))
	}
	for _, path := range threads {
		status, err := os.ReadFile(path)
		if err != nil {
			continue // the thread has ended
		}
		if got, ok := capability.Parse(status); !ok || !got.Has("CAP_SYS_PTRACE") || got.Has("CAP_CHOWN") || got.Has("CAP_SYS_MODULE") || got.Has("CAP_BPF") {
			t.Errorf("%s has %s", path, strings.Join(got.Names(), " "))
		}
	}
	status, err := os.ReadFile(marker)
	if child, ok := capability.Parse(status); err != nil || !ok || child != before {
		t.Errorf("%v: the command has %s", err, strings.Join(child.Names(), " "))
	}
}
