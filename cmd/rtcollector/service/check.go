package service

import (
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// IsTemporary reports whether a program is in a place that is emptied from time to time, as that of "go run" is.
func IsTemporary(binary string) bool {
	for _, dir := range []string{os.TempDir(), "/tmp", "/var/tmp", "/dev/shm"} {
		if rel, err := filepath.Rel(dir, binary); err == nil && filepath.IsLocal(rel) {
			return true
		}
	}
	return strings.Contains(filepath.ToSlash(binary), "/go-build")
}

// CheckReadable returns an error if the user of the service, which has no special rights, cannot reach a file or lacks the wanted
// permissions on it, which are those for others: 4 to read, 5 to read and execute. Name is the user; "" or an unknown one is nobody.
//
// On Windows, where files have no such permissions, it returns an error for files in the profiles of users.
func CheckReadable(path string, wanted fs.FileMode, name string) error {
	if runtime.GOOS == "windows" {
		profiles, err := findProfiles()
		if err != nil {
			return fmt.Errorf("find the folder of the users' profiles: %w", err)
		}
		return checkOutsideProfiles(path, profiles)
	}
	var uid, gid uint32
	hasIDs := false
	if u, err := user.Lookup(name); err == nil {
		n, err1 := strconv.ParseUint(u.Uid, 10, 32)
		g, err2 := strconv.ParseUint(u.Gid, 10, 32)
		uid, gid, hasIDs = uint32(n), uint32(g), err1 == nil && err2 == nil
	}
	lacks := func(at string, wanted fs.FileMode) (bool, error) {
		info, err := os.Stat(at)
		if err != nil {
			return false, err
		}
		owner, group, isKnown := ownersOf(info)
		switch {
		case hasIDs && isKnown && owner == uid:
			wanted <<= 6
		case hasIDs && isKnown && group == gid:
			wanted <<= 3
		}
		return info.Mode().Perm()&wanted != wanted, nil
	}
	const search = 0o001
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		if isLacking, err := lacks(dir, search); err != nil {
			return err
		} else if isLacking {
			return fmt.Errorf("%s: the service runs as a user without rights, which cannot enter %s; put the file elsewhere, such as /usr/local/bin or /etc/rtcollector",
				path, dir)
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	isLacking, err := lacks(path, wanted)
	if err != nil {
		return err
	}
	if isLacking {
		return fmt.Errorf("%s: the service runs as a user without rights, which cannot read it; "+
			"keep passwords in a secret store (docs/operating.md) and run: sudo chmod o+r %s", path, path)
	}
	return nil
}

// checkOutsideProfiles returns an error for a file in the profile of a user, which only that user and administrators may read. Profiles is
// the folder of all profiles, such as C:\Users.
func checkOutsideProfiles(path, profiles string) error {
	folder := func(p string) string {
		return strings.TrimSuffix(strings.ToLower(strings.ReplaceAll(p, "/", `\`)), `\`) + `\`
	}
	if strings.HasPrefix(folder(path), folder(profiles)) && !strings.HasPrefix(folder(path), folder(profiles)+`public\`) {
		return fmt.Errorf(`%s: the service runs as LocalService, which cannot read what belongs to a user; `+
			`put the program into C:\Program Files\rtcollector and the configuration into C:\ProgramData\rtcollector`, path)
	}
	return nil
}
