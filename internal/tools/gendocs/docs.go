package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/rtcollector/rtcollector/internal/metricdoc"
	"github.com/rtcollector/rtcollector/plugins"
)

//go:embed inputs.md.tmpl
var inputsTemplate string

// generateFiles returns the files that are generated, by their path below root.
func generateFiles(root string, catalog plugins.Catalog) (map[string][]byte, error) {
	files := map[string][]byte{}
	var err error
	if files[inputsFile], err = renderInputs(root, catalog); err != nil {
		return nil, err
	}
	for name, section := range map[string]string{readmeFile: readmeTables(catalog), exampleFile: exampleInputs(catalog)} {
		content, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return nil, err
		}
		if files[name], err = replaceSection(content, section); err != nil {
			return nil, fmt.Errorf("generate the inputs in %s: %w", name, err)
		}
	}
	return files, nil
}

const (
	inputsFile  = "docs/inputs.md"
	readmeFile  = "README.md"
	exampleFile = "config.example.yaml"
)

// input is one section of docs/inputs.md.
type input struct {
	plugins.Definition
	Folder string
	Header string
	Rows   []string
}

// renderInputs returns docs/inputs.md for the module in root.
func renderInputs(root string, catalog plugins.Catalog) ([]byte, error) {
	folders, err := foldersByTitle(filepath.Join(root, "plugins"))
	if err != nil {
		return nil, err
	}
	var all []input
	for _, d := range catalog {
		folder, ok := folders[d.Name()]
		if !ok {
			return nil, fmt.Errorf("no README below plugins has the title %q", "# "+d.Name())
		}
		all = append(all, input{Definition: d, Folder: folder, Header: metricdoc.Header, Rows: metricdoc.TableRows(d.Readme())})
	}
	t := template.New("inputs").Funcs(template.FuncMap{
		"options": plugins.OptionsDoc,
		"join":    func(words []string) string { return strings.Join(words, ", ") },
		"codes":   joinCodeSpans,
	})
	if t, err = t.Parse(inputsTemplate); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = t.Execute(&out, all)
	return out.Bytes(), err
}

// foldersByTitle returns the folder of each input by the title of its README. A folder can have another name than its input.
func foldersByTitle(dir string) (map[string]string, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*", "README.md"))
	if err != nil {
		return nil, err
	}
	folders := map[string]string{}
	for _, path := range paths {
		readme, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		title, _, _ := strings.Cut(strings.TrimPrefix(string(readme), "# "), "\n")
		folders[title] = filepath.Base(filepath.Dir(path))
	}
	return folders, nil
}
