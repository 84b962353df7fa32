package disk

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

const (
	lockName = "lock"

	// A segment is a sixteenth of the limit, between these sizes: what is dropped at once when the limit is reached.
	minSegment = 64 << 10
	maxSegment = 8 << 20

	// The files may hold everything that the agent knows, also messages. Nobody else reads them.
	fileMode   = 0o600
	folderMode = 0o700
)

// Store is the folder in which an agent keeps the queues of its outputs. Nothing is touched before the first queue is opened.
type Store struct {
	Sync func(*os.File) error // makes a file durable; replaced by tests that need no durability, and by those of errors

	path        string
	segmentSize int64
	log         *slog.Logger
	openFile    func(path string) (readerFile, error) // for reading; replaced by tests of errors

	opening sync.Mutex // serializes opening and closing
	lock    *os.File   // nil: not open

	mu     sync.Mutex // guards what follows, and the segments of all queues
	limit  int64
	size   int64 // of all segments, also those that are set aside
	queues []*segments
	said   bool // the folders of unknown outputs are logged
}

// NewStore returns the store in the folder path. The segments of all queues together take at most about limit bytes.
func NewStore(path string, limit int64, log *slog.Logger) *Store {
	return &Store{
		path: path, limit: limit, segmentSize: min(max(limit/16, minSegment), maxSegment), log: log, Sync: (*os.File).Sync,
		openFile: func(path string) (readerFile, error) { return os.Open(path) },
	}
}

// readerFile is what reading needs of a file.
type readerFile interface {
	io.ReaderAt
	io.Closer
}

// Path returns the folder.
func (s *Store) Path() string { return s.path }

// open makes the folder and locks it. It does nothing if that is done.
func (s *Store) open() error {
	s.opening.Lock()
	defer s.opening.Unlock()
	if s.lock != nil {
		return nil
	}
	if err := os.MkdirAll(s.path, folderMode); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(s.path, lockName), os.O_CREATE|os.O_RDWR, fileMode)
	if err != nil {
		return err
	}
	if err := lockFile(f); err != nil {
		_ = f.Close()
		if errors.Is(err, errLocked) {
			return fmt.Errorf("another agent uses %s: give each agent a folder of its own (buffer.disk.path)", s.path)
		}
		return fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	s.lock = f
	s.reportUnknown()
	return nil
}

// Close releases the folder. All queues must be closed. It does nothing while the folder is being opened: a file system that hangs there
// would hang here, too.
func (s *Store) Close() {
	if !s.opening.TryLock() {
		return
	}
	defer s.opening.Unlock()
	if s.lock != nil {
		_ = s.lock.Close() // the lock ends with it
		s.lock = nil
	}
}

// reportUnknown logs what is in the folder for outputs that are not configured. It stays there.
func (s *Store) reportUnknown() {
	s.mu.Lock()
	known := map[string]bool{}
	for _, q := range s.queues {
		known[filepath.Base(filepath.Dir(q.folder))] = true
	}
	isSaid := s.said
	s.said = true
	s.mu.Unlock()
	entries, err := os.ReadDir(s.path)
	if err != nil || isSaid {
		return
	}
	for _, e := range entries {
		if !e.IsDir() || known[e.Name()] {
			continue
		}
		if size := folderSize(filepath.Join(s.path, e.Name())); size > 0 {
			s.log.Warn("the buffer on disk holds data for an output that is not configured: configure the output again to write it, or delete the folder",
				"folder", filepath.Join(s.path, e.Name()), "bytes", size)
		}
	}
}

// folderSize returns the size of the segments in the folders of an output.
func folderSize(output string) (size int64) {
	for _, k := range []Kind{Samples, Events} {
		entries, _ := os.ReadDir(filepath.Join(output, string(k)))
		for _, e := range entries {
			if info, err := e.Info(); err == nil && isSegmentName(e.Name()) {
				size += info.Size()
			}
		}
	}
	return size
}

// enforceLimit removes the oldest segments of all queues until the rest is within the limit, those that are set aside first. It leaves
// those that are being read or written. The caller holds mu.
func (s *Store) enforceLimit() {
	for s.size > s.limit {
		if !s.removeAside() && !s.dropOldest() {
			return
		}
	}
}

func (s *Store) removeAside() bool {
	for _, q := range s.queues {
		if len(q.aside) > 0 {
			q.removeAside(q.aside[0])
			return true
		}
	}
	return false
}

func (s *Store) dropOldest() bool {
	var queue *segments
	var oldest *segment
	for _, q := range s.queues {
		i := slices.IndexFunc(q.all, func(seg *segment) bool { return !seg.isRead && seg != q.active })
		if i >= 0 && (oldest == nil || q.all[i].createdMs < oldest.createdMs) {
			queue, oldest = q, q.all[i]
		}
	}
	if oldest == nil {
		return false
	}
	queue.drop(oldest)
	return true
}

// folderName returns an output's ID as the name of a folder on every system. IDs are "name" or "name#alias"; an alias can be any text.
func folderName(id string) string {
	var b strings.Builder
	for _, c := range []byte(id) {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '_', c == '-', c == '#':
			b.WriteByte(c)
		default: // upper case, too: some file systems do not distinguish it
			fmt.Fprintf(&b, "%%%02x", c)
		}
	}
	name := b.String()
	if len(name) > 150 {
		name = fmt.Sprintf("%s~%08x", name[:120], checksum([]byte(id)))
	}
	return name
}
