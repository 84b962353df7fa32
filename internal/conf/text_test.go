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
