//go:build linux

package cli

import "golang.org/x/sys/unix"

// isInMemory reports whether a folder is on a file system that only exists in memory.
func isInMemory(folder string) bool {
	var stat unix.Statfs_t
	err := unix.Statfs(folder, &stat)
	kind := uint32(stat.Type) // of another size on each processor
	return err == nil && (kind == unix.TMPFS_MAGIC || kind == unix.RAMFS_MAGIC)
}
