package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":             "module example\n\ngo 1.26\n",
		"all.go":             "package example\n\nimport \"time\"\n\nvar Start = time.Now()\n",
		"a_darwin.go":        "package example\n\nvar Wrong int = \"text\"\n",
		"a_freebsd_test.go":  "package example\n\nvar Missing = Start + unknown\n",
		"a_linux.go":         "package example\n\nvar Fine = 1\n",
		"other/other.go":     "package other\n\nimport \"example\"\n\nvar X = example.Fine\n",
		"other/other_386.go": "package other\n\nconst Big int = 1 << 40\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for system, want := range map[string]string{
		"linux/amd64":   "",
		"linux/386":     "other_386.go:3:17",
		"darwin/amd64":  "a_darwin.go:3:17",
		"freebsd/amd64": "a_freebsd_test.go:3:23",
		"linux":         "no system",
	} {
		err := check(dir, system, "./...")
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", system, err, want)
		}
	}
}
