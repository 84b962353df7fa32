// Package sqlite stores events in a file: events about connections in compact tables with hourly totals, all others as documents.
//
// The output:
//
//   - plugin.go: settings, [Writer], open and close.
//   - file.go: opens a file and checks whose it is. schema.go: the tables. explain.go: errors for people.
//   - write.go: one write. connection.go: the rows of an event about a connection. dictionary.go: the IDs of what repeats in them.
//     totals.go: the hourly totals.
//   - prune.go: removes what is too old, or too much.
//   - inspect.go: what "check --connect" reports.
//
// The reader, which "rtcollector logs", "report", "export" and "status" use:
//
//   - read.go: [Reader], all events. connections.go: events about connections and their totals.
package sqlite

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"log/slog"
	"os"
	"time"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/outputs"
)

//go:embed README.md
var readme string

// Plugin is the definition of the output "sqlite".
var Plugin = outputs.Define("sqlite", "stores events in a file, with totals of connections", Defaults, New).Doc(readme)

// Config holds the settings of the output.
type Config struct {
	Path       string        `yaml:"path" conf:"public"`
	KeepEvents conf.Duration `yaml:"keep_events"` // counted from the time of the event; 0: for ever
	KeepTotals conf.Duration `yaml:"keep_totals"` // 0: for ever
	MaxSize    conf.Size     `yaml:"max_size"`    // 0: no limit
}

const (
	day     = 24 * time.Hour
	minSize = 1 << 20
)

// Defaults returns settings for a device with little memory and storage.
func Defaults() Config {
	return Config{Path: "/var/lib/rtcollector/events.db", KeepEvents: conf.Duration(7 * day), KeepTotals: conf.Duration(400 * day), MaxSize: 256 << 20}
}

// StateFiles implements catalog.Stateful.
func (c *Config) StateFiles() []string { return []string{c.Path} }

// Validate implements conf.Validator.
func (c *Config) Validate() error {
	var errs []error
	if c.Path == "" {
		errs = append(errs, conf.Key("path", "must not be empty: it is the file to write to"))
	}
	if c.KeepEvents != 0 && c.KeepEvents.D() < time.Hour {
		errs = append(errs, conf.Key("keep_events", "must be at least 1h, or 0 to keep events for ever"))
	}
	if c.KeepTotals != 0 && (c.KeepTotals.D() < day || c.KeepEvents == 0 || c.KeepTotals < c.KeepEvents) {
		errs = append(errs, conf.Key("keep_totals", "must be at least 1d and at least keep_events, or 0 to keep totals for ever"))
	}
	if c.MaxSize != 0 && c.MaxSize < minSize {
		errs = append(errs, conf.Key("max_size", "must be at least 1MiB, or 0 to set no limit"))
	}
	return errors.Join(errs...)
}

// Writer writes events to a file.
type Writer struct {
	config   Config
	instance string
	log      *slog.Logger
	patience time.Duration // how long a write waits for other processes

	session    *session // nil: to be opened by the next write
	opened     bool     // Open has succeeded
	warnedSize bool     // logged that events are removed because of max_size
	lastSweep  time.Time
}

// session is an open file with what is derived from its content.
type session struct {
	*file
	info       os.FileInfo // identifies the file
	statements statements
	prepared   []*sql.Stmt // all of them
	dictionary dictionary
	writer     int64         // the ID of instance
	instance   string        // of the run that the event is from which was written last; "": none
	groups     map[int64]int // number of totals by their hour
}

// close closes the statements first. Otherwise SQLite keeps the file open, and its write-ahead log stays.
func (s *session) close() error {
	for _, statement := range s.prepared {
		_ = statement.Close()
	}
	return s.file.close()
}

// New builds the output. It does not open the file.
func New(env outputs.Env, config Config) (*Writer, error) {
	if env.Instance == "" {
		return nil, errors.New("build sqlite: no instance for the IDs of events")
	}
	w := &Writer{config: config, instance: env.Instance, log: env.Log, patience: lockPatience}
	if w.log == nil {
		w.log = slog.New(slog.DiscardHandler)
	}
	return w, nil
}

// Open opens or makes the file.
func (w *Writer) Open(ctx context.Context) error {
	if err := w.openSession(ctx); err != nil {
		return explain(w.config.Path, err)
	}
	w.opened = true
	return nil
}

func (w *Writer) openSession(ctx context.Context) error {
	f, err := openWritable(ctx, w.config.Path)
	if err != nil {
		return err
	}
	s := &session{file: f}
	if s.info, err = os.Stat(w.config.Path); err == nil {
		err = s.prepareStatements(ctx)
	}
	if err != nil {
		_ = s.close()
		return err
	}
	w.session = s
	return nil
}

// Close implements [outputs.Output].
func (w *Writer) Close() error {
	w.opened = false
	return w.closeSession()
}

func (w *Writer) closeSession() error {
	if w.session == nil {
		return nil
	}
	s := w.session
	w.session = nil
	return explain(w.config.Path, s.close())
}
