package migrate

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"
)

func TestParseTOML(t *testing.T) {
	const text = `# comment
[agent]
  interval = "10s"
[[inputs.cpu]]
  percpu = true
  [inputs.cpu.tags]
    "quoted key" = 'x'
[[inputs.cpu]]
  fields.deep = [1, 2.5]
  inline = {a = 1, b = "c"}
`
	root, err := parseTOML([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	out, err := yaml.Marshal(root)
	if err != nil {
		t.Fatal(err)
	}
	want := `agent:
    interval: 10s
inputs:
    cpu:
        - percpu: true
          tags:
            quoted key: x
        - fields:
            deep:
                - 1
                - 2.5
          inline:
            a: 1
            b: c
`
	if diff := cmp.Diff(want, string(out)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	cpus := find(find(root, "inputs"), "cpu").Content
	for key, want := range map[*yaml.Node]int{cpus[0].Content[0]: 5, find(cpus[0], "tags").Content[0]: 7, cpus[1].Content[0]: 9, cpus[1]: 8} {
		if key.Line != want {
			t.Errorf("%q is on line %d, want %d", key.Value, key.Line, want)
		}
	}
}
