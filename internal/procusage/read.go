package procusage

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/rtcollector/rtcollector/internal/cgroup"
	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/scan"
)

// reader reads the files of processes.
type reader struct {
	proc     string
	up       *hostfs.File
	buf      []byte
	dir      *hostfs.Dir // of one process after the other
	countFDs bool        // this kernel does not tell the number of descriptors, so they are counted
}

// readSize is more than the kernel prints into any of the files, except for smaps.
const readSize = 16 << 10

func newReader(root hostfs.Root) reader {
	return reader{proc: root.Proc, up: root.ProcFile("uptime"), buf: make([]byte, readSize), dir: root.ProcDir()}
}

// uptime returns the clock ticks since the system started.
func (r *reader) uptime() (ticks uint64, err error) {
	data, err := r.up.Read()
	if err != nil {
		return 0, err
	}
	ticks, ok := uptimeTicks(data)
	if !ok {
		return 0, errors.New("parse " + r.up.Path() + ": no number")
	}
	return ticks, nil
}

func (r *reader) path(pid int, name string) string {
	return r.proc + "/" + strconv.Itoa(pid) + "/" + name
}

// read returns a file of a process. The bytes are valid until the next call.
func (r *reader) read(pid int, name string) ([]byte, error) {
	return hostfs.ReadHead(r.path(pid, name), r.buf)
}

// exists reports whether there is a process. It is true if that cannot be known.
func (r *reader) exists(pid int) bool {
	_, err := os.Stat(r.path(pid, "stat"))
	return !errors.Is(err, fs.ErrNotExist)
}

func (r *reader) place(pid int) (cgroup.Place, error) {
	data, err := r.read(pid, "cgroup")
	return cgroup.Parse(data), err
}

// CPUs returns how many CPUs a host has, at least 1.
func CPUs(root hostfs.Root) int {
	data, _ := root.ProcFile("stat").Read() // without it, 1
	n := 0
	for len(data) > 0 {
		var line []byte
		line, data = scan.CutLine(data)
		if len(line) > 3 && string(line[:3]) == "cpu" && line[3] >= '0' && line[3] <= '9' {
			n++
		}
	}
	return max(n, 1)
}

// program returns the path of the program of a process, or "" if it is unknown.
func (r *reader) program(pid int) string {
	path, err := os.Readlink(r.path(pid, "exe"))
	if err != nil {
		return ""
	}
	return strings.ToValidUTF8(path, "\ufffd")
}

// status is what /proc/PID/status says about a thread, and about the memory of its process.
type status struct {
	resident uint64 // bytes
	swap     uint64 // bytes
	switches [2]uint64
}

// maxValue is more than any of the numbers can be. Sums of some of them do not overflow.
const maxValue = 1 << 53

// parseStatus parses /proc/PID/status or /proc/PID/task/TID/status.
func parseStatus(file []byte) (s status) {
	for len(file) > 0 {
		var line []byte
		line, file = scan.CutLine(file)
		name, rest := scan.CutField(line)
		value, _ := scan.CutField(rest)
		n, ok := scan.ParseUint(value)
		switch {
		case !ok || n > maxValue:
		case string(name) == "VmRSS:":
			s.resident = n << 10
		case string(name) == "VmSwap:":
			s.swap = n << 10
		case string(name) == "voluntary_ctxt_switches:":
			s.switches[0] = n
		case string(name) == "nonvoluntary_ctxt_switches:":
			s.switches[1] = n
		}
	}
	return s
}

// parseIO parses /proc/PID/io (proc(5)). ok is false if a counter is missing.
func parseIO(file []byte) (c Counters, ok bool) {
	var found set
	for len(file) > 0 {
		var line []byte
		line, file = scan.CutLine(file)
		name, rest := scan.CutField(line)
		value, _ := scan.CutField(rest)
		n, isNumber := scan.ParseUint(value)
		var counter Counter
		switch string(name) {
		case "read_bytes:":
			counter = ReadBytes
		case "write_bytes:":
			counter = WriteBytes
		case "syscr:":
			counter = ReadCalls
		case "syscw:":
			counter = WriteCalls
		default:
			continue
		}
		if isNumber && n <= maxValue {
			c[counter], found = n, found|setOf(counter)
		}
	}
	return c, found == ioCounters
}

// descriptors returns how many descriptors a process has open. Since Linux 6.2 this is the size of the directory fd; before, it is always 0,
// and they are counted.
func (r *reader) descriptors(pid int) (n int, err error) {
	if !r.countFDs {
		info, err := os.Stat(r.path(pid, "fd"))
		if err != nil {
			return 0, err
		}
		if info.Size() > 0 {
			return int(info.Size()), nil
		}
	}
	r.dir.SetPath(r.path(pid, "fd"))
	names, err := r.dir.Names()
	if len(names) > 0 {
		r.countFDs = true
	}
	return len(names), err
}

// maxThreads is how many threads of a process are read.
const maxThreads = 4096

// threads calls each with the status of every thread of a process.
func (r *reader) threads(pid int, each func(tid int, s status)) error {
	r.dir.SetPath(r.path(pid, "task"))
	names, err := r.dir.Names()
	if err != nil {
		return err
	}
	for _, name := range names[:min(len(names), maxThreads)] {
		tid, ok := scan.ParseUint(name)
		if !ok {
			continue
		}
		data, err := hostfs.ReadHead(r.dir.Path()+"/"+string(name)+"/status", r.buf)
		if err == nil {
			each(int(tid), parseStatus(data))
		}
	}
	return nil
}

// memory reads what a process has in memory. A thread of the kernel and a zombie have none.
func (r *reader) memory(pid int) (m Memory, err error) {
	data, err := r.read(pid, "smaps_rollup")
	if errors.Is(err, fs.ErrNotExist) { // before Linux 4.14, or the process has ended
		err = hostfs.NewFile(r.path(pid, "smaps")).ReadLines(func(line []byte) { m.addLine(line) })
		return m, err
	}
	if errors.Is(err, syscall.ESRCH) {
		return Memory{}, nil
	}
	m, _ = parseMemory(data)
	return m, err
}

// hasEnded reports whether an error means that the process is gone.
func hasEnded(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) }
