package ui_test

import (
	"os"
	"path/filepath"
	"testing"
)

// readFile returns the text of a file of this folder.
func readFile(t testing.TB, path string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.FromSlash(path))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
