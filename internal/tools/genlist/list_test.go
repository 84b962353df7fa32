package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestListsAreFresh reads the folders itself, so that the test cache notices a new one.
func TestListsAreFresh(t *testing.T) {
	m, err := findModule()
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"plugins", "outputs", "secrets"} {
		have, err := os.ReadFile(m.listPath(kind))
		if err != nil {
			t.Fatal(err)
		}
		want, err := m.renderList(kind)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(have)); diff != "" {
			t.Errorf("%s/all is stale, run: go generate ./%s/all\n%s", kind, kind, diff)
		}
	}
}

func TestListFindsDefinitions(t *testing.T) {
	dir := t.TempDir()
	for name, source := range map[string]string{
		"plugins/b_two/plugin.go":      "package two\n\nvar Plugin = 2\n",
		"plugins/a_one/x.go":           "package one\n\nvar (\n\tother  = 0\n\tPlugin = 1\n)\n",
		"plugins/helper/helper.go":     "package helper\n\nfunc Plugin() {}\n",
		"plugins/tested/x_test.go":     "package tested\n\nvar Plugin = 3\n",
		"plugins/all/all.go":           "package all\n",
		"plugins/empty/testdata/x.txt": "",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(source), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	source, err := module{dir, "example.com/m"}.renderList("plugins")
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(string(source), "import")
	want := ` (
	"example.com/m/plugins"

	one "example.com/m/plugins/a_one"
	two "example.com/m/plugins/b_two"
)

// Catalog lists the components in the folders of plugins, in the order of the folders.
func Catalog() plugins.Catalog {
	return plugins.Catalog{
		one.Plugin,
		two.Plugin,
	}
}
`
	if diff := cmp.Diff(want, body); diff != "" {
		t.Error(diff)
	}
}
