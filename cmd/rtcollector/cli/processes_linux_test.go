package cli_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/servicetest"
)

// startNamed starts a copy of sleep with this name of its file, and these arguments after the name.
func startNamed(t *testing.T, name string, argv ...string) (pid int) {
	t.Helper()
	data, err := os.ReadFile("/bin/sleep")
	if err != nil {
		t.Skip("needs sleep:", err)
	}
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, data, 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(file, argv...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	servicetest.Until(t, "the program", func(context.Context) error {
		if target, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", cmd.Process.Pid)); err != nil || target != file {
			return fmt.Errorf("%s, %w", target, err)
		}
		return nil
	})
	return cmd.Process.Pid
}

// succeed runs one command and returns what it prints.
func succeed(t *testing.T, args ...string) string {
	t.Helper()
	code, stdout, stderr := execute(t, args...)
	if code != 0 {
		t.Fatalf("%q: exit code %d\n%s%s", args, code, stdout, stderr)
	}
	return stdout + stderr
}

// contains fails the test if a pattern is not in a text.
func contains(t *testing.T, text string, patterns ...string) {
	t.Helper()
	for _, p := range patterns {
		if !regexp.MustCompile("(?m)" + p).MatchString(text) {
			t.Errorf("%q is missing in\n%s", p, text)
		}
	}
}

// noConfig makes sure that no configuration of the machine is used.
func noConfig(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
}

// TestProcesses runs the commands on real processes, and on the recording of them.
func TestProcesses(t *testing.T) {
	noConfig(t)
	t.Setenv("TMPDIR", t.TempDir())
	long := startNamed(t, "clickhouse-server", "600")
	odd := startNamed(t, "x\ny\x1b[31m", "600")
	recording := filepath.Join(t.TempDir(), "host.tar.gz")
	contains(t, succeed(t, "processes", "snapshot", recording), `^recorded [0-9]+ processes in .*host\.tar\.gz$`)
	if st, err := os.Stat(recording); err != nil || st.Mode().Perm() != 0o600 {
		t.Fatal(st.Mode(), err)
	}
	for _, flags := range [][]string{nil, {"--snapshot", recording}} {
		out := succeed(t, append([]string{"processes", "explain", fmt.Sprint(long)}, flags...)...)
		contains(t, out, fmt.Sprintf(`^pid +%d$`, long), fmt.Sprintf(`^parent +%d$`, os.Getpid()), `^comm +clickhouse-serv$`, `^program +/.*/clickhouse-server$`,
			`^command line +/.*/clickhouse-server 600$`, `^control group +/`, `^class +db/clickhouse$`, `^decided by +db/clickhouse: name .*clickhouse-server.*\(built-in\)$`)
		out = succeed(t, append([]string{"processes", "test", "--verbose", "-n", "3"}, flags...)...)
		contains(t, out, fmt.Sprintf(`^%d +\S+ +clickhouse-serv +db/clickhouse +`, long), fmt.Sprintf(`^%d +\S+ +x\\x0ay\\x1b\[31m +other/unknown +`, odd), `^GROUP +SUBGROUP +PROCESSES +RSS +CPU TIME$`,
			`^db +clickhouse +1 `, `^x\\x0ay\\x1b\[31m +1 `, `^scan 3: read in `, `^3 scans: mean `)
		if strings.Contains(out, "\x1b") {
			t.Error("a control character is printed")
		}
	}
	if entries, err := filepath.Glob(filepath.Join(os.TempDir(), "rtcollector-processes-*")); err != nil || len(entries) > 0 {
		t.Errorf("temporary directories are left: %v, %v", entries, err)
	}
}

// TestProcessesWithOwnClasses: a file of the user decides, from a flag or from the configuration.
func TestProcessesWithOwnClasses(t *testing.T) {
	noConfig(t)
	pid := startNamed(t, "nginx", "600")
	classes := filepath.Join(t.TempDir(), "classes.yaml")
	if err := os.WriteFile(classes, []byte("classes: [{group: own, subgroup: web, name: [ngin*]}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	contains(t, succeed(t, "processes", "explain", fmt.Sprint(pid), "--classes", classes),
		`^decided by +own/web: name ngin\* \(.*classes\.yaml: classes\[0\]\)$`, `^would match too +web/nginx: name nginx, .*\(built-in\)$`)
	contains(t, succeed(t, "processes", "groups", "--classes", classes, "--classes-mode", "replace"), `^own +web +1 +name ngin\*$`)
	config := writeConfig(t, "inputs: [{process_groups: {classes: '"+classes+"', others: false}}]\noutputs: [stdout]\n")
	out := succeed(t, "processes", "test", "--verbose", "--config", config)
	contains(t, out, `^own +web +[1-9]`, `^with the settings of the input process_groups in `)
	if strings.Contains(out, "other/unknown") {
		t.Errorf("the filters have no effect:\n%s", out)
	}
	contains(t, succeed(t, "processes", "groups", "--group", "~^(own|cache)$", "--verbose", "--config", config), `^own/web: name ngin\* \(`, `^cache/redis: name `)
}

// TestProcessesMistakes: wrong arguments and files, with their exit codes.
func TestProcessesMistakes(t *testing.T) {
	noConfig(t)
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(bad, []byte("classes:\n  - {group: a, subgroup: b, cmdline: ['x(']}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	self := fmt.Sprint(os.Getpid())
	for _, tc := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"explain"}, 2, "accepts 1 arg"},
		{[]string{"explain", "x"}, 2, `"x" is not a PID`},
		{[]string{"explain", "4194304"}, 1, "there is no process 4194304"},
		{[]string{"explain", self, "--classes", bad}, 2, `bad\.yaml:2:39: classes\[0\]\.cmdline\[0\]: must be a regular expression .*did you mean 'x\\\('`},
		{[]string{"explain", self, "--classes", "nope.yaml"}, 2, "no such file"},
		{[]string{"explain", self, "--snapshot", bad}, 1, "it is not one that"},
		{[]string{"groups", "--classes-mode", "replace"}, 2, "needs --classes"},
		{[]string{"groups", "--classes-mode", "mrge"}, 2, `did you mean "merge"`},
		{[]string{"groups", "--group", "cach"}, 2, `did you mean "cache"`},
		{[]string{"groups", "--group", "~("}, 2, "must be a regular expression"},
		{[]string{"test", "-n", "0"}, 2, "-n must be from 1"},
		{[]string{"test", "--config", "nope.yaml"}, 2, "no such file"},
		{[]string{"snapshot", filepath.Join(t.TempDir(), "nope", "x")}, 1, "no such file"},
		{[]string{"explan"}, 2, `did you mean "explain"`},
	} {
		code, _, stderr := execute(t, append([]string{"processes"}, tc.args...)...)
		if code != tc.code || !regexp.MustCompile(tc.want).MatchString(stderr) {
			t.Errorf("%q: exit code %d, want %d and %q:\n%s", tc.args, code, tc.code, tc.want, stderr)
		}
	}
}
