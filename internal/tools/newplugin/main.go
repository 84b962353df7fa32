// Command newplugin creates the folder of a new input, which compiles and passes its tests, and adds it to the generated lists and
// documentation:
//
//	go run ./internal/tools/newplugin NAME
//
// The new input is an example: replace the file that it reads, its parser, its metrics and its documentation.
package main

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"text/template"
)

//go:embed templates
var templates embed.FS

func main() {
	if err := addInput(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "newplugin:", err)
		os.Exit(1)
	}
}

func addInput(args []string) error {
	if len(args) != 1 {
		return errors.New("want one argument, the name of the input: go run ./internal/tools/newplugin NAME")
	}
	module, err := findModule()
	if err != nil {
		return err
	}
	folder := filepath.Join(module, "plugins", args[0])
	if err := createFolder(folder, args[0]); err != nil {
		return err
	}
	generate := exec.Command("go", "generate", "./plugins/all")
	generate.Dir, generate.Stdout, generate.Stderr = module, os.Stdout, os.Stderr
	if err := generate.Run(); err != nil {
		return fmt.Errorf("go generate ./plugins/all: %w", err)
	}
	fmt.Printf("created %s and added it to plugins/all and to the documentation. Next:\n"+
		"  change its files, run go generate ./plugins/all, and go test ./plugins/%s\n", folder, args[0])
	return nil
}

// findModule returns the folder with go.mod at or above the current one.
func findModule() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("there is no go.mod here or above: run it inside the project")
		}
		dir = parent
	}
}

// validName matches names of inputs. Names of inputs for Linux begin with linux_.
var validName = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)

// createFolder writes the folder of an input. It returns an error if the folder exists.
func createFolder(folder, name string) error {
	packageName := strings.ReplaceAll(name, "_", "")
	if !validName.MatchString(name) || token.IsKeyword(packageName) {
		return fmt.Errorf("%q cannot be the name of an input: use lower case letters, digits and single underscores, and no keyword of Go", name)
	}
	if err := os.Mkdir(folder, 0o755); err != nil {
		return err
	}
	values := map[string]string{"Name": name, "Package": packageName}
	return fs.WalkDir(templates, "templates", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		t, err := template.New(d.Name()).Delims("[[", "]]").ParseFS(templates, path)
		if err != nil {
			return err
		}
		var content bytes.Buffer
		if err := t.Execute(&content, values); err != nil {
			return err
		}
		target := filepath.Join(folder, strings.TrimSuffix(d.Name(), ".tmpl"))
		if d.Name() == exampleTemplate {
			target = filepath.Join(folder, "testdata", "example", "proc", name)
		}
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		return os.WriteFile(target, content.Bytes(), 0o644)
	})
}

// exampleTemplate is the recorded file that the tests of the new input gather from.
const exampleTemplate = "example.tmpl"
