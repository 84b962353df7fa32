package system

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/scan"
)

// users counts who is logged in: by utmp where there is one, else by systemd's sessions (distributions drop utmp,
// because its times end in 2038).
type users struct {
	utmp     *hostfs.File
	sessions string
	names    []userName // of one count, to tell who is there twice

	read       time.Time // modification of the sessions directory when it was counted
	n, nUnique int
}

type userName [nameSize]byte

func newUsers(root hostfs.Root) *users {
	return &users{
		utmp:     hostfs.NewFile(filepath.Join(root.Run, "utmp")),
		sessions: filepath.Join(root.Run, "systemd", "sessions"),
	}
}

// count returns the sessions of users and how many users they belong to; without any source both are 0.
func (u *users) count() (sessions, unique int, err error) {
	data, err := u.utmp.Read()
	switch {
	case err == nil:
		u.names = parseUtmp(u.names[:0], data, utmpSizes(runtime.GOARCH))
		sessions, unique = tally(u.names)
		return sessions, unique, nil
	case !errors.Is(err, fs.ErrNotExist):
		return 0, 0, err
	}
	return u.countSessions()
}

func tally(names []userName) (sessions, unique int) {
	for i, name := range names {
		first := true
		for _, before := range names[:i] {
			first = first && before != name
		}
		if first {
			unique++
		}
	}
	return len(names), unique
}

// settled is the age from which a directory's time of modification says that nothing was added since: the clock of
// file systems ticks coarsely.
const settled = time.Second

// countSessions reads systemd's session files when their directory has changed.
func (u *users) countSessions() (sessions, unique int, err error) {
	dir, err := os.Stat(u.sessions)
	if err != nil {
		return 0, 0, hostfs.UnlessMissing(err)
	}
	if dir.ModTime().Equal(u.read) {
		return u.n, u.nUnique, nil
	}
	entries, err := os.ReadDir(u.sessions)
	if err != nil {
		return 0, 0, hostfs.UnlessMissing(err)
	}
	u.names = u.names[:0]
	for _, e := range entries {
		// Beside each session stands a FIFO, "3.ref", which must not be opened: it would wait for a writer.
		if !e.Type().IsRegular() || strings.Contains(e.Name(), ".") {
			continue
		}
		data, err := os.ReadFile(filepath.Join(u.sessions, e.Name()))
		if name, ok := parseSession(data); err == nil && ok {
			u.names = append(u.names, name)
		}
	}
	u.n, u.nUnique = tally(u.names)
	u.read = time.Time{}
	if time.Since(dir.ModTime()) > settled {
		u.read = dir.ModTime()
	}
	return u.n, u.nUnique, nil
}

// parseSession reads a file of /run/systemd/sessions, lines KEY=value. Ok says whether it is a user's session, not a
// greeter's, a background job's, or one that is ending.
func parseSession(data []byte) (name userName, ok bool) {
	class, closing := false, false
	for len(data) > 0 {
		var line []byte
		line, data = scan.Line(data)
		key, value, _ := bytes.Cut(line, []byte{'='})
		switch string(key) {
		case "USER":
			copy(name[:], value)
		case "CLASS":
			class = string(value) == "user"
		case "STATE":
			closing = string(value) == "closing"
		}
	}
	return name, class && !closing && name[0] != 0
}

// Layout of a record of utmp, in bytes: utmp(5) and glibc's bits/utmp.h. The type is a short at the beginning, followed
// by two bytes of padding. Where ut_session and ut_tv are 32 bits wide, which is on x86 and most others, a record has 384
// bytes; where they are 64 bits wide (arm64, loong64), 400.
const (
	typeUser   = 7 // USER_PROCESS
	maxType    = 9 // ACCOUNTING
	nameOffset = 44
	nameSize   = 32
	recordOf32 = 384
	recordOf64 = 400
)

// utmpSizes returns the sizes that a record may have, the likelier one first: a container may read the file of a host
// whose C library differs.
func utmpSizes(goarch string) [2]int {
	if goarch == "arm64" || goarch == "loong64" {
		return [2]int{recordOf64, recordOf32}
	}
	return [2]int{recordOf32, recordOf64}
}

// parseUtmp appends the users of a utmp file's sessions to names: nothing when no size of records makes sense of it.
func parseUtmp(names []userName, data []byte, sizes [2]int) []userName {
	for _, size := range sizes {
		if !plausible(data, size) {
			continue
		}
		for ; len(data) > 0; data = data[size:] {
			if recordType(data) == typeUser && data[nameOffset] != 0 {
				names = append(names, userName(data[nameOffset:nameOffset+nameSize]))
			}
		}
		break
	}
	return names
}

// plausible says whether a file consists of records of this size.
func plausible(data []byte, size int) bool {
	if len(data)%size != 0 {
		return false
	}
	for ; len(data) > 0; data = data[size:] {
		if recordType(data) > maxType || data[2] != 0 || data[3] != 0 {
			return false
		}
	}
	return true
}

func recordType(record []byte) uint16 { return binary.NativeEndian.Uint16(record) }
