package netstat

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"syscall"

	"github.com/rtcollector/rtcollector/internal/hostfs"
)

// maxFailures is how many gathers in a row sock_diag may fail before it is no longer tried.
const maxFailures = 3

// socketCounter counts the TCP sockets of the host. It uses sock_diag if possible, because the kernel takes twice as
// long to print sockets as text. Otherwise it reads /proc/net/tcp and tcp6.
type socketCounter struct {
	diag     *diagClient // nil: unavailable
	failures int         // in a row
	files    []*hostfs.File
	log      *slog.Logger
}

func newSocketCounter(root hostfs.Root, log *slog.Logger) *socketCounter {
	s := &socketCounter{files: []*hostfs.File{root.HostFile("net", "tcp"), root.HostFile("net", "tcp6")}, log: log}
	if isOwnNetwork(root) {
		s.diag = &diagClient{open: openDiag}
	}
	return s
}

// isOwnNetwork reports whether this process is in the host's network namespace. sock_diag lists only the sockets of this
// process' namespace.
func isOwnNetwork(root hostfs.Root) bool {
	host, own := root.HostFile("ns", "net").Path(), hostfs.SelfFile("ns", "net").Path()
	if host == own { // also true on kernels without namespaces, which lack the file
		return true
	}
	hostNet, err := os.Readlink(host)
	if err != nil {
		return false
	}
	ownNet, err := os.Readlink(own)
	return err == nil && hostNet == ownNet
}

// countSockets returns the number of sockets in each state. found is false if the kernel or the container shows no
// sockets at all.
func (s *socketCounter) countSockets(ctx context.Context) (counts stateCounts, found bool, err error) {
	if s.diag != nil {
		counts, err := s.diag.countSockets(ctx)
		if err == nil || ctx.Err() != nil {
			s.failures = 0
			return counts, err == nil, err
		}
		s.handleDiagFailure(err)
	}
	var errs []error
	for _, f := range s.files {
		switch known, err := addFile(f, &counts); {
		case err == nil:
			found = found || known
		case !errors.Is(err, fs.ErrNotExist):
			errs = append(errs, err)
		}
	}
	return counts, found && len(errs) == 0, errors.Join(errs...)
}

// handleDiagFailure gives up sock_diag if it is unavailable or failed too often.
func (s *socketCounter) handleDiagFailure(err error) {
	if s.failures++; s.failures < maxFailures && !isUnavailable(err) {
		return
	}
	s.log.Debug("sock_diag is unavailable, counting sockets in /proc/net/tcp from now on", "error", err)
	_ = s.diag.Close()
	s.diag = nil
}

// isUnavailable reports whether an error means that sock_diag is unavailable: the kernel has no inet_diag, or a sandbox
// forbids it.
func isUnavailable(err error) bool {
	for _, missing := range []error{
		errors.ErrUnsupported, syscall.EPERM, syscall.EACCES, syscall.ENOENT, syscall.EINVAL, syscall.EPROTONOSUPPORT, syscall.EAFNOSUPPORT,
	} {
		if errors.Is(err, missing) {
			return true
		}
	}
	return false
}

// addFile adds the sockets in a file like /proc/net/tcp. known is false for an empty file, as in a container that
// masks it.
func addFile(f *hostfs.File, counts *stateCounts) (known bool, err error) {
	empty := true
	err = f.ReadLines(func(line []byte) {
		empty = false
		if state, ok := parseSocket(line); ok {
			counts.addSocket(state)
			known = true
		} else if isHeader(line) {
			known = true
		}
	})
	if err == nil && !known && !empty {
		err = fmt.Errorf("parse %s: not a list of sockets", f.Path())
	}
	return known, err
}

// Close implements io.Closer.
func (s *socketCounter) Close() error {
	if s.diag == nil {
		return nil
	}
	return s.diag.Close()
}
