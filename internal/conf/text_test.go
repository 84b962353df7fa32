package conf

import (
	"strings"
	"testing"
)

func TestDecodeText(t *testing.T) {
	for text, want := range map[string]string{
		"":                        "",
		"# nothing\n":             "",
		"name: x\n":               "",
		"name: x\nnam: y\n":       `f.yaml:2:1: unknown key "nam" (did you mean "name"?)`,
		"name: [\n":               "f.yaml: yaml: line",
		"name: x\n---\nname: y\n": "f.yaml:2: a second document starts here (---)",
		"- name\n":                "f.yaml:1:1: must be a map",
		"name: x\nname: y\n":      "f.yaml:2:1: ",
		"name: {a: b}\n":          "f.yaml:1:7: name: ",
	} {
		var target struct {
			Name string `yaml:"name"`
		}
		err := DecodeText("f.yaml", []byte(text), &target)
		if (err == nil) != (want == "") || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// TestAliasesOfText: a few hundred bytes must not become millions of values.
func TestAliasesOfText(t *testing.T) {
	var target struct {
		Names [][]string `yaml:"names"`
		Any   []string   `yaml:"any"`
	}
	text := "any: &a [" + strings.Repeat("x,", 5000) + "]\nnames: [" + strings.Repeat("*a,", 5000) + "]\n"
	if err := DecodeText("f.yaml", []byte(text), &target); err == nil || !strings.Contains(err.Error(), "too many values") || len(target.Names) > 0 {
		t.Errorf("%v, %d names", err, len(target.Names))
	}
	text = "any: &a [x, y]\nnames: [*a, *a]\n"
	if err := DecodeText("f.yaml", []byte(text), &target); err != nil || len(target.Names) != 2 {
		t.Errorf("%v, %d names", err, len(target.Names))
	}
	if err := DecodeText("f.yaml", []byte("names: &b [*b]\n"), &target); err == nil || !strings.Contains(err.Error(), "nested") {
		t.Error(err)
	}
}
