package main

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestNewPlugin runs the tool in a copy of the module, and then the tests that fail if a step must be done by hand. With -trimpath the
// build cache does not depend on the path of the copy, and is shared with "make build".
func TestNewPlugin(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the inputs")
	}
	module := copyModule(t)
	run := func(args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir, cmd.Env = module, append(os.Environ(), "GOFLAGS=-trimpath", "CGO_ENABLED=0", "GOWORK=off")
		if output, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, output)
		}
	}
	run("run", "./internal/tools/newplugin", "linux_demo")
	run("test", "./plugins/linux_demo", "./internal/tools/genlist", "./internal/tools/gendocs", "./internal/arch")
	for file, want := range map[string]string{
		"plugins/all/all.go": "linuxdemo.Plugin", "docs/inputs.md": "`linux_demo_size`", "README.md": "| [`linux_demo`](", "config.example.yaml": "- linux_demo: #",
	} {
		content, err := os.ReadFile(filepath.Join(module, file))
		if err != nil || !strings.Contains(string(content), want) {
			t.Errorf("%s does not contain %q: %v", file, want, err)
		}
	}
}

// copyModule copies the module without recorded data and without the tests of inputs.
func copyModule(t *testing.T) string {
	t.Helper()
	root, err := findModule()
	if err != nil {
		t.Fatal(err)
	}
	copied := t.TempDir()
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != root && (d.Name() == "testdata" || d.Name() == "bin" || strings.HasPrefix(d.Name(), ".")) {
			return fs.SkipDir
		}
		name, err := filepath.Rel(root, path)
		if d.IsDir() || err != nil || !slices.Contains([]string{".go", ".md", ".tmpl", ".mod", ".sum", ".yaml", ".json", ".o"}, filepath.Ext(path)) {
			return err
		}
		if strings.HasPrefix(name, "plugins") && strings.HasSuffix(name, "_test.go") {
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(copied, name)), 0o755); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(copied, name), content, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	return copied
}

func TestInvalidNamesAreRejected(t *testing.T) {
	for _, name := range []string{"", "A", "linux__a", "_a", "a_", "1a", "func", "a-b", "../a", "ä"} {
		if err := createFolder(filepath.Join(t.TempDir(), "x"), name); err == nil {
			t.Errorf("%q is accepted", name)
		}
	}
	dir := filepath.Join(t.TempDir(), "linux_a2")
	if err := createFolder(dir, "linux_a2"); err != nil {
		t.Error(err)
	}
	if err := createFolder(dir, "linux_a2"); err == nil {
		t.Error("an existing folder is overwritten")
	}
}
