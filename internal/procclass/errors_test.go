package procclass

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/match"
)

// TestErrors compares the messages for each testdata/errors/*.txtar with the file's "want".
func TestErrors(t *testing.T) {
	files, err := filepath.Glob("testdata/errors/*.txtar")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			ar, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			t.Chdir(t.TempDir())
			if err := os.WriteFile("classes.yaml", ar.Files[0].Data, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err = (&Config{File: "classes.yaml"}).Load()
			if err == nil {
				t.Fatal("no error")
			}
			if diff := cmp.Diff(string(ar.Files[1].Data), err.Error()+"\n"); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// TestTooMuch: tables that cost too much are refused.
func TestTooMuch(t *testing.T) {
	item := func(n int) string { return strings.Repeat("x,", n) }
	unnamed := func(n int) string {
		var b strings.Builder
		for i := range n {
			b.WriteString("\n - {group: a, subgroup: b, cmdline: [a" + strings.Repeat("b", i/100) + string(rune('a'+i%26)) + string(rune('A'+i/26%26)) + string(rune('a'+i/676%26)) + "]}")
		}
		return b.String()
	}
	for name, tc := range map[string]struct{ text, want string }{
		"bytes":       {"#" + strings.Repeat("x", maxTable), "the file has more than 4 MiB"},
		"entries":     {manyEntries(maxEntries + 1), "20001 entries are too many; 20000 are allowed"},
		"items":       {"classes: [{group: a, subgroup: b, name: [" + item(maxItems+1) + "]}]", "1001 items are too many; 1000 are allowed"},
		"long item":   {"classes: [{group: a, subgroup: b, name: [" + strings.Repeat("x", maxItem+1) + "]}]", "has 1001 bytes; 1000 are allowed"},
		"expressions": {"classes:" + unnamed(maxExpressions+1), "1001 expressions are too many; 1000 are allowed: entries without a name, exe or comm"},
		"mistakes":    {"classes:" + strings.Repeat("\n - {grop: x}", 1000), "more"},
		"aliases": {"classes:\n - &a {group: a, subgroup: b, name: [" + item(900) + "]}\n" + strings.Repeat(" - *a\n", 15_000),
			"has too many values, because of aliases"},
	} {
		_, err := loadText(t, Merge, tc.text)
		if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Count(err.Error(), "\n") > maxMistakes {
			t.Errorf("%s: %.500v, want %q", name, err, tc.want)
		}
	}
}

// TestFiles: what is not a file with classes.
func TestFiles(t *testing.T) {
	for file, want := range map[string]string{"/nonexistent/x.yaml": "no such file", t.TempDir(): "is not a file", "/dev/zero": "is not a file"} {
		if _, err := (&Config{File: file}).Load(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", file, err, want)
		}
	}
}

// TestSettings: mistakes in the configuration itself.
func TestSettings(t *testing.T) {
	for text, want := range map[string]string{
		"classes_mode: replac\n":                   `c.yaml:1:15: classes_mode: must be merge or replace (did you mean "replace"?)`,
		"classes_mode: replace\n":                  "c.yaml:1:1: classes_mode: replace needs a file with classes",
		"group: [db]\n":                            `c.yaml:1:1: unknown key "group" (did you mean "groups"?)`,
		"groups: [db]\nothers: false\nclasses: x":  "",
		"exclude_groups: ['~(']\n":                 "c.yaml:1:18: exclude_groups[0]: must be a regular expression",
		"classes_mode: merge\nsubgroups: [db/*]\n": "",
	} {
		c := DefaultConfig()
		err := conf.DecodeText("c.yaml", []byte(text), &c)
		if (err == nil) != (want == "") || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	_, err := (&Config{Groups: match.NewList("databse", "db", "d*"), Subgroups: match.NewList("db/postgers"), ExcludeSubgroups: match.NewList("kernel", "unknown")}).Load()
	want := "groups[0]: no class has the group \"databse\"\nsubgroups[0]: no class has the subgroup \"db/postgers\" (did you mean \"db/postgres\"?)"
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
