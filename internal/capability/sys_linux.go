package capability

import (
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// AreInherited reports whether a program that this process starts has at most its capabilities. For root, execve(2) computes them anew
// from the bounding set, unless the process has no_new_privs.
func AreInherited() bool {
	noNewPrivileges, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
	return os.Geteuid() != 0 || err != nil || noNewPrivileges == 1
}

// Drop takes all capabilities from this process except those to keep, and returns those that it gave up. They cannot be taken back. The
// bounding set stays as it is; see [AreInherited]. Programs that were built with cgo cannot change all their threads, and get ENOTSUP.
func Drop(keep Set) (dropped Set, err error) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData // the lower and the upper 32 bits
	if err := unix.Capget(&header, &data[0]); err != nil {
		return 0, err
	}
	dropped = join(data[0].Permitted, data[1].Permitted) &^ keep
	if dropped == 0 {
		return 0, nil
	}
	for i := range data {
		part := uint32(keep >> (32 * i))
		data[i].Effective &= part
		data[i].Permitted &= part
		data[i].Inheritable &= part
	}
	_, _, errno := syscall.AllThreadsSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&data[0])), 0) //nolint:gosec // unsafe.Pointer, rule 4: in the call
	if errno != 0 {
		return 0, errno
	}
	return dropped, nil
}

func join(low, high uint32) Set { return Set(high)<<32 | Set(low) }
