// Package capability knows the capabilities of Linux, into which the rights of root are divided: which this process has, and how to give up
// those that it does not need. Source: capabilities(7), include/uapi/linux/capability.h.
package capability

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rtcollector/rtcollector/internal/scan"
)

// names are the capabilities by their numbers.
var names = []string{
	"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID", "CAP_SETUID",
	"CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK",
	"CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT",
	"CAP_SYS_NICE", "CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL",
	"CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON",
	"CAP_BPF", "CAP_CHECKPOINT_RESTORE",
}

// Set is a set of capabilities: a bit for each.
type Set uint64

// Of returns the set of the named capabilities. Unknown names are left out.
func Of(capabilities ...string) (s Set) {
	for _, name := range capabilities {
		if i := slices.Index(names, name); i >= 0 {
			s |= 1 << i
		}
	}
	return s
}

// IsKnown reports whether there is a capability of this name.
func IsKnown(name string) bool { return slices.Contains(names, name) }

// Has reports whether a capability is in the set. CAP_SYS_ADMIN comprises those that were split from it in Linux 5.8.
func (s Set) Has(name string) bool {
	wasSplit := name == "CAP_BPF" || name == "CAP_PERFMON"
	return s&Of(name) != 0 || wasSplit && s&Of("CAP_SYS_ADMIN") != 0
}

// Lacks returns which of some capabilities, separated by spaces, are not there.
func (s Set) Lacks(wanted string) (lacking []string) {
	for _, name := range strings.Fields(wanted) {
		if !s.Has(name) {
			lacking = append(lacking, name)
		}
	}
	return lacking
}

// Names returns the names of the capabilities, by their numbers. Those that are newer than this list have none.
func (s Set) Names() (all []string) {
	for i, name := range names {
		if s>>i&1 == 1 {
			all = append(all, name)
		}
	}
	return all
}

// Parse finds the line CapEff in /proc/PID/status (proc(5)): 16 hexadecimal digits. ok is false if there is none.
func Parse(status []byte) (s Set, ok bool) {
	for len(status) > 0 {
		var line []byte
		line, status = scan.CutLine(status)
		name, rest := scan.CutField(line)
		if string(name) == "CapEff:" {
			_, err := fmt.Sscanf(string(rest), "%x", &s)
			return s, err == nil
		}
	}
	return 0, false
}
