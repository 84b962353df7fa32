package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/rtcollector/rtcollector/agent/config"
	"github.com/rtcollector/rtcollector/internal/terminal"
)

// checkDisk warns if the buffer on disk will not work, or will not outlast a restart of the machine. It leaves nothing behind.
func (a *App) checkDisk(cfg *config.Config) {
	if cfg.Disk == nil {
		return
	}
	warn := func(format string, args ...any) {
		fmt.Fprintf(a.Stdout, "warning: buffer.disk.path: %s\n", terminal.Line(fmt.Sprintf(format, args...)))
	}
	folder, err := existingFolder(cfg.Disk.Path)
	if err == nil {
		err = tryToWrite(folder)
	}
	if err != nil {
		warn("cannot be written, so data would wait in memory only: %v; give it to the user that the agent runs as", err)
	}
	if folder != "" && isInMemory(folder) {
		warn("%s is a file system in memory, which a restart of the machine empties; choose a folder on a disk", folder)
	}
}

// existingFolder returns the folder, or the closest one above it that exists: the agent makes those in between.
func existingFolder(path string) (string, error) {
	for {
		info, err := os.Stat(path)
		switch parent := filepath.Dir(path); {
		case err == nil && !info.IsDir():
			return "", fmt.Errorf("%s is not a folder", path)
		case err == nil || !errors.Is(err, os.ErrNotExist) || parent == path:
			return path, err
		default:
			path = parent
		}
	}
}

func tryToWrite(folder string) error {
	f, err := os.CreateTemp(folder, ".rtcollector-check-*")
	if err != nil {
		return err
	}
	_ = f.Close()
	return os.Remove(f.Name())
}
