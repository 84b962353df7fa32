package hostfs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLines(t *testing.T) {
	long, page := strings.Repeat("x", 3*fileBufferSize), strings.Repeat("y", fileBufferSize)
	for _, want := range [][]string{
		nil, {"one"}, {"one", "", "three"}, {long, "short"}, {page, page, "z"}, {page[1:], "a", page[1:]},
		strings.Split(strings.Repeat("  1: 0100007F:0016 00000000:0000 0A\n", 5000)+"end", "\n"),
	} {
		for _, end := range []string{"", "\n"} {
			if want == nil && end != "" {
				continue // strings.Split returns one empty line
			}
			f := NewFile(filepath.Join(t.TempDir(), "file"))
			if err := os.WriteFile(f.Path(), []byte(strings.Join(want, "\n")+end), 0o600); err != nil {
				t.Fatal(err)
			}
			for range 2 { // the second read uses the buffer of the first
				var got []string
				if err := f.ReadLines(func(line []byte) { got = append(got, string(line)) }); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%d lines: %.500s", len(want), diff)
				}
			}
		}
	}
}

func TestLinesErrors(t *testing.T) {
	dir := t.TempDir()
	none := NewFile(filepath.Join(dir, "none"))
	err := none.ReadLines(func([]byte) { t.Error("a line of a missing file") })
	if !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), "read "+none.Path()+": ") {
		t.Errorf("a missing file: %v", err)
	}
	if err := NewFile(dir).ReadLines(func([]byte) {}); err == nil {
		t.Error("a directory has lines")
	}
}
