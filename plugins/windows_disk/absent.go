package windowsdisk

import (
	"slices"
	"strings"
	"syscall"

	"github.com/rtcollector/rtcollector/internal/metric"
	"github.com/rtcollector/rtcollector/internal/sysinfo"
)

// absences are the errors of drives that hold nothing at the moment, from winerror.h: they are no failure of the host.
func absences() []syscall.Errno {
	return []syscall.Errno{
		2,          // ERROR_FILE_NOT_FOUND: it went away
		3,          // ERROR_PATH_NOT_FOUND
		21,         // ERROR_NOT_READY: no medium
		1005,       // ERROR_UNRECOGNIZED_VOLUME: no file system
		1006,       // ERROR_FILE_INVALID: the medium was changed
		1110,       // ERROR_MEDIA_CHANGED
		1112,       // ERROR_NO_MEDIA_IN_DRIVE
		1785,       // ERROR_UNRECOGNIZED_MEDIA: not formatted
		0x80310000, // FVE_E_LOCKED_VOLUME: BitLocker
	}
}

// isAbsent reports whether an error means that the drive holds nothing, or that another machine does not answer.
func isAbsent(m sysinfo.Mount, err error) bool { return m.Remote || isOnlyAbsence(err) }

// isOnlyAbsence reports whether an error, or each part of a joined one, is in absences.
func isOnlyAbsence(err error) bool {
	switch e := err.(type) { //nolint:errorlint // it walks the tree
	case syscall.Errno:
		return slices.Contains(absences(), e)
	case interface{ Unwrap() []error }:
		return !slices.ContainsFunc(e.Unwrap(), func(part error) bool { return !isOnlyAbsence(part) })
	case interface{ Unwrap() error }:
		return isOnlyAbsence(e.Unwrap())
	}
	return false
}

const maxLabel = 200

// driveOf returns the labels of a drive.
func driveOf(m sysinfo.Mount) drive {
	return drive{cleanPath(m.Device), cleanPath(m.Path), metric.LabelValue(m.FSType, maxLabel)}
}

// cleanPath returns a path for a label, as in the Python rtcollector: "C" for `C:\`, `C\data` for `C:\data\`.
func cleanPath(path string) string {
	return metric.LabelValue(strings.TrimRight(strings.ReplaceAll(path, ":", ""), `\`), maxLabel)
}
