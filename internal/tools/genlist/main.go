// Command genlist writes the list of all inputs, outputs or secret stores. A folder is listed if its package has a variable Plugin.
// "go generate ./..." runs it. list.go finds the folders and renders the list.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	kind := flag.String("kind", "plugins", "folder to list: plugins, outputs or secrets")
	flag.Parse()
	if err := writeList(*kind); err != nil {
		fmt.Fprintln(os.Stderr, "genlist:", err)
		os.Exit(1)
	}
}

// writeList generates <kind>/all/all.go in the module around the current directory.
func writeList(kind string) error {
	module, err := findModule()
	if err != nil {
		return err
	}
	source, err := module.renderList(kind)
	if err != nil {
		return err
	}
	return os.WriteFile(module.listPath(kind), source, 0o644)
}
