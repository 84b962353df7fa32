package ui_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestThirdPartyFilesAreThoseOfTheLockFile reports files that were changed by hand, are missing, or are not of the version in
// package-lock.json. "make vendor-web" copies them anew.
func TestThirdPartyFilesAreThoseOfTheLockFile(t *testing.T) {
	t.Parallel()
	sums := readFile(t, "third_party.sha256")
	var listed []string
	for line := range strings.Lines(sums) {
		sum, path, _ := strings.Cut(strings.TrimSpace(line), "  ")
		listed = append(listed, path)
		if got := fmt.Sprintf("%x", sha256.Sum256([]byte(readFile(t, path)))); got != sum {
			t.Errorf(`%s is not the file of third_party.sha256: run "make vendor-web"`, path)
		}
	}
	for _, folder := range []string{"static/third_party", "testdata/axe-core"} {
		err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && !slices.Contains(listed, filepath.ToSlash(path)) {
				t.Errorf(`%s is not in third_party.sha256: vendor.sh does not copy it`, path)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
	for _, c := range []struct{ module, file, license, version string }{
		{"uplot", "static/third_party/uplot/uPlot.esm.js", "static/third_party/uplot/LICENSE", `v(\d+\.\d+\.\d+)`},
		{"axe-core", "testdata/axe-core/axe.min.js", "testdata/axe-core/LICENSE", `axe v(\d+\.\d+\.\d+)`},
	} {
		found := regexp.MustCompile(c.version).FindStringSubmatch(readFile(t, c.file)[:2000])
		if locked := lockedVersion(t, c.module); len(found) < 2 || found[1] != locked {
			t.Errorf(`%s is version %q, package-lock.json has %s: run "make vendor-web"`, c.file, found, locked)
		}
		if !strings.Contains(readFile(t, c.license), "opyright") {
			t.Errorf("%s is no licence", c.license)
		}
	}
}

// lockedVersion returns the version of an npm module in the lock file, which package.json must name exactly.
func lockedVersion(t *testing.T, module string) string {
	t.Helper()
	var lock struct {
		Packages map[string]struct {
			Version      string
			Resolved     string
			Integrity    string
			Dependencies map[string]string
		}
	}
	var wanted struct{ Dependencies, DevDependencies map[string]string }
	for path, into := range map[string]any{"package-lock.json": &lock, "package.json": &wanted} {
		if err := json.Unmarshal([]byte(readFile(t, path)), into); err != nil {
			t.Fatal(err)
		}
	}
	locked := lock.Packages["node_modules/"+module]
	if !strings.HasPrefix(locked.Integrity, "sha512-") {
		t.Errorf("package-lock.json has no sum of %s", module)
	}
	if locked.Resolved != "" && !strings.HasPrefix(locked.Resolved, "https://registry.npmjs.org/") {
		t.Errorf("package-lock.json takes %s from %s, not from the npm registry", module, locked.Resolved)
	}
	if want := wanted.Dependencies[module] + wanted.DevDependencies[module]; want != locked.Version {
		t.Errorf("package.json wants %s %s, package-lock.json has %s", module, want, locked.Version)
	}
	return locked.Version
}
