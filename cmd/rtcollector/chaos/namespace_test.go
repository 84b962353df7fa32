package chaos

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/servicetest"
)

// inNamespace tells this test binary that it is in name spaces of its own, whose interfaces, mounts and processes it may make and end.
const inNamespace = "RTC_TEST_CHAOS_INSIDE"

// isInside reports whether this process is in name spaces of its own.
func isInside() bool { return os.Getenv(inNamespace) != "" }

// canUnshare reports whether this process may make name spaces. The flags are those of unshare(1).
func canUnshare(flags ...string) bool {
	return runtime.GOOS == "linux" && exec.Command("unshare", append(flags, "true")...).Run() == nil
}

// runInside runs tests of this binary again, in name spaces of its own. The tests are a pattern, as for "go test -run".
func runInside(t *testing.T, flags []string, timeout time.Duration, tests string, testFlags ...string) {
	t.Helper()
	args := append(flags, os.Args[0], "-test.v", "-test.timeout", timeout.String(), "-test.run", tests)
	cmd := exec.Command("unshare", append(args, testFlags...)...)
	cmd.Env = append(os.Environ(), inNamespace+"=1")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
}

// chosenTests returns the pattern of this process if it chooses parts of a test, else one that matches the whole test.
func chosenTests(test string) string {
	if pattern := flag.Lookup("test.run").Value.String(); strings.HasPrefix(pattern, test+"/") {
		return pattern
	}
	return "^" + test + "$"
}

// run runs a command, which must succeed.
func run(t *testing.T, command string) {
	t.Helper()
	args := strings.Fields(command)
	if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", command, err, out)
	}
}

// wire is the network interface between the agent, in a name space of its own, and the server.
type wire struct {
	name, prefix string // the name of our end, and the first three numbers of all addresses
	theirs       int    // the last number of the agent's address
}

func newWire(number int) *wire {
	return &wire{name: fmt.Sprint("chaos", number), prefix: fmt.Sprintf("10.77.%d.", number), theirs: 2}
}

// ours returns the address of the server.
func (w *wire) ours() string { return w.prefix + "1" }

// wrapper executes a command in a name space of its own.
func (*wire) wrapper() []string { return []string{"unshare", "--net"} }

// connect makes the pair of interfaces for the process of an agent.
func (w *wire) connect(t *testing.T, pid int) {
	t.Helper()
	space := fmt.Sprintf("/proc/%d/ns/net", pid)
	servicetest.Until(t, "the agent has a name space", func(context.Context) error {
		theirs, err := os.Readlink(space)
		ours, _ := os.Readlink("/proc/self/ns/net")
		if err == nil && theirs == ours {
			err = errors.New("it is in that of the campaign")
		}
		return err
	})
	w.remove(t)
	there := "nsenter --net=" + space + " "
	run(t, fmt.Sprintf("ip link add %s type veth peer name eth0 netns %d", w.name, pid))
	run(t, fmt.Sprintf("%sip address add %s%d/24 dev eth0", there, w.prefix, w.theirs))
	run(t, there+"ip link set eth0 up")
	run(t, there+"ip link set lo up")
	run(t, "ip address add "+w.ours()+"/24 dev "+w.name)
	run(t, "ip link set "+w.name+" up")
}

// remove removes the pair of interfaces. That of an agent that was killed goes away by itself, but only after a moment.
func (w *wire) remove(t *testing.T) {
	t.Helper()
	servicetest.Until(t, w.name+" is gone", func(ctx context.Context) error {
		if _, err := os.Stat("/proc/sys/net/ipv4/conf/" + w.name); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		out, err := exec.CommandContext(ctx, "ip", "link", "delete", w.name).CombinedOutput()
		return errors.Join(fmt.Errorf("it is there: %s", out), err)
	})
}

// faults are what can happen to the interface.
func (w *wire) faults() []fault {
	return []fault{
		{"an interface without a link", func(t *testing.T, _ *stage) func() {
			run(t, "ip link set "+w.name+" down")
			return func() { run(t, "ip link set "+w.name+" up") }
		}},
		{"an interface that goes away", func(t *testing.T, s *stage) func() {
			w.remove(t)
			return func() { w.connect(t, s.agent.cmd.Process.Pid) }
		}},
		{"an interface that goes away, and comes back with another address", func(t *testing.T, s *stage) func() {
			w.remove(t)
			return func() {
				w.theirs = 5 - w.theirs
				w.connect(t, s.agent.cmd.Process.Pid)
			}
		}},
	}
}

// volume is the disk of an agent.
type volume struct {
	folder    string
	isMounted bool // it is a small file system that can be full and slow
}

const volumeSize = "48M"

// newVolume returns a volume, which is mounted until the end of the test if that is possible.
func newVolume(t *testing.T) *volume {
	t.Helper()
	v := &volume{folder: filepath.Join(t.TempDir(), "volume")}
	if err := os.Mkdir(v.folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if !isInside() {
		return v
	}
	for _, command := range []string{"mkfs.ext4", "fsfreeze", "mount"} {
		if _, err := exec.LookPath(command); err != nil {
			t.Logf("no full and no slow disk: %v", err)
			return v
		}
	}
	image := filepath.Join(t.TempDir(), "image")
	run(t, "truncate -s "+volumeSize+" "+image)
	run(t, "mkfs.ext4 -q -m 0 "+image)
	if out, err := exec.Command("mount", "-o", "loop", image, v.folder).CombinedOutput(); err != nil {
		t.Logf("no full and no slow disk: %s", out)
		return v
	}
	v.isMounted = true
	t.Cleanup(func() { run(t, "umount "+v.folder) })
	return v
}

// faults are what can happen to the disk. It is used in outages only, so each is one, too. What has no room in memory meanwhile is lost, and
// counted.
func (v *volume) faults() []fault {
	return []fault{
		{"a full disk in an outage", func(t *testing.T, s *stage) func() {
			s.network.Stop()
			s.mayLose = true
			fill := filepath.Join(v.folder, "fill")
			if err := writeUntilFull(fill); err != nil {
				t.Fatal(err)
			}
			return func() {
				if err := os.Remove(fill); err != nil {
					t.Error(err)
				}
				s.start(t)
			}
		}},
		{"a slow disk in an outage", func(t *testing.T, s *stage) func() {
			s.network.Stop()
			s.mayLose = true
			// Another process ends the last pause, so no end of this one leaves the file system frozen. The kernel lets every write wait meanwhile.
			const pauses = "for i in 1 2 3 4; do fsfreeze --freeze $1; sleep 0.4; fsfreeze --unfreeze $1; sleep 0.1; done"
			cmd := exec.Command("sh", "-c", pauses, "pauses", v.folder)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			return func() {
				if err := cmd.Wait(); err != nil {
					t.Error(err)
				}
				s.start(t)
			}
		}},
	}
}

// writeUntilFull writes a file until there is no room left.
func writeUntilFull(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	for size := 1 << 20; size > 0; size /= 2 {
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, size))
		}
		if !errors.Is(err, syscall.ENOSPC) {
			return err
		}
	}
	return nil
}
