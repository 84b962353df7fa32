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

// userCounter counts logged-in users: with utmp if it exists, otherwise with systemd's sessions. Distributions drop
// utmp, because its times end in 2038.
type userCounter struct {
	utmp        *hostfs.File
	sessionsDir string
	names       []userName // of one count, to find duplicates

	countedAt                 time.Time // modification time of the sessions directory when it was counted; 0: count again
	sessionCount, uniqueCount int
}

type userName [nameSize]byte

func newUserCounter(root hostfs.Root) *userCounter {
	return &userCounter{
		utmp:        hostfs.NewFile(filepath.Join(root.Run, "utmp")),
		sessionsDir: filepath.Join(root.Run, "systemd", "sessions"),
	}
}

// countUsers returns the sessions of users and the number of distinct users. Both are 0 without any source.
func (u *userCounter) countUsers() (sessions, unique int, err error) {
	data, err := u.utmp.Read()
	switch {
	case err == nil:
		u.names = parseUtmp(u.names[:0], data, utmpSizes(runtime.GOARCH))
		sessions, unique = countUnique(u.names)
		return sessions, unique, nil
	case !errors.Is(err, fs.ErrNotExist):
		return 0, 0, err
	}
	return u.countSessions()
}

// countUnique returns the number of names and the number of distinct names.
func countUnique(names []userName) (sessions, unique int) {
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

// settleTime is the age at which a directory's modification time proves that nothing was added since. The clock of file
// systems has a coarse resolution.
const settleTime = time.Second

// countSessions reads systemd's session files if their directory has changed.
func (u *userCounter) countSessions() (sessions, unique int, err error) {
	dir, err := os.Stat(u.sessionsDir)
	if err != nil {
		return 0, 0, hostfs.IgnoreMissing(err)
	}
	if dir.ModTime().Equal(u.countedAt) {
		return u.sessionCount, u.uniqueCount, nil
	}
	entries, err := os.ReadDir(u.sessionsDir)
	if err != nil {
		return 0, 0, hostfs.IgnoreMissing(err)
	}
	u.names = u.names[:0]
	for _, e := range entries {
		// Each session also has a FIFO, such as "3.ref". It must not be opened: that would wait for a writer.
		if !e.Type().IsRegular() || strings.Contains(e.Name(), ".") {
			continue
		}
		data, err := os.ReadFile(filepath.Join(u.sessionsDir, e.Name()))
		if name, ok := parseSession(data); err == nil && ok {
			u.names = append(u.names, name)
		}
	}
	u.sessionCount, u.uniqueCount = countUnique(u.names)
	u.countedAt = time.Time{}
	if time.Since(dir.ModTime()) > settleTime {
		u.countedAt = dir.ModTime()
	}
	return u.sessionCount, u.uniqueCount, nil
}

// parseSession parses a file of /run/systemd/sessions, lines KEY=value. ok is false for the sessions of greeters and
// background jobs, and for sessions that are closing.
func parseSession(data []byte) (name userName, ok bool) {
	isUserClass, closing := false, false
	for len(data) > 0 {
		var line []byte
		line, data = scan.CutLine(data)
		key, value, _ := bytes.Cut(line, []byte{'='})
		switch string(key) {
		case "USER":
			copy(name[:], value)
		case "CLASS":
			isUserClass = string(value) == "user"
		case "STATE":
			closing = string(value) == "closing"
		}
	}
	return name, isUserClass && !closing && name[0] != 0
}

// Layout of a utmp record, in bytes (utmp(5) and glibc's bits/utmp.h). The type is a short at the start, followed by two
// bytes of padding. If ut_session and ut_tv are 32 bits wide, as on x86 and most others, a record has 384 bytes. If they
// are 64 bits wide (arm64, loong64), it has 400.
const (
	typeUser     = 7 // USER_PROCESS
	maxType      = 9 // ACCOUNTING
	nameOffset   = 44
	nameSize     = 32
	recordSize32 = 384
	recordSize64 = 400
)

// utmpSizes returns the possible sizes of a record, the likelier one first. A container may read the file of a host with
// a different C library.
func utmpSizes(goarch string) [2]int {
	if goarch == "arm64" || goarch == "loong64" {
		return [2]int{recordSize64, recordSize32}
	}
	return [2]int{recordSize32, recordSize64}
}

// parseUtmp appends the users of the sessions in a utmp file to names. It appends nothing if no size fits the file.
func parseUtmp(names []userName, data []byte, sizes [2]int) []userName {
	for _, size := range sizes {
		if !hasRecordSize(data, size) {
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

// hasRecordSize reports whether a file consists of records of this size.
func hasRecordSize(data []byte, size int) bool {
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
