package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"

	"modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"

	"github.com/rtcollector/rtcollector/internal/terminal"
)

// Codes of errors (https://sqlite.org/rescode.html).
const (
	codeBusy     = codes.SQLITE_BUSY
	codeLocked   = codes.SQLITE_LOCKED
	codeReadOnly = codes.SQLITE_READONLY
	codeIO       = codes.SQLITE_IOERR
	codeCorrupt  = codes.SQLITE_CORRUPT
	codeFull     = codes.SQLITE_FULL
	codeCantOpen = codes.SQLITE_CANTOPEN
	codeNotADB   = codes.SQLITE_NOTADB
)

// isCode reports whether SQLite failed with a primary code.
func isCode(err error, code int) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && e.Code()&0xff == code
}

// explain returns an error that names the file and says what to do. It returns nil for nil.
func explain(path string, err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if at, ok := errors.AsType[*fs.PathError](err); ok {
		err = at.Err
	}
	path = terminal.Line(path)
	folder := filepath.Dir(path)
	advice := ""
	switch {
	case errors.Is(err, fs.ErrNotExist):
		advice = "create the folder " + folder
	case errors.Is(err, syscall.EISDIR):
		advice = "name a file, not a folder"
	case errors.Is(err, fs.ErrPermission):
		advice = "give this user the right to use the file and to write to the folder " + folder
	case isCode(err, codeBusy), isCode(err, codeLocked):
		advice = "another process has locked the file; end it, or wait"
	case isCode(err, codeFull):
		advice = "the disk is full, or the file may not grow: free some space, or set max_size"
	case isCode(err, codeReadOnly), isCode(err, codeCantOpen), errors.Is(err, syscall.EROFS):
		advice = "check the permissions of the file and of the folder " + folder + ", and whether the file system is mounted read-only"
	case isCode(err, codeCorrupt), isCode(err, codeNotADB):
		advice = fmt.Sprintf("the file is damaged or no database: move it away, and a new one is made; \"sqlite3 %s .recover\" shows what can be saved", path)
	case isCode(err, codeIO):
		advice = "check the disk, and that the file system supports locks"
	default:
		return fmt.Errorf("%s %w", path, err)
	}
	return fmt.Errorf("%s: %w (%s)", path, err, advice)
}
