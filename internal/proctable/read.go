package proctable

import (
	"strconv"

	"github.com/rtcollector/rtcollector/internal/cmdline"
	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/scan"
)

// reader reads processes from /proc.
type reader struct {
	path string
	dir  *hostfs.Dir
	buf  []byte

	kernelThreads bool
	stat          Stat // of the process that is being listed
}

// found is a process in /proc.
type found struct {
	stat  Stat // without Comm, which is valid only while a file is visited
	comm  string
	uid   uint32
	argv  []string
	added bool
}

// maxArgs is how much of a command line is read, in bytes, as in the eBPF programs.
const maxArgs = 4096

func newReader(root hostfs.Root) reader { return reader{path: root.Proc, dir: root.ProcDir()} }

// list calls each with every process; the Stat is valid until it returns. Threads of the kernel are left out unless they are wanted.
func (r *reader) list(each func(*Stat)) error {
	return r.dir.ReadHeads("stat", IsPID, func(_, head []byte) {
		var ok bool
		if r.stat, ok = ParseStat(head); ok && (r.kernelThreads || !r.stat.IsKernelThread()) {
			each(&r.stat)
		}
	})
}

// read reads one process. ok is false if it is gone.
func (r *reader) read(pid int) (f found, ok bool) {
	s, ok := ParseStat(r.readFile(pid, "stat"))
	if !ok {
		return found{}, false
	}
	f = found{stat: s, comm: string(s.Comm)}
	return f, r.complete(&f)
}

// complete reads the user and the command line of a process. ok is false if it has ended in the meantime.
func (r *reader) complete(f *found) (ok bool) {
	f.stat.Comm = nil
	uid, ok := parseUID(r.readFile(f.stat.PID, "status"))
	if !ok {
		return false
	}
	f.uid = uid
	f.argv = cmdline.Split(r.readFile(f.stat.PID, "cmdline"))
	s, ok := ParseStat(r.readFile(f.stat.PID, "stat"))
	return ok && s.Start == f.stat.Start
}

// readFile returns the beginning of a file of a process, or nil. The bytes are valid until the next call.
func (r *reader) readFile(pid int, name string) []byte {
	if r.buf == nil {
		r.buf = make([]byte, maxArgs)
	}
	data, err := hostfs.ReadHead(r.path+"/"+strconv.Itoa(pid)+"/"+name, r.buf)
	if err != nil {
		return nil
	}
	return data
}

// parseUID returns the effective user from /proc/PID/status: the second number of the line Uid.
func parseUID(status []byte) (uid uint32, ok bool) {
	for len(status) > 0 {
		var line []byte
		line, status = scan.CutLine(status)
		name, rest := scan.CutField(line)
		if string(name) != "Uid:" {
			continue
		}
		var ids [2]uint64
		ok := scan.ParseUints(rest, ids[:]) == len(ids)
		return uint32(ids[1]), ok
	}
	return 0, false
}
