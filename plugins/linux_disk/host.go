package linuxdisk

import (
	"context"
	"regexp"
	"strings"

	"github.com/rtcollector/rtcollector/internal/sysinfo"
)

// readSpace waits until the system answers. The request for each mount has its own goroutine, so this may take long.
func readSpace(host *sysinfo.Host, path string) (spaceUsage, error) {
	s, err := host.Space(context.Background(), path)
	return spaceUsage{total: s.Total, free: s.Free, available: s.Available, inodes: s.Inodes, inodesFree: s.InodesFree}, err
}

// dataVolume is where macOS mounts the volume with all files that can change. "/" is a snapshot of the system in the same container.
const dataVolume = "/System/Volumes/Data"

// convertMounts returns mounts of systems other than Linux. All are asked in their own goroutine: any of them may hang.
func convertMounts(all []sysinfo.Mount) []mount {
	var mounts []mount
	var data mount
	for _, m := range all {
		converted := mount{
			device: sharedSpace(m), path: strings.TrimSuffix(m.Path, `\`), statfsPath: m.Path, fstype: m.FSType, source: m.Device,
			isRemote: true, readOnly: m.ReadOnly, size: m.Size, isSystemVolume: isSystemVolume(m.Path),
		}
		if m.Path == dataVolume {
			data = converted
		}
		mounts = append(mounts, converted)
	}
	for i := range mounts {
		if m := &mounts[i]; m.path == "/" && m.device == data.device {
			m.statfsPath, m.readOnly = dataVolume, data.readOnly
		}
	}
	return mounts
}

// apfsVolume is a volume of a container, or a snapshot of a volume: "/dev/disk3s5", "/dev/disk3s1s1".
var apfsVolume = regexp.MustCompile(`^/dev/(disk[0-9]+)s[0-9]+(s[0-9]+)?$`)

// sharedSpace names the space that a mount uses. All volumes of an APFS container share the container's.
func sharedSpace(m sysinfo.Mount) string {
	if parts := apfsVolume.FindStringSubmatch(m.Device); parts != nil && m.FSType == "apfs" {
		return parts[1]
	}
	return m.Device
}

// isSystemVolume reports whether macOS keeps its own files there: swap, boot files, updates.
func isSystemVolume(path string) bool {
	return path == "/private/var/vm" || strings.HasPrefix(path, "/System/Volumes/") && path != dataVolume
}
