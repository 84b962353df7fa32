package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	_ "modernc.org/sqlite" // the driver "sqlite" of database/sql
)

// busyTimeout is how long, in milliseconds, SQLite waits for another process. [Writer.begin] waits several times.
const busyTimeout = "250"

// file is one connection to an open file.
type file struct {
	db *sql.DB
	*sql.Conn
}

func (f *file) close() error {
	if f.Conn != nil {
		_ = f.Conn.Close() //nolint:staticcheck // not f.close
	}
	return f.db.Close()
}

// number returns the first value of the first row.
func (f *file) number(ctx context.Context, query string, args ...any) (n int64, err error) {
	err = f.QueryRowContext(ctx, query, args...).Scan(&n)
	return n, err
}

// connect opens a file. The options are those of SQLite's URIs.
func connect(ctx context.Context, path, options string) (*file, error) {
	db, err := sql.Open("sqlite", fileURI(path)+"?"+options)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	f := &file{db: db}
	if f.Conn, err = db.Conn(ctx); err != nil {
		_ = f.close()
		return nil, err
	}
	return f, nil
}

// fileURI returns a path as a URI (https://sqlite.org/uri.html). It is absolute, because some relative ones mean something else (":memory:").
func fileURI(path string) string {
	if absolute, err := filepath.Abs(path); err == nil {
		path = absolute
	}
	if path = filepath.ToSlash(path); !strings.HasPrefix(path, "/") {
		path = "/" + path // before the letter of a drive
	}
	return "file:" + strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path)
}

// openWritable opens a file for writing and makes it, with its tables, if it does not exist.
func openWritable(ctx context.Context, path string) (*file, error) {
	if err := ensureFile(path); err != nil {
		return nil, err
	}
	f, err := connect(ctx, path, "mode=rw&_pragma=busy_timeout("+busyTimeout+")")
	if err != nil {
		return nil, err
	}
	if err := f.prepareFile(ctx); err != nil {
		_ = f.close()
		return nil, err
	}
	return f, nil
}

// ensureFile makes an empty file that only this user can read, unless it exists. SQLite gives its other files the same permissions. It does not
// open an existing file: closing it would release the locks that this process has on it (https://sqlite.org/howtocorrupt.html, 2.2).
func ensureFile(path string) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return &fs.PathError{Op: "open", Path: path, Err: syscall.EISDIR}
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Close()
}

// prepareFile checks whose file it is before it changes anything.
func (f *file) prepareFile(ctx context.Context) error {
	empty, err := f.check(ctx)
	if err != nil {
		return err
	}
	if empty {
		if _, err := f.ExecContext(ctx, "PRAGMA auto_vacuum = INCREMENTAL"); err != nil { // only before the first table
			return err
		}
	}
	for _, pragma := range []string{"journal_mode = WAL", "synchronous = NORMAL", "journal_size_limit = 8388608", "foreign_keys = OFF", "trusted_schema = OFF"} {
		if _, err := f.ExecContext(ctx, "PRAGMA "+pragma); err != nil {
			return err
		}
	}
	return f.makeTables(ctx)
}

// makeTables makes the tables unless another process has done so.
func (f *file) makeTables(ctx context.Context) error {
	if _, err := f.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	empty, err := f.check(ctx)
	if err == nil && empty {
		_, err = f.ExecContext(ctx, fmt.Sprintf("%s PRAGMA application_id = %d; PRAGMA user_version = %d;", schema, applicationID, schemaVersion))
	}
	if err == nil {
		_, err = f.ExecContext(ctx, "COMMIT")
	}
	if err != nil {
		_, rollback := f.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
		return errors.Join(err, rollback)
	}
	return nil
}

var (
	errForeign = errors.New("is an SQLite database of another program: set another path")
	errNewer   = errors.New("was written by a newer rtcollector: update this one, or set another path")
	errNoFile  = errors.New("does not exist: check the path, or start an agent whose output sqlite writes this file")
	errEmpty   = errors.New("holds no events yet: an agent whose output sqlite writes this file makes its tables")
)

// check returns an error unless the file is ours. Empty means that it has no tables yet.
func (f *file) check(ctx context.Context) (empty bool, err error) {
	id, err := f.number(ctx, "PRAGMA application_id")
	if err != nil {
		return false, err
	}
	version, err := f.number(ctx, "PRAGMA user_version")
	if err != nil {
		return false, err
	}
	tables, err := f.number(ctx, "SELECT count(*) FROM sqlite_schema")
	switch {
	case err != nil:
		return false, err
	case tables == 0 && id == 0:
		return true, nil
	case id != applicationID:
		return false, errForeign
	case version > schemaVersion:
		return false, fmt.Errorf("%w (its tables have version %d, this program knows %d)", errNewer, version, schemaVersion)
	}
	return false, nil
}

// openReadable opens an existing file for reading.
func openReadable(ctx context.Context, path string) (*file, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, errNoFile
	} else if err != nil {
		return nil, err
	}
	const pragmas = "_pragma=busy_timeout(5000)&_pragma=query_only(1)&_pragma=temp_store(memory)&_pragma=trusted_schema(0)"
	f, empty, err := openAndCheck(ctx, path, "mode=ro&"+pragmas)
	if isCode(err, codeCantOpen) || isCode(err, codeReadOnly) {
		// SQLite cannot make the file with the locks here. Without a log nobody writes, so no locks are needed.
		if _, statErr := os.Stat(path + "-wal"); errors.Is(statErr, fs.ErrNotExist) {
			f, empty, err = openAndCheck(ctx, path, "mode=ro&immutable=1&"+pragmas)
		}
	}
	if err == nil && empty {
		_ = f.close()
		return nil, errEmpty
	}
	return f, err
}

func openAndCheck(ctx context.Context, path, options string) (f *file, empty bool, err error) {
	if f, err = connect(ctx, path, options); err != nil {
		return nil, false, err
	}
	if empty, err = f.check(ctx); err != nil {
		_ = f.close()
		return nil, false, err
	}
	return f, empty, nil
}
