// Command custom builds an rtcollector with only the components that a configuration names, and without the commands that show and try
// things (docs/adr/0030):
//
//	go run ./internal/tools/custom -config my.yaml -o bin/rtcollector-custom
//
// GOOS, GOARCH and GOARM choose the machine, as for go build. list.go shortens the lists of components.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rtcollector/rtcollector/agent/config"
	"github.com/rtcollector/rtcollector/internal/catalog"
	outputsall "github.com/rtcollector/rtcollector/outputs/all"
	pluginsall "github.com/rtcollector/rtcollector/plugins/all"
	secretsall "github.com/rtcollector/rtcollector/secrets/all"
)

func main() {
	configFile := flag.String("config", "", "`file` with the configuration that the program is for")
	output := flag.String("o", filepath.Join("bin", "rtcollector-custom"), "`file` of the program")
	ldflags := flag.String("ldflags", "-s -w", "flags of the linker")
	flag.Parse()
	if *configFile == "" || flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "name the configuration that the program is for: make custom CONFIG=my.yaml (\"rtcollector init\" prints one)")
		os.Exit(2)
	}
	if err := build(*configFile, *output, *ldflags, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// build builds the program and prints what is in it.
func build(configFile, output, ldflags string, stdout io.Writer) error {
	data, err := os.ReadFile(configFile)
	if err != nil {
		return err
	}
	named, err := config.Names(configFile, data)
	if err != nil {
		return err
	}
	if named.HasWeb {
		return fmt.Errorf("%s: web: a custom build has no dashboard; remove the key and run \"rtcollector web\" of the whole program elsewhere", configFile)
	}
	if named.HasHealth {
		return fmt.Errorf("%s: health: a custom build has no web server; remove the key", configFile)
	}
	dir, err := os.MkdirTemp("", "rtcollector-custom")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	goos := buildSystem()
	overlay := overlay{Replace: map[string]string{}}
	for _, kind := range []struct {
		folder string
		chosen chosen
	}{
		{"plugins", choose(pluginsall.Catalog(), "input", goos, append(named.Inputs, "internal"))},
		{"outputs", choose(outputsall.Catalog(), "output", goos, named.Outputs)},
		{"secrets", choose(secretsall.Catalog(), "secret store", goos, append(named.Stores, "env", "file"))},
	} {
		if kind.chosen.err != nil {
			return fmt.Errorf("%s: %w", configFile, kind.chosen.err)
		}
		if err := overlay.shorten(dir, kind.folder, kind.chosen); err != nil {
			return err
		}
		fmt.Fprintf(stdout, "%s: %s\n", kind.folder, strings.Join(kind.chosen.names, " "))
	}
	return overlay.build(dir, output, ldflags)
}

// buildSystem returns the system that the program is built for.
func buildSystem() string {
	goos, err := exec.Command("go", "env", "GOOS").Output()
	if err != nil {
		return "linux"
	}
	return strings.TrimSpace(string(goos))
}

// chosen are the components of a kind that stay.
type chosen struct {
	names []string
	keep  []bool // by position in the catalog
	err   error
}

func choose[E, O, L any](c catalog.Catalog[E, O, L], kind, goos string, names []string) chosen {
	chosen := chosen{keep: make([]bool, len(c))}
	for _, name := range names {
		def, err := c.Find(kind, name, goos)
		if err != nil {
			chosen.err = err
			return chosen
		}
		for i, d := range c.For(goos) {
			if d.Name() == def.Name() && !chosen.keep[i] {
				chosen.keep[i] = true
				chosen.names = append(chosen.names, d.Name())
			}
		}
	}
	slices.Sort(chosen.names)
	return chosen
}

// overlay is the file that go build -overlay reads.
type overlay struct{ Replace map[string]string }

// shorten replaces the list of a kind by one of the chosen components.
func (o overlay) shorten(dir, folder string, chosen chosen) error {
	list, err := filepath.Abs(filepath.Join(folder, "all", "all.go"))
	if err != nil {
		return err
	}
	source, err := os.ReadFile(list)
	if err != nil {
		return fmt.Errorf("%w; run this in the folder with go.mod", err)
	}
	short, err := shortenList(source, chosen.keep)
	if err != nil {
		return fmt.Errorf("%s: %w", list, err)
	}
	o.Replace[list] = filepath.Join(dir, folder+".go")
	return os.WriteFile(o.Replace[list], short, 0o644)
}

func (o overlay) build(dir, output, ldflags string) error {
	data, err := json.Marshal(o)
	if err != nil {
		return err
	}
	file := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, data, 0o644); err != nil {
		return err
	}
	cmd := exec.Command("go", "build", "-trimpath", "-tags", "core", "-overlay", file, "-ldflags", ldflags, "-o", output, "./cmd/rtcollector")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}
