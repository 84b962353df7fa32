package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/plugins/all"
)

func TestDocumentationIsFresh(t *testing.T) {
	const root = "../../.." // as seen from here
	files, err := generateFiles(root, all.Catalog())
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		have, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(have)); diff != "" {
			t.Errorf("%s is stale, run: go generate ./plugins/all\n%s", name, diff)
		}
	}
	want := string(files[inputsFile])
	for _, expected := range []string{
		"| [`linux_net`](#linux_net) | `net` | linux, darwin, windows, freebsd | traffic,", "[README](../plugins/selfstats/README.md)",
		"\n| `net_rx_bytes` and its `_rate` | `iface` | bytes | counter | received | |\n",
	} {
		if !strings.Contains(want, expected) {
			t.Errorf("no %q", expected)
		}
	}
}

func TestFolderWithoutTitleIsAnError(t *testing.T) {
	first := all.Catalog()[0].Name()
	if _, err := renderInputs(t.TempDir(), all.Catalog()); err == nil || !strings.Contains(err.Error(), `title "# `+first+`"`) {
		t.Error(err)
	}
}

func TestReplaceSection(t *testing.T) {
	got, err := replaceSection([]byte("a\n# "+sectionBegin+" -->\nold\n# "+sectionEnd+"\nb\n"), "new\n")
	if want := "a\n# " + sectionBegin + " -->\nnew\n# " + sectionEnd + "\nb\n"; err != nil || string(got) != want {
		t.Errorf("%s, %v", got, err)
	}
	for _, content := range []string{"", sectionBegin, sectionEnd + "\n" + sectionBegin} {
		if _, err := replaceSection([]byte(content), ""); err == nil {
			t.Errorf("%q has a section", content)
		}
	}
}
