// Command typecheck reports what does not compile, tests included, for systems that this one is not:
//
//	go run ./internal/tools/typecheck darwin/amd64 freebsd/amd64
//
// It reads the sources of all dependencies instead of compiling them, as "go vet" would first: half a minute for a system instead of minutes.
// What only the linker sees, "make cross" finds.
package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/tools/go/packages"
)

func main() {
	for _, system := range os.Args[1:] {
		if err := check(".", system, "./..."); err != nil {
			fmt.Fprintln(os.Stderr, "typecheck:", err)
			os.Exit(1)
		}
	}
}

// check checks the packages of a module, whose folder is dir, for a system such as "darwin/amd64".
func check(dir, system string, patterns ...string) error {
	goos, goarch, ok := strings.Cut(system, "/")
	if !ok {
		return fmt.Errorf("%q is no system such as darwin/amd64", system)
	}
	loaded, err := packages.Load(&packages.Config{
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedCompiledGoFiles | packages.NeedImports | packages.NeedDeps |
			packages.NeedSyntax | packages.NeedTypes | packages.NeedTypesInfo | packages.NeedTypesSizes,
		Tests: true, Dir: dir,
		Env: append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0"),
	}, patterns...)
	if err != nil {
		return fmt.Errorf("%s: %w", system, err)
	}
	var all []error
	packages.Visit(loaded, nil, func(p *packages.Package) {
		for _, e := range p.Errors {
			all = append(all, fmt.Errorf("%s: %w", system, e))
		}
	})
	return errors.Join(all...)
}
