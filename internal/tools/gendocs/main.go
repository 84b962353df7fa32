// Command gendocs generates documentation from the READMEs of the inputs: docs/inputs.md, and the lists of inputs in README.md and
// config.example.yaml. "go generate ./..." runs it in plugins/all.
//
// docs.go writes docs/inputs.md, and section.go the generated sections of the other files.
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
