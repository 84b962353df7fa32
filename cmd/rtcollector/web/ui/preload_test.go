package ui_test

import (
	"io/fs"
	"path"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/web/ui"
)

// TestModulesArePreloaded checks that index.html names every module: otherwise the browser finds them one level of imports after the other.
func TestModulesArePreloaded(t *testing.T) {
	index := readFile(t, "static/index.html")
	err := fs.WalkDir(ui.Files(), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && path.Ext(name) == ".js" && !strings.Contains(index, `<link rel="modulepreload" href="/`+name+`">`) && !strings.Contains(index, `src="/`+name+`"`) {
			t.Errorf("index.html does not preload %s", name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
