package proctable

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/scan"
)

// Users knows the names of the host's users, from /etc/passwd. It belongs to one goroutine.
type Users struct {
	file  *hostfs.File
	names map[uint32]string // nil: not read yet
}

// maxUsers bounds the names that are kept.
const maxUsers = 10_000

// NewUsers returns the users of a host.
func NewUsers(root hostfs.Root) *Users { return &Users{file: root.RootFile("etc", "passwd")} }

// Name returns the name of a user, or the number of one that is not in the file. Users of directory services are not.
func (u *Users) Name(uid uint32) string {
	if u.names == nil {
		u.names = map[uint32]string{}
		data, _ := u.file.ReadOptional() // without it, numbers are names
		u.parse(data)
	}
	if name, ok := u.names[uid]; ok {
		return name
	}
	name := strconv.FormatUint(uint64(uid), 10)
	if len(u.names) < maxUsers {
		u.names[uid] = name
	}
	return name
}

// parse reads lines "name:password:uid:…". The first name of a user counts.
func (u *Users) parse(data []byte) {
	for len(data) > 0 && len(u.names) < maxUsers {
		var line []byte
		line, data = scan.CutLine(data)
		name, rest, _ := bytes.Cut(line, []byte{':'})
		_, rest, _ = bytes.Cut(rest, []byte{':'})
		number, _, _ := bytes.Cut(rest, []byte{':'})
		uid, ok := scan.ParseUint(number)
		if !ok || len(name) == 0 || len(name) > 256 || uid > 1<<32-1 {
			continue
		}
		if _, known := u.names[uint32(uid)]; !known {
			u.names[uint32(uid)] = strings.ToValidUTF8(string(name), "\ufffd")
		}
	}
}
