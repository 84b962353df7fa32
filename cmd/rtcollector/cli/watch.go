//go:build !core

package cli

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	quietTime   = 200 * time.Millisecond // without events until a file counts as written
	missingTime = 2 * time.Second        // a file that is away for a shorter time is being replaced
	blindPause  = 5 * time.Second        // between two looks at a file whose folder cannot be watched
)

// fileWatch watches the content of one file. It watches folders: editors write another file and rename it, and the volumes of Kubernetes
// replace a link above the file. Events only say when to look: what counts is the content.
type fileWatch struct {
	path    string
	log     *slog.Logger
	changed func() // is called after each change of the content, and once if the file is missing for a while

	watcher *fsnotify.Watcher
	folders []string // that are watched
	seen    [sha256.Size]byte
	missing time.Time // since when the file is missing; zero: it is there
	said    bool      // that it is missing
}

// watchFile watches a file until ctx is done. Seen is the hash of the content that is known already.
func watchFile(ctx context.Context, path string, seen [sha256.Size]byte, log *slog.Logger, changed func()) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch %s: %w", path, err)
	}
	defer func() { _ = watcher.Close() }()
	w := &fileWatch{path: path, log: log, changed: changed, watcher: watcher, seen: seen}
	timer := time.NewTimer(0) // the file may have changed since it was read
	defer timer.Stop()
	var begun time.Time // of the events that are waited out; zero: there are none
	event := func() {
		if begun.IsZero() {
			begun = time.Now()
		}
		if time.Since(begun) < missingTime { // in a busy folder, events never end
			timer.Reset(quietTime)
		}
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-watcher.Events:
			event()
		case err := <-watcher.Errors:
			log.Debug("watching the configuration", "error", err)
			event()
		case <-timer.C:
			begun = time.Time{}
			if next := w.look(); next > 0 {
				timer.Reset(next)
			}
		}
	}
}

// look compares the content with the last one, and returns when to look again without an event; 0: not at all.
func (w *fileWatch) look() time.Duration {
	isBlind := w.watchFolders()
	content, err := os.ReadFile(w.path)
	switch {
	case err != nil && w.missing.IsZero():
		w.missing = time.Now()
	case err != nil && !w.said && time.Since(w.missing) >= missingTime:
		w.said = true
		w.seen = [sha256.Size]byte{}
		w.changed()
	case err == nil:
		w.missing, w.said = time.Time{}, false
		if hash := sha256.Sum256(content); hash != w.seen {
			w.seen = hash
			w.changed()
		}
	}
	switch {
	case err != nil && !w.said:
		return missingTime
	case err != nil || isBlind:
		return blindPause
	}
	return 0
}

// watchFolders watches the folder of the file, and those of every link on the way to it. It reports whether a folder cannot be watched.
func (w *fileWatch) watchFolders() (isBlind bool) {
	wanted := append(foldersOf(w.path), w.path) // the file too: it may be mounted into a container by itself
	for _, folder := range w.folders {
		if !slices.Contains(wanted, folder) {
			_ = w.watcher.Remove(folder)
		}
	}
	w.folders = nil
	for _, folder := range wanted {
		if err := w.watcher.Add(folder); err != nil { // adding a folder again changes nothing, unless it was made anew
			isBlind = true
			if !errors.Is(err, fs.ErrNotExist) {
				w.log.Debug("a folder of the configuration cannot be watched: looking from time to time", "folder", folder, "error", err)
			}
			continue
		}
		w.folders = append(w.folders, folder)
	}
	return isBlind
}

// maxLinks is how many links lead to a file at most: path_resolution(7).
const maxLinks = 40

// foldersOf returns the folder of a file, and those of the files that it links to. A link among the folders themselves is followed too.
func foldersOf(path string) (folders []string) {
	add := func(folder string) {
		if !slices.Contains(folders, folder) {
			folders = append(folders, folder)
		}
	}
	for range maxLinks {
		add(filepath.Dir(path))
		for dir := filepath.Dir(path); dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
			if st, err := os.Lstat(dir); err == nil && st.Mode()&fs.ModeSymlink != 0 {
				add(filepath.Dir(dir))
			}
		}
		target, err := os.Readlink(path)
		if err != nil {
			break
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(path), target)
		}
		path = target
	}
	return folders
}
