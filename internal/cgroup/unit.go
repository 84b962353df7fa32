package cgroup

import (
	"strconv"
	"strings"
)

// findUnit returns the innermost service or scope of a path. "user@1000.service/app.slice/app-foo.service" is in app-foo.service.
func findUnit(path string) (unit string) {
	segments(path, func(segment, _, _ string) bool {
		if !isUnit(segment) {
			return true
		}
		unit = unescapeGroup(segment)
		return false
	})
	return unit
}

func isUnit(segment string) bool {
	name, ok := strings.CutSuffix(segment, ".service")
	if !ok {
		name, ok = strings.CutSuffix(segment, ".scope")
	}
	return ok && name != "" && name != "_"
}

// unescapeGroup removes the underscore that systemd writes before the name of a unit that could be taken for a file of the kernel, as in
// "_cpu.service" (systemd.io/CGROUP_DELEGATION).
func unescapeGroup(segment string) string { return strings.TrimPrefix(segment, "_") }

// UnescapeUnit returns the name of a unit without systemd's escapes: "run-my\x2dapp.scope" is "run-my-app.scope" (systemd.unit(5)).
// An escape that is not complete, or stands for a byte that is not printable ASCII, stays.
func UnescapeUnit(name string) string {
	if !strings.Contains(name, `\x`) {
		return name
	}
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		if strings.HasPrefix(name[i:], `\x`) && i+4 <= len(name) {
			if v, err := strconv.ParseUint(name[i+2:i+4], 16, 8); err == nil && v >= ' ' && v < 0x7f {
				b.WriteByte(byte(v))
				i += 3
				continue
			}
		}
		b.WriteByte(name[i])
	}
	return b.String()
}
