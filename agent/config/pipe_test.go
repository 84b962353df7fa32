//go:build unix

package config

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// The wait for the writer of a named pipe ends with the context. With a writer, a pipe is read like any other file.
func TestWaitForPipeEndsWithContext(t *testing.T) {
	makePipe := func(name string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := syscall.Mkfifo(path, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	pipe := makePipe("abandoned")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Load(ctx, pipe, testEnv()); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	write := func(pipe, text string) {
		w, err := os.OpenFile(pipe, os.O_WRONLY, 0) // waits for a reader
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = w.WriteString(text)
		_ = w.Close()
	}
	write(pipe, "") // ends the read that still waits
	pipe = makePipe("written")
	go write(pipe, "inputs: []\noutputs: [redis]\n")
	if cfg, err := Load(t.Context(), pipe, testEnv()); err != nil || len(cfg.Outputs) != 1 {
		t.Error(cfg, err)
	}
}
