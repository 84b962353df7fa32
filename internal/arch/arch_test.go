// Package arch holds the layer rule of docs/architecture.md as a test: imports go downwards only. It reads the source
// files itself: "go list" sees one operating system, and files for the others would go unchecked.
package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/rtcollector/rtcollector"

// layers lists the folders from the ground up. A package imports only packages of lower layers, so packages of one layer
// never import each other. The layers form the floors of docs/architecture.md: a top-level folder only imports folders of
// lower floors. A folder belongs to the layer that names it, else to the layer with the pattern "parent/*".
var layers = [][]string{
	// Floor 1: internal and buffer.
	{"internal/embedded/resp", "internal/embedded/resptest", "internal/telemetry", "internal/conf", "internal/selfstat", "internal/hostfs", "internal/scan", "internal/match", "internal/terminal", "internal/bom", "internal/lazy", "internal/units", "internal/cmdline", "internal/crew", "internal/pause", "internal/shared", "internal/pdh", "internal/wevt", "internal/guard", "internal/netx", "internal/simplepattern", "internal/servicetest", "internal/arch", "buffer"},
	{"buffer/disk", "internal/capability", "internal/metric", "internal/pluginsd", "internal/cgroup", "internal/sockets", "internal/childproc", "internal/embedded/keyspace"},
	{"internal/catalog", "internal/sysinfo", "internal/bpf", "internal/secret", "internal/tlsx", "internal/metricdoc", "internal/netmib", "internal/sqlseries", "internal/eventdoc", "internal/promtext", "internal/embedded/datatypes", "internal/embedded/jsondoc", "internal/embedded/timeseries"},
	{"internal/redisconn", "internal/httpx", "internal/httpauth", "internal/promname", "internal/tskey", "internal/syslogmsg", "internal/connlog", "internal/procclass", "internal/proclog", "internal/proctable", "internal/embedded/search", "internal/catalog/*", "internal/sysinfo/*", "internal/tlsx/*"},
	{"internal/tsread", "internal/httpserve", "internal/linesender", "internal/procusage", "internal/remotename", "internal/embedded", "internal/redisconn/*", "internal/httpx/*"},
	{"internal/embedded/embeddedtest", "internal/linesender/*", "internal/procusage/*", "internal/query"},
	{"internal/query/*"},
	// Floor 2: secrets.
	{"secrets"},
	{"secrets/*"},
	{"secrets/all"},
	// Floor 3: plugins and outputs.
	{"plugins", "outputs"},
	{"plugins/*", "outputs/*"},
	{"plugins/all", "outputs/all"},
	// Floor 4: agent.
	{"agent"},
	{"agent/config"},
	// Floor 5: cmd, and the tools that build and generate.
	{"cmd/rtcollector/bench", "cmd/rtcollector/logquery", "cmd/rtcollector/connections", "cmd/rtcollector/processes", "cmd/rtcollector/migrate", "cmd/rtcollector/netdatachart", "cmd/rtcollector/snapshots", "cmd/rtcollector/tui", "internal/tools/*", "cmd/rtcollector/machines", "cmd/rtcollector/service", "cmd/rtcollector/chaos"},
	{"cmd/rtcollector/web/*"},
	{"cmd/rtcollector/web", "cmd/rtcollector/top", "cmd/rtcollector/observe"},
	{"cmd/rtcollector/web/webtest"},
	{"cmd/rtcollector/cli"},
	{"cmd/rtcollector", "internal/tools/release"},
}

// bans says which packages only some folders may import, and why.
var bans = []struct {
	imports string
	allowed []string
	why     string
}{
	{"log", nil, "log/slog is the only logger"},
	{"os/exec", []string{"internal/childproc", "internal/servicetest", "internal/linesender/receivertest", "cmd/rtcollector/cli", "internal/tools/runtests", "internal/tools/newplugin", "internal/tools/genbpf", "internal/tools/custom", "internal/tools/licences", "internal/tools/release"}, "inputs read files and sockets; those that run programs do so with childproc, and the command line runs a pager"},
	{"unsafe", []string{"internal/pdh", "internal/wevt", "internal/sysinfo", "internal/capability"}, "not worth it, except to call functions of Windows, and ntp_adjtime(2) and capset(2) of all threads, which golang.org/x/sys does not have"},
	{"gopkg.in/yaml.v3", []string{"cmd/rtcollector/migrate", "internal/conf", "agent/config", "internal/catalog", "internal/catalog/catalogtest", "secrets/secretstest"},
		"plugins and the agent never see YAML"},
}

type source struct {
	folder, path string
	test         bool
	file         *ast.File
}

func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	root := "../.."
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := d.Name(); d.IsDir() && (name == "testdata" || strings.HasPrefix(name, ".") && name != "..") {
			if path != root {
				return fs.SkipDir
			}
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		all = append(all, source{filepath.ToSlash(filepath.Dir(rel)), rel, strings.HasSuffix(path, "_test.go"), file})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 20 {
		t.Fatalf("only %d files found below %s", len(all), root)
	}
	return all
}

func imports(s source) []string {
	var paths []string
	for _, spec := range s.file.Imports {
		path, _ := strconv.Unquote(spec.Path.Value)
		paths = append(paths, path)
	}
	return paths
}

// layerOf returns the layer of a folder of this module, or -1.
func layerOf(folder string) int {
	for i, patterns := range layers {
		if slices.Contains(patterns, folder) {
			return i
		}
	}
	for i, patterns := range layers {
		if slices.Contains(patterns, filepath.ToSlash(filepath.Dir(folder))+"/*") {
			return i
		}
	}
	return -1
}

func TestImportsGoDown(t *testing.T) {
	for _, s := range sources(t) {
		own := layerOf(s.folder)
		if own < 0 {
			t.Errorf("%s: folder %s belongs to no layer; add it to internal/arch", s.path, s.folder)
			continue
		}
		for _, path := range imports(s) {
			folder, ours := strings.CutPrefix(path, module+"/")
			if !ours || folder == s.folder || s.test {
				continue // tests may use what they like
			}
			if other := layerOf(folder); other >= own {
				t.Errorf("%s (layer %d) imports %s (layer %d): only lower layers may be imported", s.path, own, folder, other)
			}
		}
	}
}

func TestBans(t *testing.T) {
	for _, s := range sources(t) {
		for _, ban := range bans {
			if !s.test && slices.Contains(imports(s), ban.imports) && !slices.Contains(ban.allowed, s.folder) {
				t.Errorf("%s imports %s: %s", s.path, ban.imports, ban.why)
			}
		}
	}
}

// TestFileNames finds files that disappear on other systems by their name although their author may not know.
func TestFileNames(t *testing.T) {
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		data, err := os.ReadFile(filepath.Join("../..", s.path))
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(s.path), ".go")
		for _, word := range []string{"linux", "windows", "darwin", "freebsd", "arm", "arm64", "amd64"} {
			if strings.HasSuffix(name, "_"+word) && !strings.HasPrefix(name, "sys_") && !strings.Contains(string(data), "//go:build") {
				t.Errorf("%s is built on %s only because of its name: call it sys_%s.go, or say it with //go:build", s.path, word, word)
			}
		}
	}
}
