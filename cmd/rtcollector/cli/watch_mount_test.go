//go:build linux && !core

package cli

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/rtcollector/rtcollector/internal/servicetest"
)

// inMountNamespace is set when TestWatchMountedFile runs itself again, in a mount name space of its own.
const inMountNamespace = "RTC_TEST_MOUNTS"

// TestWatchMountedFile: the file alone is mounted, as "docker run -v config.yaml:/etc/…" does. Nothing happens in its folder when it is written
// where it comes from.
func TestWatchMountedFile(t *testing.T) {
	if os.Getenv(inMountNamespace) != "" {
		watchMountedFile(t)
		return
	}
	servicetest.RequireNamespaces(t, "--mount")
	cmd := exec.Command("unshare", "--mount", os.Args[0], "-test.run", "^TestWatchMountedFile$", "-test.v")
	cmd.Env = append(os.Environ(), inMountNamespace+"=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func watchMountedFile(t *testing.T) {
	origin := filepath.Join(t.TempDir(), "origin.yaml")
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w := watch(t, func(dir string) {
		path := filepath.Join(dir, "config.yaml")
		write(origin, "0")
		write(path, "")
		if err := unix.Mount(origin, path, "", unix.MS_BIND, ""); err != nil {
			t.Fatalf("mount %s: %v", path, err)
		}
		t.Cleanup(func() {
			if err := unix.Unmount(path, unix.MNT_DETACH); err != nil {
				t.Error(err)
			}
		})
	})
	for i := range 3 {
		write(origin, fmt.Sprint("change ", i))
		w.waitForChange("written where it comes from")
	}
	w.write("config.yaml", "inside")
	w.waitForChange("written where it is mounted")
	if n := len(w.changes); n > 0 {
		t.Errorf("%d more changes", n)
	}
}
