//go:build linux

package disk

import (
	"runtime"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// mountSmall mounts a file system of 512 KiB that only this goroutine sees. Its thread ends with the test.
func mountSmall(t *testing.T, path string) {
	t.Helper()
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
		t.Skipf("needs the right to mount: %v", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		t.Skipf("needs the right to mount: %v", err)
	}
	if err := unix.Mount("tmpfs", path, "tmpfs", 0, "size=512k"); err != nil {
		t.Skipf("needs the right to mount: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(path, 0); err != nil {
			t.Error(err)
		}
	})
}

// On a full disk, what does not fit stays with the caller, and what was stored before is intact. When there is room again, it goes on.
func TestFullFileSystem(t *testing.T) {
	path := t.TempDir()
	mountSmall(t, path)
	r, s := newRig(t, path, 1<<30), newSource(8, 20)
	var stored, left []sample
	for range 1000 {
		b := s.batch(500)
		rest, err := r.queue.Append([]*telemetry.Batch{b})
		if err != nil {
			left = samplesOf(rest...)
			if !slices.Equal(left, samplesOf(b)) {
				t.Fatalf("%d samples are left of %d", len(left), b.Len())
			}
			break
		}
		stored = append(stored, samplesOf(b)...)
	}
	if left == nil {
		t.Fatal("the file system did not become full")
	}
	if n := r.stats.Count.Load(); n != int64(len(stored)) {
		t.Errorf("%d samples on disk, want %d", n, len(stored))
	}
	r.stop()
	r.start()
	if got := r.takeAll(5000); !slices.Equal(got, stored) {
		t.Errorf("%d samples came back, %d were stored", len(got), len(stored))
	}
	b := s.batch(500)
	r.append(b)
	if got := r.takeAll(5000); !slices.Equal(got, samplesOf(b)) {
		t.Errorf("%d samples came back after there was room again", len(got))
	}
}
