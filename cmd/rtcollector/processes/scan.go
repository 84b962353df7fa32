// Package processes reads the processes of this host, or of a recorded one, for the commands that explain their classes.
//
//   - scan.go: [Scan] and [Read], from /proc to a [Process]. sum.go: [Summarize], what they are together.
//   - record.go: [Record] writes what is needed about all processes into a file. replay.go: [Open] reads such a file.
package processes

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rtcollector/rtcollector/internal/cgroup"
	"github.com/rtcollector/rtcollector/internal/cmdline"
	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/procclass"
	"github.com/rtcollector/rtcollector/internal/proctable"
	"github.com/rtcollector/rtcollector/internal/scan"
)

// Process is what is known about a process.
type Process struct {
	PID, Parent int
	State       byte              // a letter of /proc/PID/stat
	Subject     procclass.Subject // what the classification is about; its arguments may hold credentials
	UID         uint32
	RSS         int64         // bytes; 0: none, as of a thread of the kernel
	CPU         time.Duration // user and system since its start
	Failures    []Failure     // what could not be read, except the process itself
}

// Failure is a file of a process that could not be read.
type Failure struct {
	File   string
	Reason string // "permission denied"
}

// Name returns what the process is called for people: its comm, or its program if it has none.
func (p *Process) Name() string {
	switch {
	case p.Subject.Comm != "":
		return p.Subject.Comm
	case p.Subject.Exe != "":
		return filepath.Base(p.Subject.Exe)
	}
	return "(no name)"
}

// Cmdline returns the command line without credentials, at most max bytes of it.
func (p *Process) Cmdline(max int) string { return cmdline.Text(p.Subject.Argv, max) }

// tick is the unit of CPU times in /proc/PID/stat: USER_HZ is 100 on all machines (time(7)).
const tick = 10 * time.Millisecond

// maxFile is how much of a file of a process is read, in bytes. It is what [cmdline.Split] needs to find the end of a long command line.
const maxFile = 64<<10 + 1

// ErrGone says that there is no such process.
var ErrGone = errors.New("no such process")

// Scan reads all processes of a host, by PID. Those that end in the meantime are left out.
func Scan(ctx context.Context, root hostfs.Root) ([]Process, error) {
	pids, err := listPIDs(root)
	if err != nil {
		return nil, err
	}
	list := make([]Process, 0, len(pids))
	for _, pid := range pids {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		p, err := Read(root, pid)
		if errors.Is(err, ErrGone) {
			continue
		}
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}

// listPIDs returns the processes of a host, in rising order.
func listPIDs(root hostfs.Root) ([]int, error) {
	names, err := root.ProcDir().Names()
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	pids := make([]int, 0, len(names))
	for _, name := range names {
		if pid, err := strconv.Atoi(string(name)); err == nil && proctable.IsPID(name) {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids, nil
}

// Read reads one process. The error is [ErrGone] if it does not exist, or ends in the meantime.
func Read(root hostfs.Root, pid int) (Process, error) {
	r := reader{root: root, pid: pid}
	stat, err := r.read("stat")
	if err != nil {
		return Process{}, r.gone(err)
	}
	s, ok := proctable.ParseStat(stat)
	if !ok {
		return Process{}, fmt.Errorf("parse /proc/%d/stat: it does not look like the kernel's", pid)
	}
	p := Process{PID: pid, Parent: s.Parent, State: s.State, CPU: time.Duration(min(s.User+s.System, 1<<50)) * tick}
	p.Subject = procclass.Subject{Comm: string(s.Comm), Kernel: s.IsKernelThread()}
	if data := r.optional("status"); data != nil {
		p.UID, p.RSS = parseStatus(data)
	}
	p.Subject.Place = cgroup.Parse(r.optional("cgroup"))
	if !p.Subject.Kernel {
		p.Subject.Argv = cmdline.Split(r.optional("cmdline"))
		p.Subject.Exe = r.readExe()
	}
	p.Failures = r.failures
	return p, nil
}

// reader reads the files of one process.
type reader struct {
	root     hostfs.Root
	pid      int
	failures []Failure
}

func (r *reader) path(file string) string {
	return filepath.Join(r.root.Proc, strconv.Itoa(r.pid), file)
}

// gone returns ErrGone for an error that means that the process does not exist.
func (r *reader) gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return ErrGone
	}
	return fmt.Errorf("read process %d: %w", r.pid, err)
}

func (r *reader) read(file string) ([]byte, error) { return readHead(r.path(file), maxFile) }

// readHead returns the beginning of a file.
func readHead(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, most))
}

// optional returns the content of a file, or nil after a failure, which it keeps.
func (r *reader) optional(file string) []byte {
	data, err := r.read(file)
	if err != nil {
		r.fail(file, err)
		return nil
	}
	return data
}

// readExe returns the path of the program. A process that has ended, and is not waited for, has none.
func (r *reader) readExe() string {
	target, err := os.Readlink(r.path("exe"))
	if err != nil {
		r.fail("exe", err)
	}
	return target
}

// fail keeps a failure. A file that is missing is none: the process has ended, or the kernel or the recording does not have it.
func (r *reader) fail(file string, err error) {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return
	}
	r.failures = append(r.failures, Failure{file, reason(err)})
}

// reason returns the cause of an error without the path.
func reason(err error) string {
	if cause, ok := errors.AsType[syscall.Errno](err); ok {
		return cause.Error()
	}
	return err.Error()
}

// parseStatus returns the effective user and the resident memory in bytes from /proc/PID/status.
func parseStatus(data []byte) (uid uint32, rss int64) {
	for len(data) > 0 {
		var line []byte
		line, data = scan.CutLine(data)
		key, rest := scan.CutField(line)
		var numbers [2]uint64
		switch n := scan.ParseUints(rest, numbers[:]); {
		case string(key) == "Uid:" && n == 2:
			uid = uint32(numbers[1])
		case string(key) == "VmRSS:" && n > 0:
			rss = int64(min(numbers[0], 1<<50)) << 10
		}
	}
	return uid, rss
}

// ParsePID parses the number of a process as people write it.
func ParsePID(text string) (int, error) {
	pid, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || pid <= 0 || pid > maxPID || !proctable.IsPID(bytes.TrimSpace([]byte(text))) {
		return 0, fmt.Errorf("%q is not a PID, which is a number such as 1234", text)
	}
	return pid, nil
}

const maxPID = 1 << 22 // PID_MAX_LIMIT, include/linux/threads.h
