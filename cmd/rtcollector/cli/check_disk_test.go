package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/agent/config"
	"github.com/rtcollector/rtcollector/internal/conf"
)

func TestCheckWarnsOfTheDisk(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	check := func(path string) string {
		var out bytes.Buffer
		app := App{Stdout: &out}
		app.checkDisk(&config.Config{Disk: &config.Disk{Path: path, MaxSize: conf.Size(1 << 20)}})
		return out.String()
	}
	good := filepath.Join(folder, "a", "b")
	if text := check(good); strings.Contains(text, "cannot be written") {
		t.Error(text)
	}
	if _, err := os.Stat(filepath.Join(folder, "a")); err == nil {
		t.Error("check made the folder")
	}
	for _, path := range []string{file, filepath.Join(file, "below")} {
		if text := check(path); !strings.Contains(text, "cannot be written") {
			t.Errorf("%s: no warning: %q", path, text)
		}
	}
	if runtime.GOOS == "linux" && isInMemory("/dev/shm") {
		if text := check("/dev/shm/rtcollector"); !strings.Contains(text, "in memory") {
			t.Errorf("no warning of tmpfs: %q", text)
		}
	}
}
