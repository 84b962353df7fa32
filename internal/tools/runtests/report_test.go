package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestRunTests runs the tests of a small module.
func TestRunTests(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module example.com/m\n\ngo 1.26\n",
		"a/a_test.go": `package a

import "testing"

func TestGood(t *testing.T) { t.Log("never shown") }
func TestBad(t *testing.T)  { t.Run("sub", func(t *testing.T) { t.Error("the reason of a failure") }) }
func TestNoServer(t *testing.T) { t.Skip("no server here") }
func TestNoServerEither(t *testing.T) { t.Log("first"); t.Skip("no server here") }
`,
		"b/b_test.go": "package b\n\nimport \"testing\"\n\nfunc TestCrash(t *testing.T) { t.Log(\"last words\"); panic(\"crashed\") }\n",
		"c/c_test.go": "package c\n\nfunc f() { undefined() }\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	if _, err := exec.LookPath("go"); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	code, err := runTests(&out, []string{"./..."})
	if err != nil || code != 1 {
		t.Errorf("exit code %d, %v", code, err)
	}
	for _, want := range []string{
		"the reason of a failure", "last words", "panic: crashed", "undefined: undefined", "FAIL\texample.com/m/a",
		"   2  no server here\n      a.TestNoServer a.TestNoServerEither\n",
		"\n1 passed, 3 failed, 2 skipped\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in the output:\n%s", want, &out)
		}
	}
	if strings.Contains(out.String(), "never shown") {
		t.Errorf("the output of a test that passed is shown:\n%s", &out)
	}
}
