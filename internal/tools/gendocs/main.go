// Gendocs writes what is documented of the inputs from their READMEs: docs/inputs.md, and the lists of inputs in README.md and
// config.example.yaml. It runs through "go generate ./...", in plugins/all.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/rtcollector/rtcollector/plugins/all"
)

// root is the module as seen from plugins/all.
const root = "../.."

func main() {
	files, err := generateFiles(root, all.Catalog())
	for name, content := range files {
		if err == nil {
			err = os.WriteFile(filepath.Join(root, name), content, 0o644)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gendocs:", err)
		os.Exit(1)
	}
}
