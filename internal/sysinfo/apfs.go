package sysinfo

import (
	"regexp"
	"strings"
)

// DataVolume is where macOS mounts the volume with all files that can change. "/" is a snapshot of the system in the same container.
const DataVolume = "/System/Volumes/Data"

// apfsVolume is a volume of a container, or a snapshot of a volume: "/dev/disk3s5", "/dev/disk3s1s1".
var apfsVolume = regexp.MustCompile(`^/dev/(disk[0-9]+)s[0-9]+(s[0-9]+)?$`)

// SharedSpace names the space that a mount uses. All volumes of an APFS container share the container's.
func (m Mount) SharedSpace() string {
	if parts := apfsVolume.FindStringSubmatch(m.Device); parts != nil && m.FSType == "apfs" {
		return parts[1]
	}
	return m.Device
}

// IsSystemVolume reports whether macOS keeps its own files there: swap, boot files, updates.
func (m Mount) IsSystemVolume() bool {
	return m.Path == "/private/var/vm" || strings.HasPrefix(m.Path, "/System/Volumes/") && m.Path != DataVolume
}

// IsBetterThan reports whether a mount rather than another one represents the space that they share: the larger one, because a volume with a
// quota is a part of its container; the one for the user; the one with the shorter path.
func (m Mount) IsBetterThan(other Mount) bool {
	switch {
	case m.Size != other.Size:
		return m.Size > other.Size
	case m.IsSystemVolume() != other.IsSystemVolume():
		return other.IsSystemVolume()
	}
	return len(m.Path) < len(other.Path)
}
