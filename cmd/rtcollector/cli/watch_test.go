package cli

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/servicetest"
)

// watched is a file that a test watches.
type watched struct {
	t       *testing.T
	dir     string
	changes chan struct{}
}

// watch watches the file config.yaml of a folder, which prepare may make.
func watch(t *testing.T, prepare func(dir string)) *watched {
	t.Helper()
	w := &watched{t: t, dir: t.TempDir(), changes: make(chan struct{}, 100)}
	prepare(w.dir)
	path := filepath.Join(w.dir, "config.yaml")
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- watchFile(ctx, path, sha256.Sum256(content), slog.New(slog.DiscardHandler), func() { w.changes <- struct{}{} })
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *watched) waitForChange(what string) {
	w.t.Helper()
	select {
	case <-w.changes:
	case <-time.After(30 * time.Second):
		w.t.Fatalf("%s: not noticed", what)
	}
}

func (w *watched) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *watched) write(name, text string) {
	w.t.Helper()
	w.must(os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600))
}

func TestWatchFile(t *testing.T) {
	w := watch(t, func(dir string) {
		if err := os.WriteFile(filepath.Join(dir, "config.yaml"), []byte("0"), 0o600); err != nil {
			t.Fatal(err)
		}
	})
	w.write("config.yaml", "1")
	w.waitForChange("written in place")
	for i := range 3 { // as editors do
		w.write("config.yaml.tmp", fmt.Sprint("renamed ", i))
		w.must(os.Rename(filepath.Join(w.dir, "config.yaml.tmp"), filepath.Join(w.dir, "config.yaml")))
		w.waitForChange("renamed")
	}
	w.must(os.Rename(filepath.Join(w.dir, "config.yaml"), filepath.Join(w.dir, "config.yaml~")))
	w.write("config.yaml", "after a backup")
	w.waitForChange("moved away and written again")
	w.must(os.Remove(filepath.Join(w.dir, "config.yaml")))
	w.waitForChange("removed")
	w.write("config.yaml", "back")
	w.waitForChange("back again")
	w.write("other", "x")
	w.write("config.yaml", "back") // the same content
	w.write("last", "x")
	w.write("config.yaml", "last")
	w.waitForChange("the last one")
	if n := len(w.changes); n > 0 {
		t.Errorf("%d more changes", n)
	}
}

// TestWatchLinks: the file is a link to a link, as in volumes of Kubernetes, where only the link of the folder changes.
func TestWatchLinks(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("links need rights there")
	}
	version := func(dir string, n int) {
		folder := fmt.Sprintf("..v%d", n)
		for _, err := range []error{
			os.Mkdir(filepath.Join(dir, folder), 0o700),
			os.WriteFile(filepath.Join(dir, folder, "config.yaml"), fmt.Append(nil, n), 0o600),
			os.Symlink(folder, filepath.Join(dir, "..data_tmp")),
			os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	w := watch(t, func(dir string) {
		version(dir, 0)
		if err := os.Symlink("..data/config.yaml", filepath.Join(dir, "config.yaml")); err != nil {
			t.Fatal(err)
		}
	})
	for n := 1; n < 4; n++ {
		version(w.dir, n)
		w.must(os.RemoveAll(filepath.Join(w.dir, fmt.Sprintf("..v%d", n-1))))
		w.waitForChange("the next version")
	}
}

// TestWatchInBusyFolder: other files of the folder are written all the time. A change is noticed, and nothing else is.
func TestWatchInBusyFolder(t *testing.T) {
	w := watch(t, func(dir string) {
		if err := os.WriteFile(filepath.Join(dir, "config.yaml"), []byte("0"), 0o600); err != nil {
			t.Fatal(err)
		}
	})
	var written atomic.Int64
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
			}
			n := written.Add(1)
			if err := os.WriteFile(filepath.Join(w.dir, fmt.Sprint("log", n%10)), []byte("x"), 0o600); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	t.Cleanup(func() {
		close(stop)
		<-stopped
	})
	for i := range 3 {
		before := written.Load()
		servicetest.Until(t, "the folder is busy", func(context.Context) error {
			if n := written.Load() - before; n < 500 {
				return fmt.Errorf("%d files are written", n)
			}
			return nil
		})
		if n := len(w.changes); n > 0 {
			t.Errorf("%d changes although only other files are written", n)
		}
		w.write("config.yaml", fmt.Sprint("change ", i))
		w.waitForChange("a change in a busy folder")
	}
	if n := len(w.changes); n > 0 {
		t.Errorf("%d more changes", n)
	}
}

func TestWatchesLeaveNothing(t *testing.T) {
	servicetest.CheckNoLeaks(t, 20, func(int) {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			done <- watchFile(ctx, filepath.Join(t.TempDir(), "no", "such", "file"), [32]byte{}, slog.New(slog.DiscardHandler), func() {})
		}()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
