//go:build linux

package sqlite_test

import (
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/outputs"
)

// mount mounts a small file system and returns its folder, and a function that changes its options.
func mount(t *testing.T, options string) (folder string, remount func(flags uintptr, options string)) {
	t.Helper()
	folder = t.TempDir()
	if err := syscall.Mount("tmpfs", folder, "tmpfs", 0, options); err != nil {
		t.Skip("mounting a small file system needs root: ", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(folder, syscall.MNT_DETACH) })
	return folder, func(flags uintptr, options string) {
		t.Helper()
		if err := syscall.Mount("tmpfs", folder, "tmpfs", syscall.MS_REMOUNT|flags, options); err != nil {
			t.Fatal(err)
		}
	}
}

// Nothing is lost while the disk is full.
func TestDiskFull(t *testing.T) {
	folder, remount := mount(t, "size=280k")
	c := config(t)
	c.Path = filepath.Join(folder, "events.db")
	f := open(t, c)
	events := f.number(toTelemetry(newMaker().connections(start, time.Hour, 2000)))
	err := f.WriteEvents(t.Context(), events)
	checkRetries(t, err, "the disk is full, or the file may not grow: free some space, or set max_size")
	checkRetries(t, f.WriteEvents(t.Context(), events), "the disk is full")
	remount(0, "size=64m")
	if err := f.WriteEvents(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	if ids, _ := f.readAll(t, outputs.EventQuery{}); len(ids) != len(events) {
		t.Errorf("%d of %d events", len(ids), len(events))
	}
}

// A file system that is read-only refuses writes, and can be read.
func TestReadOnlyPlace(t *testing.T) {
	folder, remount := mount(t, "size=16m")
	c := config(t)
	c.Path = filepath.Join(folder, "events.db")
	f := open(t, c)
	events := f.number(toTelemetry(newMaker().connections(start, time.Hour, 10)))
	if err := f.WriteEvents(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	remount(syscall.MS_RDONLY, "")
	err := f.Open(t.Context())
	checkRetries(t, err, "check the permissions of the file and of the folder "+folder+", and whether the file system is mounted read-only")
	if ids, _ := f.readAll(t, outputs.EventQuery{}); len(ids) != len(events) {
		t.Errorf("%d of %d events", len(ids), len(events))
	}
}
