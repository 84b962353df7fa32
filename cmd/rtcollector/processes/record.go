package processes

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rtcollector/rtcollector/internal/cmdline"
	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/proctable"
	"github.com/rtcollector/rtcollector/internal/scan"
)

// Recorded files. Those of a process are below proc/PID. The file exe is a link, whose target is recorded.
func processFiles() []string {
	return []string{"stat", "status", "statm", "io", "smaps_rollup", "cmdline", "cgroup", "comm", exeFile}
}

func hostFiles() []string { return []string{"stat", "uptime", "meminfo"} }

const (
	exeFile    = "exe"
	passwdFile = "etc/passwd"
)

// Limits of a recording.
const (
	maxProcessFile = 128 << 10
	maxHostFile    = 4 << 20
	maxProcesses   = 100_000
	maxUsers       = 10_000
)

// Recorded says what a recording has.
type Recorded struct {
	Processes int
	Failures  []FailureSum // files that could not be read, and of how many processes
}

// Record writes the files of all processes that the classes and the numbers are made of to w, as tar.gz that [Open] reads. Command lines are
// redacted, and of users only names and numbers are written. Files that this process may not read are left out.
func Record(ctx context.Context, root hostfs.Root, w io.Writer) (Recorded, error) {
	zip := gzip.NewWriter(w)
	r := recorder{root: root, tar: tar.NewWriter(zip), now: time.Now(), failures: map[Failure]int{}}
	if err := r.recordAll(ctx); err != nil {
		return Recorded{}, err
	}
	if err := errors.Join(r.tar.Close(), zip.Close()); err != nil {
		return Recorded{}, fmt.Errorf("write the recording: %w", err)
	}
	done := Recorded{Processes: r.processes}
	for f, n := range r.failures {
		done.Failures = append(done.Failures, FailureSum{f, n})
	}
	sortFailures(done.Failures)
	return done, nil
}

type recorder struct {
	root      hostfs.Root
	tar       *tar.Writer
	now       time.Time
	processes int
	failures  map[Failure]int
}

func (r *recorder) recordAll(ctx context.Context) error {
	pids, err := listPIDs(r.root)
	if err != nil {
		return err
	}
	for _, name := range hostFiles() {
		data, err := readHead(filepath.Join(r.root.Proc, name), maxHostFile)
		if err != nil {
			r.failures[Failure{name, reason(err)}]++
			continue
		}
		if err := r.write(path.Join("proc", name), data); err != nil {
			return err
		}
	}
	users, err := readHead(filepath.Join(r.root.Root, filepath.FromSlash(passwdFile)), maxHostFile)
	if err == nil {
		err = r.write(passwdFile, reduceUsers(users))
	} else {
		r.failures[Failure{passwdFile, reason(err)}]++
		err = nil
	}
	if err != nil {
		return err
	}
	for _, pid := range pids[:min(len(pids), maxProcesses)] {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := r.recordProcess(pid); err != nil {
			return err
		}
	}
	return nil
}

// recordProcess writes the files of a process. One that has ended before its stat was read is left out.
func (r *recorder) recordProcess(pid int) error {
	dir := strconv.Itoa(pid)
	isKernel := false
	for i, name := range processFiles() {
		if name == exeFile && isKernel {
			continue // has none, which only root is told
		}
		data, err := r.readProcessFile(dir, name)
		switch {
		case i == 0 && err == nil:
			r.processes++
			s, ok := proctable.ParseStat(data)
			isKernel = ok && s.IsKernelThread()
		case errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH):
			if i == 0 {
				return nil
			}
			continue // the process has ended, or is a thread of the kernel
		case err != nil:
			r.failures[Failure{name, reason(err)}]++
			continue
		}
		if err := r.writeProcessFile(path.Join("proc", dir, name), name, data); err != nil {
			return err
		}
	}
	return nil
}

func (r *recorder) readProcessFile(dir, name string) ([]byte, error) {
	file := filepath.Join(r.root.Proc, dir, name)
	if name == exeFile {
		target, err := os.Readlink(file)
		return []byte(target), err
	}
	data, err := readHead(file, maxProcessFile)
	if name == "cmdline" && err == nil {
		data = redactArguments(data)
	}
	return data, err
}

// redactArguments returns /proc/PID/cmdline without credentials.
func redactArguments(data []byte) []byte {
	argv := cmdline.Redact(cmdline.Split(data))
	if len(argv) == 0 {
		return nil
	}
	return []byte(strings.Join(argv, "\x00") + "\x00")
}

func (r *recorder) writeProcessFile(full, name string, data []byte) error {
	if name == exeFile {
		if len(data) == 0 || bytes.IndexByte(data, 0) >= 0 {
			return nil
		}
		return r.writeHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: full, Linkname: string(data), Mode: 0o600})
	}
	return r.write(full, data)
}

func (r *recorder) write(name string, data []byte) error {
	if err := r.writeHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(data)), Mode: 0o600}); err != nil {
		return err
	}
	if _, err := r.tar.Write(data); err != nil {
		return fmt.Errorf("write the recording: %w", err)
	}
	return nil
}

func (r *recorder) writeHeader(h *tar.Header) error {
	h.ModTime, h.Format = r.now, tar.FormatPAX
	if err := r.tar.WriteHeader(h); err != nil {
		return fmt.Errorf("write the recording: %w", err)
	}
	return nil
}

// reduceUsers returns the names and numbers of /etc/passwd, in its format.
func reduceUsers(data []byte) (reduced []byte) {
	for n := 0; len(data) > 0 && n < maxUsers; n++ {
		var line []byte
		line, data = scan.CutLine(data)
		fields := bytes.SplitN(line, []byte{':'}, 4)
		if len(fields) < 4 {
			continue
		}
		reduced = append(append(append(append(reduced, fields[0]...), ":x:"...), fields[2]...), ":::::\n"...)
	}
	return reduced
}
