package service

import (
	"os"

	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEnvironment(t *testing.T) {
	const text = `# comment=1
; other=1
PLAIN=two words  	
 INDENTED = x
QUOTED="a # \"b\" \$ \n"
SINGLE='it\s' 
PARTS="a b"'c'd
CONTINUED=one\
two
INNER=it's "so"
ESCAPED=a\ \"b\ 
EMPTY=
no variable
DOS=yes` + "\r\n" + `LAST="open
line`
	want := map[string]string{
		"PLAIN": "two words", "INDENTED": "x", "QUOTED": `a # "b" $ \n`, "SINGLE": `it\s`, "PARTS": "a bcd", "CONTINUED": "onetwo", "INNER": `it's "so"`,
		"ESCAPED": `a "b `, "EMPTY": "", "DOS": "yes", "LAST": "open\nline",
	}
	if diff := cmp.Diff(want, parseEnvironment(text)); diff != "" {
		t.Error(diff)
	}
	path := filepath.Join(t.TempDir(), "environment")
	if err := os.WriteFile(path, []byte("A=1\n"+strings.Repeat("#", maxEnvironment)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadEnvironment(path); err == nil || !strings.Contains(err.Error(), "larger than 1 MiB") {
		t.Error(err)
	}
}

func FuzzEnvironment(f *testing.F) {
	for _, text := range []string{"A=1\nB='x y'\n", "A=\"\\\n\"#", "A=\\"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for name, value := range parseEnvironment(text) {
			if len(name)+len(value) > len(text) || strings.Contains(name, "=") {
				t.Errorf("%q: %q", name, value)
			}
		}
	})
}
