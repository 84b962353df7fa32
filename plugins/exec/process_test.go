//go:build unix

package execinput

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// A command that ignores signals, or whose children do, is killed with its children at the time limit. Other commands are not affected.
func TestTimeLimitKillsAllChildren(t *testing.T) {
	dir := t.TempDir()
	pids := filepath.Join(dir, "pids")
	stubborn := writeScript(t, `trap '' TERM INT HUP
(trap '' TERM; echo $$ >>`+pids+`; sh -c 'trap "" TERM; echo $$ >>`+pids+`; while :; do sleep 1000; done' & while :; do sleep 1000; done) &
sh -c 'echo $$ >>`+pids+`; exec sleep 1000' &
while [ "$(wc -l <`+pids+`)" -lt 3 ]; do :; done
echo 'late 1'; echo ready >`+dir+`/ready
while :; do sleep 1000; done`)
	if err := os.WriteFile(pids, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	p := startInput(t, fmt.Sprintf("{commands: ['%s', 'sh -c \"echo $$ >%s/fast; echo fast 1\"'], data_format: metrics, ignore_error: true}", stubborn, dir))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	b := telemetry.NewBatch(time.Now(), time.Now(), 0)
	done := make(chan error, 1)
	go func() { done <- p.Input.Gatherer.Gather(ctx, b) }()
	servicetest.Until(t, "all processes are there", func(context.Context) error {
		_, err := os.Stat(dir + "/ready")
		return err
	})
	servicetest.Until(t, "the fast command has ended", func(context.Context) error {
		text, err := os.ReadFile(dir + "/fast")
		if err != nil {
			return err
		}
		pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
		if err == nil && syscall.Kill(pid, 0) == nil {
			err = errors.New("it still runs")
		}
		return err
	})
	cancel() // like a deadline
	err := <-done
	if err == nil || !strings.Contains(err.Error(), "did not end within") || !strings.Contains(err.Error(), `run "script.sh"`) || strings.Contains(err.Error(), `"sh"`) {
		t.Errorf("%v", err)
	}
	got := plugintest.ByKey(b)
	if _, has := got["late_script.sh"]; got["fast_sh"] != 1 || has || got["exec_exit_status_script.sh"] != 124 {
		t.Errorf("%v", got)
	}
	if text, _ := os.ReadFile(pids); len(strings.Fields(string(text))) < 3 {
		t.Fatalf("only %q were started", text)
	}
	checkProcessesEnded(t, pids)
}

// checkProcessesEnded fails if a process whose number is in a file still exists. Zombies count as ended.
func checkProcessesEnded(t *testing.T, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range strings.Fields(string(text)) {
		pid, err := strconv.Atoi(word)
		if err != nil {
			t.Fatal(err)
		}
		servicetest.Until(t, "process "+word+" is gone", func(context.Context) error {
			if isAlive(pid) {
				return errors.New("it is there")
			}
			return nil
		})
	}
}

func isAlive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || !strings.Contains(string(stat), ") Z ")
}

// Processes that a command leaves running do not delay the gather, and are killed.
func TestRemainingChildrenAreKilled(t *testing.T) {
	pids := filepath.Join(t.TempDir(), "pids")
	command := writeScript(t, "sh -c 'trap \"\" TERM HUP; echo $$ >"+pids+"; exec sleep 1000' & while [ ! -s "+pids+" ]; do :; done; echo a 1")
	got, _, err := gatherPrinted(t, "{commands: ['"+command+"'], data_format: metrics}")
	if err != nil || got["a"] != 1 {
		t.Errorf("%v %v", got, err)
	}
	checkProcessesEnded(t, pids)
}

// A daemon that has left the process group keeps running. It does not delay the gather, although it holds the output open.
func TestDaemonLivesOnAndDoesNotDelayTheGather(t *testing.T) {
	if _, err := exec.LookPath("setsid"); err != nil {
		t.Skip("setsid is not installed: install Debian's util-linux")
	}
	file := filepath.Join(t.TempDir(), "pid")
	command := writeScript(t, "setsid sh -c 'echo $$ >"+file+"; exec sleep 1000' & while [ ! -s "+file+" ]; do :; done; echo a 1")
	got, _, err := gatherPrinted(t, "{commands: ['"+command+"'], data_format: metrics}")
	if err != nil || got["a"] != 1 {
		t.Errorf("%v %v", got, err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || !isAlive(pid) {
		t.Fatalf("the daemon %q has ended: %v", text, err)
	}
	_ = syscall.Kill(pid, syscall.SIGKILL)
}
