// Command genlist writes the list of all inputs, outputs or secret stores: the folders whose package has a variable Plugin. It runs
// through "go generate ./...".
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	kind := flag.String("kind", "plugins", "folder to list: plugins, outputs or secrets")
	flag.Parse()
	if err := write(*kind); err != nil {
		fmt.Fprintln(os.Stderr, "genlist:", err)
		os.Exit(1)
	}
}

// write generates <kind>/all/all.go in the module around the current directory.
func write(kind string) error {
	module, err := findModule()
	if err != nil {
		return err
	}
	source, err := module.list(kind)
	if err != nil {
		return err
	}
	return os.WriteFile(module.file(kind), source, 0o644)
}
