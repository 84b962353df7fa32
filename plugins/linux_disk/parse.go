package linuxdisk

import (
	"slices"
	"strings"

	"github.com/rtcollector/rtcollector/internal/sysinfo"
)

// mount is one line of mountinfo, or a mount of another system.
type mount struct {
	device        string // "254:0"; the same for all mounts of one file system, and for all volumes that share space
	path          string
	statfsPath    string // where this process finds it
	fstype        string
	source        string // "/dev/vda1", "nas:/export"
	isRemote      bool   // a server or another process answers, and may hang
	readOnly      bool
	mountReadOnly bool // at this mount point only

	listed sysinfo.Mount // as other systems list it; on Linux only the path
	faults *faultCounter // of ext4; nil elsewhere
}

// isFUSE reports whether a process of this host provides the file system.
func (m mount) isFUSE() bool { return m.fstype == "fuse" || strings.HasPrefix(m.fstype, "fuse.") }

// parseMountinfo parses /proc/<pid>/mountinfo: proc(5). It skips incomplete lines. It allocates, because it runs only when the
// mounts have changed.
func parseMountinfo(data []byte) []mount {
	var mounts []mount
	for line := range strings.Lines(string(data)) {
		// 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
		before, after, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " - ")
		mountFields, sourceFields := strings.Split(before, " "), strings.Split(after, " ")
		if !ok || len(mountFields) < 6 || len(sourceFields) < 2 || !strings.HasPrefix(mountFields[4], "/") {
			continue
		}
		m := mount{device: mountFields[2], path: unescapePath(mountFields[4]), fstype: sourceFields[0], source: unescapePath(sourceFields[1])}
		m.isRemote, m.listed.Path = isRemote(m.fstype), m.path
		m.readOnly, m.mountReadOnly = len(sourceFields) > 2 && hasReadOnly(sourceFields[2]), hasReadOnly(mountFields[5])
		mounts = append(mounts, m)
	}
	if !isSandboxed(mounts) {
		for i := range mounts {
			mounts[i].readOnly = mounts[i].readOnly || mounts[i].mountReadOnly
		}
	}
	return mounts
}

// isSandboxed reports whether all mounts are read-only for this process alone. systemd does this for a service with DynamicUser or
// ProtectSystem=strict. The options of the mount points then do not apply to the host.
func isSandboxed(mounts []mount) bool {
	return slices.ContainsFunc(mounts, func(m mount) bool { return m.path == "/" && m.mountReadOnly && !m.readOnly })
}

// hasReadOnly reports whether options forbid writing. The options of a mount apply at its mount point only. The options of a file
// system change when the kernel finds it damaged (errors=remount-ro).
func hasReadOnly(options string) bool { return slices.Contains(strings.Split(options, ","), "ro") }

// unescapePath decodes the octal escapes, such as \040 for a blank, that the kernel writes for blanks, tabs, newlines and backslashes.
func unescapePath(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if c, ok := parseOctalEscape(s[i:]); ok {
			b.WriteByte(c)
			i += 3
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func parseOctalEscape(s string) (c byte, ok bool) {
	if len(s) < 4 || s[0] != '\\' || s[1] > '3' {
		return 0, false
	}
	for _, d := range []byte(s[1:4]) {
		if d < '0' || d > '7' {
			return 0, false
		}
		c = c<<3 | (d - '0')
	}
	return c, true
}

// isRemote reports whether statfs(2) of a file system waits for a server or a process, which may be dead or hung.
func isRemote(fstype string) bool {
	switch fstype {
	case "afpfs", "fusefs", "macfuse", "osxfuse", "webdav": // macOS, FreeBSD
		return true
	case "nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "beegfs", "ceph", "coda", "fuse", "fuseblk", "glusterfs", "gpfs", "lustre",
		"ncpfs", "ocfs2", "orangefs", "pvfs2", "vboxsf", "virtiofs", "vmhgfs":
		return true
	}
	return strings.HasPrefix(fstype, "fuse.")
}

// isPseudo reports whether a file system has no storage.
func isPseudo(fstype string) bool {
	switch fstype {
	case "fdescfs", "linprocfs", "linsysfs", "mqueuefs", "nullfs", "procfs": // FreeBSD
		return true
	case "autofs", "binder", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devfs", "devpts", "devtmpfs", "efivarfs",
		"functionfs", "fuse.gvfsd-fuse", "fuse.lxcfs", "fuse.portal", "fusectl", "hugetlbfs", "mqueue", "nfsd", "nsfs", "proc", "pstore", "ramfs",
		"resctrl", "rootfs", "rpc_pipefs", "securityfs", "selinuxfs", "smackfs", "sysfs", "tmpfs", "tracefs", "usbfs":
		return true
	}
	return false
}

// isAlwaysFull reports whether a file system is an image of a system or a program, or an optical disc. These are read-only and use
// 100 % of their space, which is no reason for an alarm.
func isAlwaysFull(fstype string) bool {
	switch fstype {
	case "cd9660", "CDFS", "UDF": // macOS and FreeBSD, Windows
		return true
	case "cramfs", "erofs", "fuse.snapfuse", "fuse.squashfuse", "fuse.squashfuse_ll", "iso9660", "romfs", "snapfuse", "squashfs", "squashfuse", "udf":
		return true
	}
	return false
}
