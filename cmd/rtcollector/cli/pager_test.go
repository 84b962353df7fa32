package cli

import (
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/rtcollector/rtcollector/internal/secret"
)

// TestPager: lines reach stdout through $PAGER, or directly if it cannot be run.
func TestPager(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("sed is one of unix")
	}
	for command, want := range map[string]string{"sed s/^/:/": ":a\n:b\n", "no-such-pager --really": "a\nb\n"} {
		out, err := os.Create(filepath.Join(t.TempDir(), "out"))
		if err != nil {
			t.Fatal(err)
		}
		a := &App{Stdout: out, rawOut: out, redactor: &secret.Redactor{}, Getenv: func(name string) (string, bool) { return command, name == "PAGER" }}
		w, finish := a.startPager()
		if _, err := io.WriteString(w, "a\nb\n"); err != nil {
			t.Error(err)
		}
		if err := finish(); err != nil {
			t.Error(err)
		}
		_ = out.Close()
		if got, err := os.ReadFile(out.Name()); string(got) != want {
			t.Errorf("%s: %q, %v", command, got, err)
		}
	}
}
