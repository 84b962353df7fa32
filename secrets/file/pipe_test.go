//go:build unix

package file_test

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Reading a named pipe without a writer must not block.
func TestPipe(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := store(t, dir).Secret(t.Context(), "pipe"); err == nil || !strings.HasSuffix(err.Error(), "pipe: is not a regular file") {
		t.Error(err)
	}
}
