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

// maxFailures is how many gathers in a row sock_diag may fail before it is not tried any more.
const maxFailures = 3

// sockets counts the TCP sockets of the host: with sock_diag where that can be had, because the kernel takes twice as
// long to print sockets as text, else in /proc/net/tcp and tcp6.
type sockets struct {
	diag     *diag // nil: it cannot be used
	failures int   // in a row
	files    []*hostfs.File
	log      *slog.Logger
}

func newSockets(root hostfs.Root, log *slog.Logger) *sockets {
	s := &sockets{files: []*hostfs.File{root.HostFile("net", "tcp"), root.HostFile("net", "tcp6")}, log: log}
	if ownNetwork(root) {
		s.diag = &diag{open: openDiag}
	}
	return s
}

// ownNetwork says whether the host's network namespace is the one that this process is in: sock_diag knows no other.
func ownNetwork(root hostfs.Root) bool {
	host, own := root.HostFile("ns", "net").Path(), hostfs.SelfFile("ns", "net").Path()
	if host == own { // also on kernels without namespaces, which have no such file
		return true
	}
	hostNet, err := os.Readlink(host)
	if err != nil {
		return false
	}
	ownNet, err := os.Readlink(own)
	return err == nil && hostNet == ownNet
}

// count returns the number of sockets in each state; found is false where the kernel or the container shows none of them.
func (s *sockets) count(ctx context.Context) (counts states, found bool, err error) {
	if s.diag != nil {
		counts, err := s.diag.count(ctx)
		if err == nil || ctx.Err() != nil {
			s.failures = 0
			return counts, err == nil, err
		}
		s.failed(err)
	}
	var errs []error
	for _, f := range s.files {
		switch known, err := countFile(f, &counts); {
		case err == nil:
			found = found || known
		case !errors.Is(err, fs.ErrNotExist):
			errs = append(errs, err)
		}
	}
	return counts, found && len(errs) == 0, errors.Join(errs...)
}

// failed decides whether sock_diag is tried again.
func (s *sockets) failed(err error) {
	if s.failures++; s.failures < maxFailures && !isMissing(err) {
		return
	}
	s.log.Debug("sockets are counted in /proc/net/tcp from now on", "error", err)
	_ = s.diag.Close()
	s.diag = nil
}

// isMissing says whether an error means that sock_diag is not to be had: the kernel has no inet_diag, or a sandbox does
// not let us.
func isMissing(err error) bool {
	for _, missing := range []error{
		errors.ErrUnsupported, syscall.EPERM, syscall.EACCES, syscall.ENOENT, syscall.EINVAL, syscall.EPROTONOSUPPORT, syscall.EAFNOSUPPORT,
	} {
		if errors.Is(err, missing) {
			return true
		}
	}
	return false
}

// countFile adds the sockets in a file like /proc/net/tcp. An empty one, as in a container that hides it, is not known.
func countFile(f *hostfs.File, counts *states) (known bool, err error) {
	empty := true
	err = f.Lines(func(line []byte) {
		empty = false
		if state, ok := parseSocket(line); ok {
			counts.add(state)
			known = true
		} else if isHeading(line) {
			known = true
		}
	})
	if err == nil && !known && !empty {
		err = fmt.Errorf("parse %s: no list of sockets", f.Path())
	}
	return known, err
}

// Close implements io.Closer.
func (s *sockets) Close() error {
	if s.diag == nil {
		return nil
	}
	return s.diag.Close()
}
