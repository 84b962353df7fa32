//go:build linux

package cli

import "golang.org/x/sys/unix"

// isInMemory reports whether a folder is on a file system that only exists in memory.
func isInMemory(folder string) bool {
	var stat unix.Statfs_t
	err := unix.Statfs(folder, &stat)
	return err == nil && (int64(stat.Type) == unix.TMPFS_MAGIC || int64(stat.Type) == unix.RAMFS_MAGIC)
}
