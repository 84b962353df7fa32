package linuxdisk

import "syscall"

// statfs returns the usage of the file system at path. Counts are in units of f_frsize, as for statvfs(3), or of f_bsize if a file
// system leaves f_frsize 0.
func statfs(path string) (spaceUsage, error) {
	var st syscall.Statfs_t
	for {
		err := syscall.Statfs(path, &st)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return spaceUsage{}, err
		}
		break
	}
	unit := float64(st.Frsize)
	if unit == 0 {
		unit = float64(st.Bsize)
	}
	return spaceUsage{
		total:      float64(st.Blocks) * unit,
		free:       float64(st.Bfree) * unit,
		available:  float64(st.Bavail) * unit,
		inodes:     float64(st.Files),
		inodesFree: float64(st.Ffree),
	}, nil
}
