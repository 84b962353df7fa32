package procusage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/rtcollector/rtcollector/internal/bpf"
	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/procclass"
	"github.com/rtcollector/rtcollector/internal/servicetest"
)

// loggedWatcher returns a watcher of this machine and what it logs.
func loggedWatcher(tb testing.TB) (*Watcher, *servicetest.Log) {
	tb.Helper()
	log := &servicetest.Log{}
	w := newWatcher(tb, hostfs.FromEnv(os.Getenv))
	w.log = slog.New(slog.NewTextHandler(log, nil))
	return w, log
}

// waitForState waits until /proc shows a process in a state such as "Z".
func waitForState(t *testing.T, pid int, state string) {
	t.Helper()
	servicetest.Until(t, fmt.Sprintf("process %d is %s", pid, state), func(context.Context) error {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err == nil && !strings.Contains(string(data), ") "+state+" ") {
			err = errors.New(string(data))
		}
		return err
	})
}

// A process that has ended and that nobody has waited for is there, without memory. It does not make its group unknown.
func TestZombie(t *testing.T) {
	s := servicetest.StartShell(t, "rtczombie", "echo ready; read line <&3")
	s.Lines(1)
	known, beforeEnd := live(t)
	lookNow(t, known) // one that is known, and one that is first seen as a zombie
	if now := beforeEnd.totals[Key{PID: s.PID}].Now; now.Memory.RSS == 0 || now.FDs == 0 {
		t.Errorf("before its end: %+v", now)
	}
	s.Wake(1)
	waitForState(t, s.PID, "Z")
	fresh, log := loggedWatcher(t)
	first := fresh.Group(allNeeds, func(m *Member) Key { return Key{PID: m.Process.PID} })
	for w, groups := range map[*Watcher]*Groups{known: beforeEnd, fresh: first} {
		for range idleLooks {
			lookNow(t, w)
		}
		now := groups.totals[Key{PID: s.PID}].Now
		if now.Processes != 1 || now.RSS() != 0 || now.Memory != (Memory{}) || now.Swap != 0 || !now.Measured() || !now.HasStatus() || !now.HasIO() || !now.HasFDs() {
			t.Errorf("a zombie is %+v", now)
		}
	}
	if text := log.String(); text != "" {
		t.Error(text)
	}
}

// While thousands of processes start and end, looks have no errors, and no counter falls.
func TestProcessesThatEndDuringALook(t *testing.T) {
	for _, source := range []Source{SourceProc, SourceEBPF} {
		t.Run(string(source), func(t *testing.T) {
			w, log := loggedWatcher(t)
			if source == SourceEBPF {
				if err := w.UseKernel(func() (Meter, error) {
					return bpf.OpenMeter(bpf.MeterConfig{Processes: true, Network: true, Block: true})
				}); err != nil {
					t.Skip(err)
				}
				defer func() { _ = w.Close() }()
			}
			groups := w.Group(Needs{Switches: true, FDs: true, IO: true, Memory: true, Network: true, Disks: true}, byName)
			lookNow(t, w)
			name := fmt.Sprintf("rtcburst%d", os.Getpid()%1_000_000)
			const size, enough = 100, 100 // processes at the same time, and looks
			stop := filepath.Join(t.TempDir(), "stop")
			s := servicetest.StartShell(t, name, `
				b=0
				until [ -e "$1" ]; do
					i=0; while [ $i -lt $2 ]; do (:) & i=$((i+1)); done
					wait; b=$((b+1))
				done
				echo $b; read end`, stop, fmt.Sprint(size))
			before, looks, mostSeen, gaps := map[Key]Counters{}, 0, 0, 0
			waitFor(t, "looks that see short processes", func() bool {
				lookNow(t, w)
				looks++
				w.Lock()
				defer w.Unlock()
				groups.All(func(total *Totals) {
					for c := range NumCounters {
						if total.Counters[c] < before[total.Key][c] {
							t.Errorf("counter %d of %v fell from %d to %d", c, total.Key, before[total.Key][c], total.Counters[c])
						}
					}
					before[total.Key] = total.Counters
				})
				if total := groups.totals[Key{Name: name}]; total != nil {
					now := &total.Now
					mostSeen = max(mostSeen, now.Processes)
					gaps += count(!now.HasStatus() || !now.HasIO() || !now.HasFDs() || !now.Measured())
				}
				return looks >= enough && mostSeen >= 3
			})
			if err := os.WriteFile(stop, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			bursts, err := strconv.Atoi(s.Line())
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d looks at %d processes, at most %d of them at once", looks, bursts*size, mostSeen)
			if gaps > 0 { // one that ends during a look must not hide what the others have
				t.Errorf("%d of %d looks did not know all of the group", gaps, looks)
			}
			waitFor(t, "only the shell is left", func() bool {
				lookNow(t, w)
				w.Lock()
				defer w.Unlock()
				now := groups.totals[Key{Name: name}].Now
				return now.Processes == 1 && now.Measured() && now.HasIO()
			})
			if source == SourceEBPF { // each of the processes has faulted, also those that no look has seen
				waitFor(t, "the events of all processes", func() bool {
					lookNow(t, w)
					w.Lock()
					defer w.Unlock()
					return groups.totals[Key{Name: name}].Counters[MinorFaults] >= uint64(bursts*size)
				})
			}
			if text := log.String(); text != "" {
				t.Error(text)
			}
		})
	}
}

func byName(m *Member) Key { return Key{Name: m.Process.Comm} }

// inNamespaces runs the test that calls it once more, as root in namespaces of its own, with its own /proc that was mounted with these
// options. It returns true there. Mounts in it do not change those of the machine.
func inNamespaces(t *testing.T, options string) (isInside bool) {
	t.Helper()
	const marker = "RTC_TEST_IN_NAMESPACES"
	if os.Getenv(marker) != "" {
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			t.Fatal(err)
		}
		if err := unix.Mount("proc", "/proc", "proc", 0, options); err != nil {
			t.Fatal(err)
		}
		return true
	}
	if os.Getuid() != 0 {
		t.Skip("needs root, to make namespaces")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), marker+"=1")
	// In a PID namespace of its own, the options of /proc are those of no other, also before Linux 5.8.
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL}
	runtime.LockOSThread() // Pdeathsig is about the thread
	defer runtime.UnlockOSThread()
	out, err := cmd.CombinedOutput()
	switch {
	case errors.Is(err, syscall.EPERM):
		t.Skip("cannot make namespaces:", err)
	case err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()):
		t.Errorf("in namespaces: %v\n%s", err, out)
	}
	return false
}

// become gives up the rights of root until the test ends, as if this program had been started by another user.
func become(t *testing.T, id int) {
	t.Helper()
	if err := errors.Join(syscall.Setgroups(nil), syscall.Setresgid(id, id, 0), syscall.Setresuid(id, id, 0), unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = errors.Join(syscall.Setresuid(0, 0, 0), syscall.Setresgid(0, 0, 0)) })
}

// With hidepid=2, those without rights see only their own processes. That is no error.
func TestHiddenProcesses(t *testing.T) {
	if !inNamespaces(t, "hidepid=2") {
		return
	}
	hidden := servicetest.StartShell(t, "rtchidden", "echo ready; read line")
	hidden.Lines(1)
	const nobody = 65534
	own := &exec.Cmd{Path: "/bin/sh", Args: []string{"sh", "-c", "echo ready; read line"}, SysProcAttr: &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}}
	input, _ := own.StdinPipe()
	output, err := own.StdoutPipe()
	if err != nil || own.Start() != nil {
		t.Fatal("cannot start a shell as nobody")
	}
	defer func() { _ = input.Close(); _ = own.Wait() }()
	if _, err := output.Read(make([]byte, 64)); err != nil {
		t.Fatal(err)
	}
	all, _ := live(t)
	if r := lookNow(t, all); r.Processes != 3 {
		t.Errorf("root sees %d processes, want this one and two shells", r.Processes)
	}
	become(t, nobody)
	w, log := loggedWatcher(t)
	if err := w.UseKernel(func() (Meter, error) { return nil, errors.New("eBPF programs would be loaded") }); !errors.Is(err, ErrOtherPIDs) {
		t.Error(err)
	}
	groups := w.Group(allNeeds, func(m *Member) Key { return Key{PID: m.Process.PID} })
	for range 2 * idleLooks {
		if r := lookNow(t, w); r.Processes != 2 || r.Unreadable != 0 || r.Unmeasured != 0 {
			t.Fatalf("%+v", r)
		}
	}
	if groups.totals[Key{PID: hidden.PID}] != nil {
		t.Error("a process of root is seen")
	}
	for _, pid := range []int{os.Getpid(), own.Process.Pid} {
		if total := groups.totals[Key{PID: pid}]; total == nil || total.Now.Memory.PSS == 0 || !total.Now.HasIO() || total.Now.FDs == 0 {
			t.Errorf("process %d: %+v", pid, total)
		}
	}
	if text := log.String(); text != "" {
		t.Error(text)
	}
}

// In a PID namespace, /proc has other numbers than the events of the kernel. Processes are then read from /proc, which is said once.
func TestPIDNamespace(t *testing.T) {
	if !inNamespaces(t, "") {
		return
	}
	s := servicetest.StartShell(t, "rtcinside", "echo ready; read line")
	s.Lines(1)
	config := procclass.DefaultConfig()
	rules, err := config.Load()
	if err != nil {
		t.Fatal(err)
	}
	log := &servicetest.Log{}
	settings := DefaultSettings()
	w, err := open(hostfs.FromEnv(os.Getenv), slog.New(slog.NewTextHandler(log, nil)), settings, rules)
	if err != nil {
		t.Fatal(err)
	}
	groups := w.Group(allNeeds, func(m *Member) Key { return Key{Name: m.Process.Comm, PID: m.Process.PID} })
	for range 3 {
		if r := lookNow(t, w); r.Processes != 2 {
			t.Errorf("%d processes, want this one and a shell", r.Processes)
		}
	}
	self := filepath.Base(os.Args[0])
	if os.Getpid() != 1 || groups.totals[Key{PID: 1, Name: self[:min(15, len(self))]}] == nil || groups.totals[Key{PID: s.PID, Name: "rtcinside"}] == nil {
		t.Errorf("%v", groups.totals)
	}
	if w.Kernel() != nil || log.Count("--pid=host") != 1 || log.Count("level=") != 1 {
		t.Errorf("eBPF: %v, log: %s", w.Kernel(), log)
	}
	settings.Source = SourceEBPF
	if _, err := open(hostfs.FromEnv(os.Getenv), slog.New(slog.DiscardHandler), settings, rules); !errors.Is(err, ErrOtherPIDs) {
		t.Errorf("%v", err)
	}
}
