package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNames(t *testing.T) {
	const text = `x-vault: &vault {type: vault, address: "${VAULT}"}
inputs: [cpu, docker: {socket: "${SOCKET}"}]
outputs:
  - redistimeseries: {password: secret:redis/password}
secret_stores: {v: *vault, f: {type: file}}
web: {listen: 127.0.0.1:0}
`
	got, err := Names("c", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	want := Named{Inputs: []string{"cpu", "docker"}, Outputs: []string{"redistimeseries"}, Stores: []string{"vault", "file"}, HasWeb: true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestNamesOfABrokenFile(t *testing.T) {
	for text, want := range map[string]string{
		"inputs: [":              "c:1",
		"inputs: 5\noutputs: []": "c:1:9: inputs: must be a list",
		"inputs: []":             `key "outputs" is missing`,
	} {
		if _, err := Names("c", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}
