package cli_test

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

	"github.com/rtcollector/rtcollector/internal/capability"
	"github.com/rtcollector/rtcollector/internal/servicetest"
)

// An agent of root keeps the rights that its inputs need, and no others. What it starts has all of root's rights: from the kernel, or with
// no_new_privs from the agent, which then keeps them. The program is built without cgo, as ours are: this test, with the race detector, is not.
func TestRunGivesUpRights(t *testing.T) {
	own, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	before, _ := capability.Parse(own)
	if os.Geteuid() != 0 || !before.Has("CAP_SYS_PTRACE") || !before.Has("CAP_CHOWN") {
		t.Skip("needs the rights of root")
	}
	servicetest.RequireCommands(t, "util-linux", "setpriv")
	heedHangUps(t)
	program := filepath.Join(t.TempDir(), "rtcollector")
	build := exec.Command("go", "build", "-trimpath", "-o", program, "github.com/rtcollector/rtcollector/cmd/rtcollector")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	const command, plugin = `- exec: {commands: ["sh $DIR/child.plugin"]}`, "- netdata_plugins: {directories: [$DIR]}"
	for name, tc := range map[string]struct {
		starts          string // the input that starts a program; empty: there is none
		noNewPrivileges bool
		keepsAll        bool
	}{
		"command":                           {starts: command},
		"command, no_new_privs":             {starts: command, noNewPrivileges: true, keepsAll: true},
		"plugin":                            {starts: plugin},
		"plugin, no_new_privs":              {starts: plugin, noNewPrivileges: true, keepsAll: true},
		"no program at first, no_new_privs": {noNewPrivileges: true},
		"no program at first":               {},
	} {
		t.Run(name, func(t *testing.T) {
			d := servicetest.New(t)
			config := writeRightsConfig(d, tc.starts)
			script := d.WriteFile("child.plugin", "#!/bin/sh\ncat /proc/self/status > $DIR/child.new && mv $DIR/child.new $DIR/child\n")
			if err := os.Chmod(script, 0o755); err != nil { //nolint:gosec // it is a program
				t.Fatal(err)
			}
			d.Args = []string{program, "run", "--config", config}
			if tc.noNewPrivileges {
				d.Args = append([]string{"setpriv", "--no-new-privs"}, d.Args...)
			}
			awaited := filepath.Join(d.Dir, "child")
			if tc.starts == "" {
				awaited = filepath.Join(d.Dir, "events.db") // outputs open after the rights are given up
			}
			d.Ready = func(context.Context) error {
				_, err := os.Stat(awaited)
				return err
			}
			d.Run()
			if err := checkThreads(d.PID(), before, tc.keepsAll); err != nil {
				t.Error(err)
			}
			if tc.starts == "" {
				reloadWithCommand(t, d, command, tc.noNewPrivileges)
				awaited = filepath.Join(d.Dir, "child")
				servicetest.Until(t, "the command has run", d.Ready)
			}
			status, err := os.ReadFile(awaited)
			if err != nil {
				t.Fatal(err)
			}
			child, ok := capability.Parse(status)
			if hasAll := child == before; !ok || hasAll != (tc.starts != "" || !tc.noNewPrivileges) {
				t.Errorf("the program has %s", strings.Join(child.Names(), " "))
			}
			if nnp := strings.Contains(string(status), "NoNewPrivs:\t1"); nnp != tc.noNewPrivileges {
				t.Errorf("no_new_privs of the program is %v", nnp)
			}
		})
	}
}

// writeRightsConfig writes a configuration with an input that needs a right, and a further input.
func writeRightsConfig(d *servicetest.Daemon, further string) (path string) {
	return d.WriteFile("config.yaml", `
interval: 1s
inputs:
  - process_groups: {source: proc}
  `+further+`
outputs: [{sqlite: {path: $DIR/events.db}}, stdout]
`)
}

// reloadWithCommand adds an input that starts a program. The log says whether that lacks rights.
func reloadWithCommand(t *testing.T, d *servicetest.Daemon, command string, lacksRights bool) {
	t.Helper()
	writeRightsConfig(d, command)
	if err := syscall.Kill(d.PID(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	var log string
	servicetest.Until(t, "the configuration is reloaded", func(context.Context) error {
		text, err := os.ReadFile(filepath.Join(d.Dir, "log"))
		if log = string(text); err == nil && !strings.Contains(log, "the new configuration runs") {
			err = errors.New(log)
		}
		return err
	})
	if warned := strings.Contains(log, "programs of the new configuration do not have the rights that the agent gave up"); warned != lacksRights {
		t.Errorf("the log warns of programs without rights: %v", warned)
	}
}

// checkThreads returns an error if a thread of an agent has other rights than it should: all, or only what its inputs need.
func checkThreads(pid int, before capability.Set, keepsAll bool) error {
	threads, err := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/status")
	if err != nil || len(threads) < 2 {
		return errors.Join(fmt.Errorf("%d threads", len(threads)), err)
	}
	for _, path := range threads {
		status, err := os.ReadFile(path)
		if err != nil {
			continue // the thread has ended
		}
		got, ok := capability.Parse(status)
		isRight := got == before
		if !keepsAll {
			isRight = got.Has("CAP_SYS_PTRACE") && !got.Has("CAP_CHOWN") && !got.Has("CAP_SYS_MODULE") && !got.Has("CAP_BPF")
		}
		if !ok || !isRight {
			return fmt.Errorf("%s has %s", path, strings.Join(got.Names(), " "))
		}
	}
	return nil
}
