package proctable

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rtcollector/rtcollector/internal/hostfs"
)

// recorder keeps what it is told: whether the process runs a program of its own.
type recorder struct{}

func (recorder) Forked(p *Process[string]) string {
	if p.Parent == nil {
		return "orphan"
	}
	return "like " + p.Parent.Info
}

func (recorder) Executed(_ *Process[string], argv []string) string { return strings.Join(argv, " ") }

func newTable() *Table[string] {
	return New[string](hostfs.Root{Proc: "/nonexistent", Root: "/nonexistent"}, recorder{})
}

func TestForkExecExit(t *testing.T) {
	table := newTable()
	table.Executed(ID{10, 1}, 1, 0, "bash", []byte("bash\x00"))
	table.Forked(ID{11, 2}, 10, 7, "bash")
	child := table.Find(11)
	if child.Parent != table.Find(10) || child.Info != "like bash" || child.Cmdline != "bash" || child.UID != 7 {
		t.Errorf("%+v", child)
	}
	table.Executed(ID{11, 2}, 10, 8, "curl", []byte("curl\x00-u\x00bob:Hunter2x\x00https://a.example\x00"))
	if child.Comm != "curl" || strings.Contains(child.Cmdline, "Hunter2x") || !strings.Contains(child.Info, "Hunter2x") || child.UID != 8 {
		t.Errorf("%+v", child)
	}
	table.Exited(ID{10, 1})
	if got := child.Ancestry(); got != "bash:10 > curl:11" {
		t.Errorf("after the parent has ended: %s", got)
	}
}

// A PID that is used again is another process, and events about the old one do not touch the new one.
func TestPIDIsUsedAgain(t *testing.T) {
	table := newTable()
	table.Executed(ID{10, 1}, 1, 0, "old", nil)
	old := table.Find(10)
	table.Executed(ID{10, 5}, 1, 0, "new", nil)
	table.Exited(ID{10, 1})
	if p := table.Find(10); p.Comm != "new" || p.ended || old.Comm != "old" || !old.ended {
		t.Errorf("%+v, %+v", p, old)
	}
	if p := table.Seen(ID{10, 9}, 1, 0, "newest"); p.Comm != "newest" || p == old {
		t.Errorf("%+v", p)
	}
	// A process that is older than what now has the number of its parent is not that one's child.
	table.Executed(ID{20, 8}, 1, 0, "parent", nil)
	table.Forked(ID{21, 7}, 20, 0, "child")
	if p := table.Find(21); p.Parent != nil {
		t.Errorf("%+v", p)
	}
}

// What ends is kept for a while, and then forgotten.
func TestEndedProcessesAreForgotten(t *testing.T) {
	table := newTable()
	for pid := 2; pid < 3*keepEnded; pid++ {
		table.Forked(ID{pid, 1}, 1, 0, "x")
		table.Exited(ID{pid, 1})
		table.Exited(ID{pid, 1})
	}
	if table.Len() != keepEnded || table.Find(3*keepEnded-1) == nil || table.Find(2) != nil {
		t.Errorf("%d processes are kept", table.Len())
	}
}

// A process that replaces itself for ever does not make an endless chain of ancestors. Deep trees are shortened in the middle.
func TestDeepAncestry(t *testing.T) {
	table := newTable()
	for pid := 1; pid <= 100; pid++ {
		table.Forked(ID{pid, uint64(pid)}, pid-1, 0, "p")
	}
	text := table.Find(100).Ancestry()
	if !strings.HasPrefix(text, "p:1 > p:2 > … 86 more … > p:89 > ") || !strings.HasSuffix(text, " > p:100") {
		t.Error(text)
	}
	for pid := 101; pid < 10_000; pid++ {
		table.Forked(ID{pid, uint64(pid)}, pid-1, 0, "p")
		table.Exited(ID{pid - 1, uint64(pid - 1)})
	}
	table.Forked(ID{20_000, 20_000}, 0, 0, "root")
	for pid := 20_001; pid < 20_300; pid++ { // alive, all of them
		table.Forked(ID{pid, uint64(pid)}, pid-1, 0, "p")
	}
	if text := table.Find(20_299).Ancestry(); !strings.HasPrefix(text, "root:20000 > ") {
		t.Errorf("a process of a deep tree has the ancestors %s", text)
	}
	length := 0
	for p := table.Find(9999); p != nil; p = p.Parent {
		length++
	}
	if length > maxDepth || length < 2 {
		t.Errorf("%d ancestors are kept", length)
	}
}

func TestScanOfThisMachine(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("no /proc")
	}
	cmd := exec.Command("sh", "-c", "read line", "--password=Hunter2x")
	input, err := cmd.StdinPipe()
	if err != nil || cmd.Start() != nil {
		t.Fatal(err)
	}
	table := New[string](hostfs.FromEnv(os.Getenv), recorder{})
	if err := table.Scan(nil); err != nil {
		t.Fatal(err)
	}
	p := table.Find(cmd.Process.Pid)
	if p == nil || p.Comm != "sh" || p.Parent == nil || p.Parent.PID != os.Getpid() || int(p.UID) != os.Geteuid() ||
		strings.Contains(p.Cmdline, "Hunter2x") || !strings.HasPrefix(p.Cmdline, "sh -c") {
		t.Fatalf("%+v", p)
	}
	table.All(func(p *Process[string]) {
		if p.Comm == "" || !utf8.ValidString(p.Comm) || p.PID == 2 {
			t.Errorf("%+v", p)
		}
	})
	_ = input.Close()
	_ = cmd.Wait()
	if err := table.Scan(nil); err != nil || !p.ended {
		t.Errorf("%+v has not ended, %v", p, err)
	}
	self := ID{os.Getpid(), table.Find(os.Getpid()).Start}
	fresh := New[string](hostfs.FromEnv(os.Getenv), recorder{})
	if p := fresh.Seen(self, 0, 0, "x"); p.Cmdline == "" || p.Comm == "x" {
		t.Errorf("a process whose start was missed was not read: %+v", p)
	}
	if p := New[string](hostfs.FromEnv(os.Getenv), recorder{}).Seen(ID{self.PID, self.Start + 1}, 0, 0, "x"); p.Comm != "x" || p.Cmdline != "" {
		t.Errorf("another process was taken for one with the same PID: %+v", p)
	}
}

func TestUsers(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(dir+"/etc", 0o755); err != nil {
		t.Fatal(err)
	}
	text := "root:x:0:0:root:/root:/bin/sh\nbroken\nalice:x:1000:\nsecond:x:0:0\nx:y:-1\n"
	if err := os.WriteFile(dir+"/etc/passwd", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	u := NewUsers(hostfs.Root{Root: dir})
	for uid, want := range map[uint32]string{0: "root", 1000: "alice", 4294967295: "4294967295"} {
		if got := u.Name(uid); got != want {
			t.Errorf("user %d is %q, want %q", uid, got, want)
		}
	}
	for uid := range uint32(2 * maxUsers) {
		if got := u.Name(uid + 5000); got != fmt.Sprint(uid+5000) {
			t.Fatal(got)
		}
	}
	if len(u.names) > maxUsers {
		t.Errorf("%d names are kept", len(u.names))
	}
}
