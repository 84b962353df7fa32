package plugintest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/plugins"
)

// Read is what a file says.
func Read(tb testing.TB, path string) string {
	tb.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return string(data)
}

// Glob are the files that fit a pattern; there must be some.
func Glob(tb testing.TB, pattern string) []string {
	tb.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		tb.Fatalf("%s: %v, %v", pattern, paths, err)
	}
	return paths
}

// Seed adds all files that fit a pattern to those that a fuzz test of []byte begins with.
func Seed(f *testing.F, pattern string) {
	f.Helper()
	for _, path := range Glob(f, pattern) {
		f.Add([]byte(Read(f, path)))
	}
}

// SeedLines is [Seed] line by line.
func SeedLines(f *testing.F, pattern string) {
	f.Helper()
	for _, path := range Glob(f, pattern) {
		for line := range strings.Lines(Read(f, path)) {
			f.Add([]byte(line))
		}
	}
}

// Twice gathers from a tree, and 10 seconds later again when another is laid over it.
func Twice(tb testing.TB, def plugins.Definition, config, tree, later string) (first, second map[string]float64) {
	tb.Helper()
	dir := tb.TempDir()
	Lay(tb, dir, tree)
	p := Start(tb, def, config, Env(def.Name(), dir))
	first = p.Gather(0)
	Lay(tb, dir, later)
	return first, p.Gather(10)
}

// ComesBack is what is gathered when a thing comes back that stood in a file before, and not for a while in between.
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

// Silent checks that files which are not there are no error and give no samples, and neither is one that is empty, as
// containers show those that they hide.
func Silent(tb testing.TB, def plugins.Definition, files ...string) {
	tb.Helper()
	for _, name := range append([]string{"none"}, files...) {
		dir := Files(tb, "", map[string]string{name: ""})
		if got := Start(tb, def, "", Env(def.Name(), dir)).Gather(0); len(got) > 0 {
			tb.Errorf("%s: %v", name, got)
		}
	}
}

// Noise checks that noise in one file of a tree is an error that names it, and costs nothing but what is read from it: of
// each file, a key is given.
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
