package sockets

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strconv"
	"syscall"

	"github.com/rtcollector/rtcollector/internal/hostfs"
)

// maxFailures is how many lists in a row sock_diag may fail before it is no longer tried.
const maxFailures = 3

// Lister lists the sockets of one network namespace. It belongs to one goroutine.
type Lister struct {
	diag     *diagClient // nil: unavailable
	failures int         // of sock_diag, in a row
	files    *fileLister // nil: none
	log      *slog.Logger
}

// NewDiag returns a lister of this process' network namespace that uses sock_diag only.
func NewDiag() *Lister { return &Lister{diag: &diagClient{open: openDiag}} }

// InNamespace returns a lister of another network namespace, such as that of /proc/PID/ns/net, with sock_diag. It needs
// CAP_SYS_ADMIN in that namespace and its own (setns(2)), and no path once the lister exists.
func InNamespace(path string) (*Lister, error) {
	l := &Lister{diag: &diagClient{open: func() (diagConnection, error) { return openDiagIn(path) }}}
	if err := l.diag.connect(); err != nil {
		return nil, &os.PathError{Op: "list the sockets of", Path: path, Err: err}
	}
	return l, nil
}

// NewFiles returns a lister of the network namespace of a process that reads the files below /proc/PID/net. That needs no
// rights, but shows no bytes.
func NewFiles(root hostfs.Root, pid int) *Lister {
	return &Lister{files: newFileLister(func(name string) *hostfs.File { return root.ProcFile(strconv.Itoa(pid), "net", name) })}
}

// NewHost returns a lister of the host's network namespace. It uses sock_diag if possible, because the kernel takes twice as
// long to print sockets as text. Otherwise it reads files, and says so once in the debug log.
func NewHost(root hostfs.Root, log *slog.Logger) *Lister {
	l := &Lister{files: newFileLister(func(name string) *hostfs.File { return root.HostFile("net", name) }), log: log}
	if isOwnNetwork(root) {
		l.diag = &diagClient{open: openDiag}
	}
	return l
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

// UsesDiag reports whether the lister uses sock_diag, which shows bytes and cookies.
func (l *Lister) UsesDiag() bool { return l.diag != nil }

// List calls each with every wanted socket. The socket is valid until each returns. The error is [ErrHidden] if the kernel
// shows no sockets at all.
func (l *Lister) List(ctx context.Context, want Want, each func(*Socket)) error {
	if want.States == 0 {
		want.States = AllStates
	}
	if want.Begin == nil {
		want.Begin = func() {}
	}
	if l.diag != nil {
		err := l.diag.list(ctx, want, each)
		if err == nil || ctx.Err() != nil || l.files == nil {
			l.failures = 0
			return err
		}
		l.handleDiagFailure(err)
	}
	want.Begin()
	return l.files.list(ctx, want, each)
}

// handleDiagFailure gives up sock_diag if it is unavailable or failed too often.
func (l *Lister) handleDiagFailure(err error) {
	if l.failures++; l.failures < maxFailures && !IsUnavailable(err) {
		return
	}
	l.log.Debug("sock_diag is unavailable, listing sockets in /proc/net from now on", "error", err)
	_ = l.diag.Close()
	l.diag = nil
}

// IsUnavailable reports whether an error means that sock_diag is unavailable: the kernel has no inet_diag, or a sandbox
// forbids it.
func IsUnavailable(err error) bool {
	for _, missing := range []error{
		errors.ErrUnsupported, syscall.EPERM, syscall.EACCES, syscall.ENOENT, syscall.EINVAL, syscall.EPROTONOSUPPORT, syscall.EAFNOSUPPORT,
	} {
		if errors.Is(err, missing) {
			return true
		}
	}
	return false
}

// Close implements io.Closer.
func (l *Lister) Close() error {
	if l.diag == nil {
		return nil
	}
	return l.diag.Close()
}
