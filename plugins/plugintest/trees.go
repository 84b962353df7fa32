package plugintest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/plugins"
)

// Read returns the content of a file.
func Read(tb testing.TB, path string) string {
	tb.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return string(data)
}

// Glob returns the files that match a pattern. There must be at least one.
func Glob(tb testing.TB, pattern string) []string {
	tb.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		tb.Fatalf("%s: %v, %v", pattern, paths, err)
	}
	return paths
}

// Seed adds the files that match a pattern to the seeds of a fuzz test of []byte.
func Seed(f *testing.F, pattern string) {
	f.Helper()
	for _, path := range Glob(f, pattern) {
		f.Add([]byte(Read(f, path)))
	}
}

// SeedLines is [Seed] for each line of the files.
func SeedLines(f *testing.F, pattern string) {
	f.Helper()
	for _, path := range Glob(f, pattern) {
		for line := range strings.Lines(Read(f, path)) {
			f.Add([]byte(line))
		}
	}
}

// Twice gathers from a tree, and again 10 seconds later, after another tree was copied over it.
func Twice(tb testing.TB, def plugins.Definition, config, tree, later string) (first, second map[string]float64) {
	tb.Helper()
	dir := tb.TempDir()
	Lay(tb, dir, tree)
	p := Start(tb, def, config, Env(def.Name(), dir))
	first = p.Gather(0)
	Lay(tb, dir, later)
	return first, p.Gather(10)
}

// ComesBack returns the values that are gathered when an entity appears in a file again after it was missing for a while.
func ComesBack(tb testing.TB, def plugins.Definition, file, before, between, after string) map[string]float64 {
	tb.Helper()
	dir := Files(tb, "", map[string]string{file: before})
	p := Start(tb, def, "", Env(def.Name(), dir))
	p.Gather(0)
	Files(tb, dir, map[string]string{file: between})
	for i := range 5 {
		p.Gather(float64(10 + 10*i))
	}
	Files(tb, dir, map[string]string{file: after})
	return p.Gather(60)
}

// Silent checks that missing files and empty files cause no error and no samples. Containers show empty files in place of hidden ones.
func Silent(tb testing.TB, def plugins.Definition, files ...string) {
	tb.Helper()
	for _, name := range append([]string{"none"}, files...) {
		dir := Files(tb, "", map[string]string{name: ""})
		if got := Start(tb, def, "", Env(def.Name(), dir)).Gather(0); len(got) > 0 {
			tb.Errorf("%s: %v", name, got)
		}
	}
}

// Noise checks that noise in one file of a tree causes an error that names the file, and that only the samples from that file are
// missing. Keys has one key for each file.
func Noise(tb testing.TB, def plugins.Definition, tree string, keys map[string]string) {
	tb.Helper()
	for name, lost := range keys {
		dir := tb.TempDir()
		Lay(tb, dir, tree)
		Files(tb, dir, map[string]string{name: "\x00\xff noise\nmore noise"})
		b, err := Start(tb, def, "", Env(def.Name(), dir)).Batch(0)
		if err == nil || !strings.Contains(err.Error(), "parse ") || !strings.Contains(filepath.ToSlash(err.Error()), name+":") {
			tb.Errorf("noise in %s: %v", name, err)
		}
		got := ByKey(b)
		for _, key := range keys {
			if _, ok := got[key]; ok == (key == lost) {
				tb.Errorf("noise in %s: %s is there: %v", name, key, ok)
			}
		}
	}
}
