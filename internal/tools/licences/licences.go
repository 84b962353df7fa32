// Package licences finds the licences of the modules that the program is linked from. Its test fails when one does not permit that; releases
// contain the texts, as most licences demand.
package licences

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/google/licensecheck"
)

// Module is a module that the program is linked from.
type Module struct {
	Path, Version string
	Licences      []string // SPDX identifiers, sorted
	Texts         [][]byte // of its files with licences and notices
}

// licenceFile matches the names of files with licences and notices.
var licenceFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|unlicense)([-._].*)?$`)

// Systems are those that the program is built for (GOOS).
func Systems() []string { return []string{"linux", "windows", "darwin", "freebsd"} }

// Find returns the modules that a package is linked from on some systems, sorted by path. An error is a go command that fails, or a module
// without a licence that is known.
func Find(pkg string, systems ...string) ([]Module, error) {
	all := map[string]Module{}
	for _, system := range systems {
		lines, err := list(pkg, system)
		if err != nil {
			return nil, err
		}
		for line := range slices.Chunk(lines, 3) {
			if _, isKnown := all[line[0]]; isKnown {
				continue
			}
			if all[line[0]], err = read(line[0], line[1], line[2]); err != nil {
				return nil, err
			}
		}
	}
	return slices.SortedFunc(maps.Values(all), func(a, b Module) int { return strings.Compare(a.Path, b.Path) }), nil
}

// list returns the path, version and folder of the module of each package that a package is linked from.
func list(pkg, system string) ([]string, error) {
	cmd := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}} {{.Dir}}{{end}}{{end}}", pkg)
	cmd.Env = append(os.Environ(), "GOOS="+system, "CGO_ENABLED=0")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("list the modules of %s: %w\n%s", pkg, err, &stderr)
	}
	return strings.Fields(string(out)), nil
}

// minCoverage is how much of a file must be the text of a licence, in percent, so that its other parts cannot be another licence. Copyright
// lines and headings take the rest.
const minCoverage = 75

// read finds the licences of a module in its folder.
func read(path, version, dir string) (Module, error) {
	m := Module{Path: path, Version: version}
	files, err := os.ReadDir(dir)
	if err != nil {
		return m, err
	}
	for _, file := range files {
		if !file.Type().IsRegular() || !licenceFile.MatchString(file.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, file.Name()))
		if err != nil {
			return m, err
		}
		m.Texts = append(m.Texts, text)
		found := licensecheck.Scan(text)
		if strings.HasPrefix(strings.ToLower(file.Name()), "notice") || found.Percent < minCoverage {
			continue
		}
		for _, match := range found.Match {
			if !slices.Contains(m.Licences, match.ID) {
				m.Licences = append(m.Licences, match.ID)
			}
		}
	}
	slices.Sort(m.Licences)
	if len(m.Licences) == 0 {
		return m, fmt.Errorf("%s %s: no file in %s is a licence that is known", path, version, dir)
	}
	return m, nil
}

// Write writes the texts of all licences, for people.
func Write(w io.Writer, modules []Module) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "rtcollector contains the following modules. The Go standard library has the licence of the modules golang.org/x.\n")
	for _, m := range modules {
		fmt.Fprintf(&b, "\n%s\n%s %s (%s)\n\n", strings.Repeat("=", 80), m.Path, m.Version, strings.Join(m.Licences, ", "))
		for _, text := range m.Texts {
			b.Write(bytes.TrimSpace(text))
			b.WriteString("\n\n")
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}
