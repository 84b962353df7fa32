// Gendocs writes docs/inputs.md from the READMEs of the inputs. It runs through "go generate ./...", in plugins/all.
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
	content, err := inputs(root, all.Catalog())
	if err == nil {
		err = os.WriteFile(filepath.Join(root, "docs", "inputs.md"), content, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gendocs:", err)
		os.Exit(1)
	}
}
