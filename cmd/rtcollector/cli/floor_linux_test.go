package cli_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sys/unix"

	"github.com/rtcollector/rtcollector/internal/redisconn/redistest"
)

// The floor is what the kernel and the server charge for a cycle of the agent: a thread that makes the system calls that cannot be avoided, once a
// second, and nothing else. It parses nothing and encodes nothing.

// runAsFloor makes the test binary behave like the floor. Its value is the file with the plan.
const runAsFloor = "RTC_TEST_BE_THE_FLOOR"

// floorPlan says what the floor reads and sends.
type floorPlan struct {
	Kept    []string // files that stay open: one pread(2) each
	Lists   []string // directories: open, getdents, close
	Stats   []string // paths that are looked up
	Mounts  []string // file systems: statfs(2)
	Missing []string // files that this kernel lacks, which are opened in vain
	Pids    bool     // list /proc, and open, read and close the file "stat" of every process
	Sockets bool     // a list of all TCP sockets by sock_diag(7)
	Server  int      // port on 127.0.0.1
	Bytes   []byte   // what is sent
	Replies int      // lines of the reply
	Ready   string   // file into which the floor writes the number of its thread
}

// openedAnew are the paths that the inputs of [predecessorsInputs] use in every cycle without keeping them open. TestFloorIsComplete compares
// them with what strace(1) sees. The files that stay open are found in /proc/PID/fd of the agent.
var openedAnew = floorPlan{
	Lists:   []string{"/sys/kernel/mm/ksm", "/proc/pressure", "/proc/self/fd"},
	Stats:   []string{"/run/systemd/sessions"},
	Mounts:  []string{"/"},
	Missing: []string{"/run/utmp", "/proc/self/net/sctp/snmp"},
}

// readRarely matches files that the agent keeps open and does not read in every cycle: the speed of an interface is read after its carrier
// has changed, and the limits of the cgroup are read by Go's runtime.
var readRarely = regexp.MustCompile(`/speed$|^/sys/fs/cgroup/`)

// planOf returns the plan for an agent that runs.
func planOf(pid int) (floorPlan, error) {
	p := openedAnew
	p.Pids, p.Sockets = true, true
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	for _, e := range entries {
		target, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", pid, e.Name()))
		if err != nil || !strings.HasPrefix(target, "/proc/") && !strings.HasPrefix(target, "/sys/") || readRarely.MatchString(target) {
			continue
		}
		target = strings.TrimSuffix(target, " (deleted)") // how the kernel shows files of /proc/net that were looked up again since
		p.Kept = append(p.Kept, strings.Replace(target, fmt.Sprintf("/proc/%d/", pid), "/proc/self/", 1))
	}
	return p, err
}

// encodePayload encodes the newest samples of host h as the agent does, for the same keys of a host g, and creates those series.
func encodePayload(b *testing.B, c *redis.Client, p *floorPlan) {
	reply, err := c.Do(context.Background(), "TS.MGET", "FILTER", "host=h").Slice()
	if err != nil {
		b.Fatal(err)
	}
	newest := int64(0)
	for _, item := range reply {
		if sample := item.([]any)[2].([]any); len(sample) == 2 {
			newest = max(newest, sample[0].(int64))
		}
	}
	var args []string
	flush := func() {
		if len(args) == 0 {
			return
		}
		p.Bytes = fmt.Appendf(p.Bytes, "*%d\r\n$7\r\nTS.MADD\r\n", 1+len(args))
		for _, arg := range args {
			p.Bytes = fmt.Appendf(p.Bytes, "$%d\r\n%s\r\n", len(arg), arg)
		}
		p.Replies += 1 + len(args)/3
		args = nil
	}
	for _, item := range reply {
		key, sample := item.([]any)[0].(string), item.([]any)[2].([]any)
		if len(sample) != 2 || sample[0].(int64) < newest-25 || !strings.HasPrefix(key, "h:") {
			continue
		}
		key = "g" + key[1:]
		if err := c.Do(context.Background(), "TS.CREATE", key, "DUPLICATE_POLICY", "LAST").Err(); err != nil {
			b.Fatal(err)
		}
		if args = append(args, key, fmt.Sprint(sample[0]), fmt.Sprint(sample[1])); len(args) == 1500 {
			flush()
		}
	}
	flush()
}

// startFloor starts the floor in a process of its own and returns its thread.
func startFloor(b *testing.B, agent int, c *redis.Client, port string) (pid, thread int) {
	p, err := planOf(agent)
	if err != nil {
		b.Fatal(err)
	}
	encodePayload(b, c, &p)
	p.Server, _ = strconv.Atoi(port)
	dir := b.TempDir()
	p.Ready = filepath.Join(dir, "ready")
	text, err := json.Marshal(p)
	if err != nil {
		b.Fatal(err)
	}
	plan := filepath.Join(dir, "plan")
	if err := os.WriteFile(plan, text, 0o600); err != nil {
		b.Fatal(err)
	}
	b.Setenv(runAsFloor, plan)
	pid = spawn(b, "", os.Args[0])
	_ = os.Unsetenv(runAsFloor)
	redistest.Until(b, "the floor has begun", func(context.Context) error {
		text, err := os.ReadFile(p.Ready)
		if err != nil {
			return err
		}
		thread, err = strconv.Atoi(string(text))
		return err
	})
	return pid, thread
}

// threadTime returns the CPU time of one thread of a process.
func threadTime(b *testing.B, pid, thread int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/schedstat", pid, thread))
	if err != nil {
		b.Fatal(err)
	}
	onCPU, _, _ := strings.Cut(string(text), " ")
	ns, err := strconv.ParseInt(onCPU, 10, 64)
	if err != nil {
		b.Fatal(err)
	}
	return time.Duration(ns)
}

// runFloor is the floor's process.
func runFloor(planFile string) {
	if err := cycleFloor(planFile); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func cycleFloor(planFile string) error {
	runtime.LockOSThread()
	text, err := os.ReadFile(planFile)
	if err != nil {
		return err
	}
	var p floorPlan
	if err := json.Unmarshal(text, &p); err != nil {
		return err
	}
	f, err := openFloor(p)
	if err != nil {
		return err
	}
	for round := 0; ; round++ {
		if err := f.cycle(); err != nil {
			return err
		}
		if round == 3 { // the first rounds warm up
			if err := os.WriteFile(p.Ready+".new", []byte(strconv.Itoa(unix.Gettid())), 0o600); err != nil {
				return err
			}
			if err := os.Rename(p.Ready+".new", p.Ready); err != nil {
				return err
			}
		}
		// Half a second apart from the agent, which works at the beginning of a second.
		next := unix.NsecToTimespec(time.Now().Truncate(time.Second).Add(1500 * time.Millisecond).UnixNano())
		for unix.ClockNanosleep(unix.CLOCK_REALTIME, unix.TIMER_ABSTIME, &next, nil) == unix.EINTR {
		}
	}
}

// floor has everything open that stays open.
type floor struct {
	plan    floorPlan
	kept    []int
	netlink int
	server  int
	request []byte
	buf     []byte
}

func openFloor(p floorPlan) (*floor, error) {
	f := &floor{plan: p, buf: make([]byte, 64<<10)}
	for _, path := range p.Kept {
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil, fmt.Errorf("open %s: %w", path, err)
		}
		f.kept = append(f.kept, fd)
	}
	var err error
	if f.netlink, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG); err != nil {
		return nil, err
	}
	f.request = make([]byte, 76) // struct nlmsghdr and struct inet_diag_req, see internal/sockets
	binary.NativeEndian.PutUint32(f.request, uint32(len(f.request)))
	binary.NativeEndian.PutUint16(f.request[4:], 18)          // TCPDIAG_GETSOCK
	binary.NativeEndian.PutUint16(f.request[6:], 0x301)       // NLM_F_REQUEST, NLM_F_DUMP
	binary.NativeEndian.PutUint32(f.request[16+52:], 1<<12-1) // all states
	if f.server, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return nil, err
	}
	if err := unix.SetsockoptInt(f.server, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return nil, err
	}
	return f, unix.Connect(f.server, &unix.SockaddrInet4{Port: p.Server, Addr: [4]byte{127, 0, 0, 1}})
}

func (f *floor) cycle() error {
	for _, fd := range f.kept {
		_, _ = unix.Pread(fd, f.buf, 0) // an attribute may have no value
	}
	for _, path := range f.plan.Missing {
		if fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0); err == nil {
			_, _ = unix.Read(fd, f.buf)
			_ = unix.Close(fd)
		}
	}
	for _, path := range f.plan.Stats {
		var stat unix.Stat_t
		_ = unix.Stat(path, &stat)
	}
	for _, path := range f.plan.Mounts {
		var stat unix.Statfs_t
		_ = unix.Statfs(path, &stat)
	}
	for _, path := range f.plan.Lists {
		if err := f.list(path, nil); err != nil && !errors.Is(err, unix.ENOENT) {
			return err
		}
	}
	if f.plan.Pids {
		var stat [512]byte
		if err := f.list("/proc", func(dir int, name []byte) {
			if fd, err := unix.Openat(dir, string(name)+"/stat", unix.O_RDONLY|unix.O_CLOEXEC, 0); err == nil {
				_, _ = unix.Read(fd, stat[:])
				_ = unix.Close(fd)
			}
		}); err != nil {
			return err
		}
	}
	if f.plan.Sockets {
		if err := f.listSockets(); err != nil {
			return fmt.Errorf("list sockets: %w", err)
		}
	}
	return f.send()
}

// list lists a directory and visits the names that begin with a digit.
func (f *floor) list(path string, visit func(dir int, name []byte)) error {
	dir, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(dir)
	for {
		n, err := unix.ReadDirent(dir, f.buf)
		if n <= 0 || err != nil {
			return err
		}
		if visit == nil {
			continue
		}
		for records := f.buf[:n]; len(records) > 19; { // struct linux_dirent64
			size := binary.NativeEndian.Uint16(records[16:])
			name, _, _ := bytes.Cut(records[19:size], []byte{0})
			if name[0] >= '0' && name[0] <= '9' {
				visit(dir, name)
			}
			records = records[size:]
		}
	}
}

func (f *floor) listSockets() error {
	if _, err := unix.Write(f.netlink, f.request); err != nil {
		return err
	}
	for {
		n, err := unix.Read(f.netlink, f.buf)
		if err != nil || n < 16 {
			return err
		}
		if kind := binary.NativeEndian.Uint16(f.buf[4:]); kind == syscall.NLMSG_DONE || kind == syscall.NLMSG_ERROR {
			return nil
		}
	}
}

// send sends everything with one write and counts the lines of the reply.
func (f *floor) send() error {
	if _, err := unix.Write(f.server, f.plan.Bytes); err != nil {
		return err
	}
	for lines := 0; lines < f.plan.Replies; {
		n, err := unix.Read(f.server, f.buf)
		if err != nil || n == 0 {
			return fmt.Errorf("read replies: %d, %w", n, err)
		}
		lines += bytes.Count(f.buf[:n], []byte{'\n'})
	}
	return nil
}

// TestFloorIsComplete compares the paths in openedAnew with those that the agent uses. It needs strace(1) and a kernel that allows it.
func TestFloorIsComplete(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace is not installed")
	}
	dir := t.TempDir()
	config, trace := filepath.Join(dir, "config.yaml"), filepath.Join(dir, "trace")
	yaml := "hostname: h\ninterval: 1s\ninputs: [" + strings.Join(predecessorsInputs(), ", ") + "]\noutputs: [stdout: {format: ts.add}]\n"
	if err := os.WriteFile(config, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(strace, "-f", "-qq", "-s", "4096", "-e", "trace=open,openat,stat,newfstatat,statx,statfs,readlink,readlinkat", "-o", trace,
		os.Args[0], "run", "--config", config)
	cmd.Env = append(os.Environ(), runAsProgram+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // strace and the agent
		_ = cmd.Wait()
	}()
	// Every cycle lists /proc once.
	var cycles []string
	redistest.Until(t, "the agent works for seven cycles", func(context.Context) error {
		text, err := os.ReadFile(trace)
		cycles = strings.Split(string(text), `"/proc", O_RDONLY`)
		if err == nil && len(cycles) < 8 {
			err = fmt.Errorf("%d cycles", len(cycles)-1)
		}
		return err
	})
	known := map[string]bool{"/proc": true}
	for _, path := range slices.Concat(openedAnew.Lists, openedAnew.Stats, openedAnew.Mounts, openedAnew.Missing) {
		known[path] = true
	}
	path := regexp.MustCompile(`\((?:[^"(]*, )?"([^"]*)"`)
	last := cycles[4:7] // now and then, something else is opened, such as a file of an interface that is new
	used := map[string]int{}
	for _, cycle := range last {
		seen := map[string]bool{}
		for _, m := range path.FindAllStringSubmatch(cycle, -1) {
			if strings.HasPrefix(m[1], "/") && !seen[m[1]] {
				seen[m[1]] = true
				used[m[1]]++
			}
		}
	}
	maps.DeleteFunc(used, func(_ string, n int) bool { return n < 2 })
	for path := range used {
		if !known[path] && !strings.HasPrefix(path, "/sys/fs/cgroup") {
			t.Errorf("the agent uses %s in a cycle, which openedAnew does not have", path)
		}
	}
	if len(used) == 0 {
		t.Errorf("strace saw nothing in %d cycles", len(last))
	}
}
