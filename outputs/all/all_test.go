package all_test

import (
	"path/filepath"
	"testing"

	"github.com/rtcollector/rtcollector/outputs/all"
)

// Every folder with an output stands in the list.
func TestCatalogIsComplete(t *testing.T) {
	readmes, err := filepath.Glob("../*/README.md")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, d := range all.Catalog() {
		names[d.Name()] = true
	}
	for _, r := range readmes {
		if name := filepath.Base(filepath.Dir(r)); !names[name] {
			t.Errorf("outputs/%s is not in the catalog", name)
		}
	}
	if len(names) != len(readmes) {
		t.Errorf("%d outputs in the catalog, %d folders with a README", len(names), len(readmes))
	}
}
