package linuxdisk

import (
	"context"
	"strings"

	"github.com/rtcollector/rtcollector/internal/sysinfo"
)

// readSpace waits until the system answers. The request for each mount has its own goroutine, so this may take long.
func readSpace(host *sysinfo.Host, path string) (spaceUsage, error) {
	s, err := host.Space(context.Background(), path)
	return spaceUsage{total: s.Total, free: s.Free, available: s.Available, inodes: s.Inodes, inodesFree: s.InodesFree}, err
}

// convertMounts returns mounts of systems other than Linux. All are asked in their own goroutine: any of them may hang.
func convertMounts(all []sysinfo.Mount) []mount {
	var mounts []mount
	var data mount
	for _, m := range all {
		converted := mount{
			device: m.SharedSpace(), path: strings.TrimSuffix(m.Path, `\`), statfsPath: m.Path, fstype: m.FSType, source: m.Device,
			isRemote: true, readOnly: m.ReadOnly, listed: m,
		}
		if m.Path == sysinfo.DataVolume {
			data = converted
		}
		mounts = append(mounts, converted)
	}
	for i := range mounts {
		if m := &mounts[i]; m.path == "/" && m.device == data.device {
			m.statfsPath, m.readOnly = sysinfo.DataVolume, data.readOnly
		}
	}
	return mounts
}
