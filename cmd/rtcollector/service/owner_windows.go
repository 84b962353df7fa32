//go:build windows

package service

import (
	"io/fs"

	"golang.org/x/sys/windows"
)

// ownersOf is for systems whose files have a user and a group.
func ownersOf(fs.FileInfo) (uid, gid uint32, ok bool) { return 0, 0, false }

// findProfiles returns the folder of the users' profiles: SHGetKnownFolderPath.
func findProfiles() (string, error) { return windows.KnownFolderPath(windows.FOLDERID_UserProfiles, 0) }
