//go:build linux

package service

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// rootVariable is set when the test runs itself again, without rights or on a read-only file system: it is the folder to install into.
const rootVariable = "RTC_TEST_SERVICE_ROOT"

// TestWithoutRights installs as nobody into a folder of root, and as root into a folder that is mounted read-only.
func TestWithoutRights(t *testing.T) {
	if root := os.Getenv(rootVariable); root != "" {
		m := Machine{Root: root, Out: os.Stdout}
		err := Install(t.Context(), describe(t, "systemd"), m)
		if err == nil {
			t.Fatal("it was installed")
		}
		t.Log(err)
		return
	}
	if os.Getuid() != 0 {
		t.Skip("needs root, to give rights up")
	}
	m, _ := machine(t, "systemd")
	letOthersIn(t, m.Root)
	program := filepath.Join(m.Root, "service.test")
	copyFile(t, program, os.Args[0])
	rerun := []string{program, "-test.run=^TestWithoutRights$", "-test.v"}

	asNobody := exec.Command(rerun[0], rerun[1:]...)
	asNobody.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	readOnly := exec.Command("unshare", append([]string{"--mount", "sh", "-c", `mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && cd / && exec "$@"`, m.Root}, rerun...)...)
	for want, cmd := range map[string]*exec.Cmd{
		"permission denied; run it as root, for example with sudo": asNobody,
		"read-only file system: this system's files come from":     readOnly,
	} {
		cmd.Env = append(os.Environ(), rootVariable+"="+m.Root)
		cmd.Dir = m.Root
		out, err := cmd.CombinedOutput()
		if strings.Contains(string(out), "Operation not permitted") {
			t.Skipf("mounting is not allowed here: %s", out)
		}
		if err != nil || !strings.Contains(string(out), want) {
			t.Errorf("%v, want %q in:\n%s", err, want, out)
		}
	}
}

// letOthersIn lets other users enter a folder of the test.
func letOthersIn(t *testing.T, dir string) {
	t.Helper()
	if err := errors.Join(os.Chmod(dir, 0o755), os.Chmod(filepath.Dir(dir), 0o755)); err != nil {
		t.Fatal(err)
	}
}

func copyFile(t *testing.T, to, from string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, data, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestReadable: files that the user of the service could not read are refused before it is installed.
func TestReadable(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to give files to other users")
	}
	dir := t.TempDir()
	letOthersIn(t, dir)
	file := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		dirMode, mode fs.FileMode
		gid           int
		user, want    string
	}{
		{0o755, 0o644, 0, "", ""},
		{0o755, 0o640, 0, "", "chmod o+r"},
		{0o755, 0o640, 65534, "nobody", ""},
		{0o755, 0o604, 65534, "nobody", "chmod o+r"},
		{0o700, 0o644, 0, "", "cannot enter " + dir},
	} {
		for _, err := range []error{os.Chmod(dir, tc.dirMode), os.Chmod(file, tc.mode), os.Chown(file, 0, tc.gid)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		err := CheckReadable(file, 0o004, tc.user)
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%+v: %v", tc, err)
		}
	}
	for path, want := range map[string]bool{"/usr/bin/rtcollector": false, "/tmp/x/rtcollector": true, "/root/.cache/go-build/1/rtcollector": true, "/tmpfiles/rtcollector": false} {
		if IsTemporary(path) != want {
			t.Errorf("%s", path)
		}
	}
}
