package sockets

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/servicetest"
)

// processes is a /proc whose processes hold sockets.
type processes struct {
	t    testing.TB
	root hostfs.Root
}

func newProcesses(t testing.TB) *processes { return &processes{t: t, root: hostfs.At(t.TempDir())} }

// hold makes a process hold these sockets, and nothing else but a file.
func (p *processes) hold(pid int, inodes ...uint64) {
	p.t.Helper()
	dir := filepath.Join(p.root.Proc, fmt.Sprint(pid), "fd")
	if err := os.RemoveAll(dir); err != nil {
		p.t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		p.t.Fatal(err)
	}
	targets := []string{"/dev/null", "pipe:[7]", "socket:[x]"}
	for _, inode := range inodes {
		targets = append(targets, fmt.Sprintf("socket:[%d]", inode))
	}
	for fd, target := range targets {
		if err := os.Symlink(target, filepath.Join(dir, fmt.Sprint(fd))); err != nil {
			p.t.Fatal(err)
		}
	}
}

func TestOwners(t *testing.T) {
	p := newProcesses(t)
	p.hold(10, 1, 2)
	p.hold(20, 2)
	o := NewOwners(p.root)
	update := func(step string, inodes []uint64, pids []int, want map[uint64][]int) {
		t.Helper()
		if err := o.Update(t.Context(), inodes, pids); err != nil {
			t.Fatal(err)
		}
		for inode, holders := range want {
			if got := o.Of(inode); !slices.Equal(got, holders) {
				t.Errorf("%s: socket %d is held by %v, want %v", step, inode, got, holders)
			}
		}
	}
	update("start", []uint64{0, 1, 2, 3}, []int{20, 10, 99}, map[uint64][]int{0: nil, 1: {10}, 2: {10, 20}, 3: nil, 7: nil})
	p.hold(10, 1, 2, 3)
	update("nothing new", []uint64{1, 2, 3}, []int{10, 20}, map[uint64][]int{1: {10}, 2: {10, 20}, 3: nil})
	p.hold(30, 1, 3)
	update("new process", []uint64{1, 2, 3}, []int{10, 20, 30}, map[uint64][]int{1: {10}, 3: {30}})
	p.hold(20, 2, 4)
	update("new socket", []uint64{1, 2, 3, 4}, []int{10, 20, 30}, map[uint64][]int{1: {10}, 2: {10, 20}, 4: {20}})
	update("process ended", []uint64{1, 2, 3, 4}, []int{20, 30}, map[uint64][]int{1: {30}, 2: {20}, 4: {20}})
	o.Forget(20)
	p.hold(20, 3)
	update("pid used again", []uint64{1, 2, 3, 4}, []int{20, 30}, map[uint64][]int{2: nil, 3: {30}, 4: nil})
	update("socket closed", []uint64{2}, []int{20}, map[uint64][]int{1: nil, 2: nil})
}

func TestUnreadableProcesses(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	p := newProcesses(t)
	p.hold(10, 1)
	if err := os.Chmod(filepath.Join(p.root.Proc, "10", "fd"), 0); err != nil {
		t.Fatal(err)
	}
	o := NewOwners(p.root)
	if err := o.Update(t.Context(), []uint64{1}, []int{10}); err != nil || o.Unreadable() != 1 || o.Of(1) != nil {
		t.Errorf("%v, %d, %v", err, o.Unreadable(), o.Of(1))
	}
}

func FuzzParseSocketLink(f *testing.F) {
	for _, seed := range []string{"socket:[123]", "socket:[]", "socket:[99999999999999999999]", "pipe:[1]", "/tmp/socket:[1]"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, target []byte) {
		if inode, ok := parseSocketLink(target); ok && len(target) < len(fmt.Sprintf("socket:[%d]", inode)) {
			t.Errorf("%q is %d", target, inode)
		}
	})
}

// BenchmarkOwners: 2,000 processes hold 20,000 sockets. "same" is a poll in which nothing changed, "new" one with a new
// socket, which makes all of them be read.
func BenchmarkOwners(b *testing.B) {
	p := newProcesses(b)
	var inodes []uint64
	var pids []int
	for pid := 1; pid <= 2000; pid++ {
		for range 10 {
			inodes = append(inodes, uint64(len(inodes)+1))
		}
		p.hold(pid, inodes[len(inodes)-10:]...)
		pids = append(pids, pid)
	}
	o := NewOwners(p.root)
	update := func(inodes []uint64) {
		if err := o.Update(b.Context(), inodes, pids); err != nil || len(o.Of(20_000)) != 1 {
			b.Fatal(err)
		}
	}
	update(inodes)
	b.Run("same", func(b *testing.B) { servicetest.LoopWithCPU(b, func() { update(inodes) }) })
	next := uint64(1_000_000)
	b.Run("new", func(b *testing.B) {
		servicetest.LoopWithCPU(b, func() {
			next++
			update(append(inodes[:20_000:20_000], next))
		})
	})
}
