//go:build windows

package service

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/windows/registry"
)

// ownersOf is for systems whose files have a user and a group.
func ownersOf(fs.FileInfo) (uid, gid uint32, ok bool) { return 0, 0, false }

// findProfiles returns the folder of the users' profiles, from the registry. SHGetKnownFolderPath, which reads the same value, is in a
// library that Windows without a desktop (Nano Server) does not have.
func findProfiles() (string, error) {
	const where = `SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProfileList`
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, where, registry.QUERY_VALUE)
	if err == nil {
		defer func() { _ = key.Close() }()
		var folder string
		if folder, _, err = key.GetStringValue("ProfilesDirectory"); err == nil {
			return registry.ExpandString(folder)
		}
	}
	if errors.Is(err, registry.ErrNotExist) {
		return os.Getenv("SystemDrive") + `\Users`, nil
	}
	return "", err
}
