package licences

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const program = "github.com/rtcollector/rtcollector/cmd/rtcollector"

// permitted are licences that let everybody use, change and distribute the program. MPL-2.0 asks for the source of the module itself, which
// is public.
func permitted() []string {
	return []string{"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MPL-2.0", "Unlicense"}
}

func TestModulesMayBeDistributed(t *testing.T) {
	modules, err := Find(program, Systems()...)
	if err != nil {
		t.Fatal(err)
	}
	if len(modules) < 50 {
		t.Errorf("%d modules", len(modules))
	}
	for _, m := range modules {
		for _, licence := range m.Licences {
			if !slices.Contains(permitted(), licence) {
				t.Errorf("%s %s has the licence %s", m.Path, m.Version, licence)
			}
		}
	}
}

func TestModuleWithoutALicence(t *testing.T) {
	dir := t.TempDir()
	for _, text := range []string{"", "All rights reserved. Ask us.\n"} {
		if err := os.WriteFile(filepath.Join(dir, "LICENSE"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if m, err := read("example.com/x", "v1", dir); err == nil {
			t.Errorf("%q is the licence %v", text, m.Licences)
		}
	}
}

func TestWrite(t *testing.T) {
	modules := []Module{{"example.com/a", "v1.2.3", []string{"MIT"}, [][]byte{[]byte("Copyright a\n\n")}}}
	var b bytes.Buffer
	if err := Write(&b, modules); err != nil || !strings.HasSuffix(b.String(), "\nexample.com/a v1.2.3 (MIT)\n\nCopyright a\n\n") {
		t.Errorf("%v: %s", err, &b)
	}
}
