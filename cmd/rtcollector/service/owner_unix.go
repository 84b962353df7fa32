//go:build unix

package service

import (
	"errors"
	"io/fs"
	"syscall"
)

// ownersOf returns the user and the group that own a file.
func ownersOf(info fs.FileInfo) (uid, gid uint32, ok bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, false
	}
	return st.Uid, st.Gid, true
}

// findProfiles is for Windows.
func findProfiles() (string, error) { return "", errors.ErrUnsupported }
