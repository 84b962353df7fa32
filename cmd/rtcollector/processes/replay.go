package processes

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/rtcollector/rtcollector/internal/hostfs"
)

// Limits of what a recording may unpack to.
const (
	maxRecording = 1 << 30 // bytes
	maxTarget    = 4096    // bytes of the path of a program
	maxPadding   = 1 << 20 // bytes after the last file
)

// Recording is a recording that was unpacked into a temporary directory.
type Recording struct {
	Root hostfs.Root // only /proc and /etc/passwd, and of these only the recorded files

	dir string
}

// Close removes the temporary directory.
func (r *Recording) Close() error { return os.RemoveAll(r.dir) }

// Open unpacks a recording that [Record] wrote. It accepts only the files that a recording has, within limits. Links to programs lead
// nowhere, or into this host: they must only be read, not followed.
func Open(file string) (_ *Recording, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("read the recording: %w", err)
	}
	defer f.Close()
	dir, err := os.MkdirTemp("", "rtcollector-processes-")
	if err != nil {
		return nil, fmt.Errorf("unpack the recording: %w", err)
	}
	r := &Recording{Root: hostfs.At(dir), dir: dir}
	if err := unpack(dir, f); err != nil {
		return nil, errors.Join(fmt.Errorf("read the recording %s: %w", file, err), r.Close())
	}
	return r, nil
}

// unpack writes the files of a recording below a directory.
func unpack(dir string, r io.Reader) error {
	zip, err := gzip.NewReader(r)
	if err != nil {
		return fmt.Errorf("it is not one that \"rtcollector processes snapshot\" wrote: %w", err)
	}
	u := unpacker{dir: dir, left: maxRecording, tar: tar.NewReader(io.LimitReader(zip, maxRecording+1)), processes: map[string]bool{}}
	for {
		h, err := u.tar.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if err := u.unpackFile(h); err != nil {
			return err
		}
	}
	if _, err := io.Copy(io.Discard, io.LimitReader(zip, maxPadding)); err != nil {
		return err // the file is cut, or its checksum is wrong
	}
	if len(u.processes) == 0 {
		return errors.New("it has no processes")
	}
	return nil
}

type unpacker struct {
	dir       string
	left      int64 // bytes that may still be written
	tar       *tar.Reader
	processes map[string]bool
}

// unpackFile writes one file, which must be a known one that is not there yet.
func (u *unpacker) unpackFile(h *tar.Header) error {
	process, isExe, err := checkName(h.Name)
	if err != nil {
		return err
	}
	if process != "" {
		u.processes[process] = true
	}
	if len(u.processes) > maxProcesses {
		return fmt.Errorf("it has more than %d processes", maxProcesses)
	}
	path := filepath.Join(u.dir, filepath.FromSlash(h.Name))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	switch {
	case isExe && h.Typeflag == tar.TypeSymlink:
		if len(h.Linkname) == 0 || len(h.Linkname) > maxTarget {
			return fmt.Errorf("%q has a wrong target", h.Name)
		}
		u.left -= int64(len(h.Linkname))
		return os.Symlink(h.Linkname, path)
	case !isExe && h.Typeflag == tar.TypeReg:
		return u.writeFile(h, path, process != "")
	}
	return fmt.Errorf("%q is not of the kind that it should be", h.Name)
}

func (u *unpacker) writeFile(h *tar.Header, path string, ofProcess bool) error {
	most := int64(maxHostFile)
	if ofProcess {
		most = maxProcessFile
	}
	if h.Size < 0 || h.Size > most {
		return fmt.Errorf("%q has %d bytes; %d are allowed", h.Name, h.Size, most)
	}
	if u.left -= h.Size; u.left < 0 {
		return fmt.Errorf("it has more than %d MiB", maxRecording>>20)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.CopyN(f, u.tar, h.Size)
	return errors.Join(err, f.Close())
}

// checkName returns the process that a file of a recording belongs to, or "", and whether it is the link to the program. A name that no
// recording has is an error.
func checkName(name string) (process string, isExe bool, err error) {
	if name == passwdFile {
		return "", false, nil
	}
	unknown := fmt.Errorf("%q is not a part of a recording", name)
	rest, ok := strings.CutPrefix(name, "proc/")
	if !ok {
		return "", false, unknown
	}
	process, file, ok := strings.Cut(rest, "/")
	if !ok {
		if !slices.Contains(hostFiles(), rest) {
			return "", false, unknown
		}
		return "", false, nil
	}
	if pid, err := strconv.Atoi(process); err != nil || pid <= 0 || pid > maxPID || strconv.Itoa(pid) != process || !slices.Contains(processFiles(), file) {
		return "", false, unknown
	}
	return process, file == exeFile, nil
}
