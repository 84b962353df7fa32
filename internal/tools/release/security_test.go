package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// docs/security.md names the test that shows each of its claims, after the folder of the test: `plugins/syslog` TestGzipBomb, FuzzFrames.
func TestSecurityClaimsHaveTests(t *testing.T) {
	text, err := os.ReadFile("../../../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	folder, claims := "", 0
	for _, word := range regexp.MustCompile("`[a-z_/]+`|\\b(Test|Fuzz)[A-Z]\\w+").FindAllString(string(text), -1) {
		if strings.HasPrefix(word, "`") {
			folder = strings.Trim(word, "`")
			continue
		}
		claims++
		if !hasTest(t, folder, word) {
			t.Errorf("docs/security.md: %s has no %s", folder, word)
		}
	}
	if claims < 40 {
		t.Errorf("found %d tests in docs/security.md", claims)
	}
}

// hasTest reports whether a folder has a test.
func hasTest(t *testing.T, folder, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("../../..", folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "\nfunc "+name+"(") {
			return true
		}
	}
	return false
}
