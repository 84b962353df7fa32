// Package catalogtest has the checks of configuration and README that every component must pass.
package catalogtest

import (
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/rtcollector/rtcollector/internal/catalog"
	"github.com/rtcollector/rtcollector/internal/conf"
)

// Reporter is the part of testing.TB that the checks use, so that they can be tested themselves.
type Reporter interface {
	Errorf(format string, args ...any)
}

// CheckConfig checks that a component's configuration is strict and documented: the defaults are valid, the README mentions every
// key as `key`, and a misspelled key is rejected with a suggestion. That also applies to the keys that all components of the kind
// have.
func CheckConfig[E, O, L any](t Reporter, d catalog.Definition[E, O, L], common ...string) {
	if d.Name() == "" || d.Summary() == "" {
		t.Errorf("no name, or no summary")
	}
	if _, problems, err := decode(d, ""); len(problems) > 0 || err != nil {
		t.Errorf("the defaults are rejected: %v", problems)
	}
	keys := conf.Keys(d.Defaults())
	for _, key := range keys {
		if !strings.Contains(d.Readme(), "`"+key+"`") {
			t.Errorf("the README does not mention the key `%s`", key)
		}
	}
	for _, key := range append(keys, common...) {
		checkTypo(t, d, key)
	}
	if _, problems, _ := decode(d, "no_such_key: 1"); problems.Err() == nil {
		t.Errorf("a key that does not exist is accepted")
	}
}

func checkTypo[E, O, L any](t Reporter, d catalog.Definition[E, O, L], key string) {
	_, problems, err := decode(d, key+"x: 1")
	if err != nil || len(problems) != 1 || problems.Err() == nil {
		t.Errorf("the unknown key %sx: %d problems, want one", key, len(problems))
		return
	}
	if message := problems.Error(); !strings.Contains(message, "unknown key") || !strings.Contains(message, "did you mean") {
		t.Errorf("the unknown key %sx is rejected without a suggestion: %s", key, message)
	}
}

// CheckSample checks that the sample, the settings and the starter of the README can be pasted below "inputs:" or "outputs:".
func CheckSample[E, O, L any](t Reporter, d catalog.Definition[E, O, L]) {
	for _, block := range []string{d.Sample(), d.Settings(), d.Starter()} {
		checkBlock(t, d, block)
	}
}

func checkBlock[E, O, L any](t Reporter, d catalog.Definition[E, O, L], block string) {
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(block), &doc); err != nil {
		t.Errorf("a yaml block of the README: %v", err)
		return
	}
	if len(doc.Content) != 1 || doc.Content[0].Kind != yaml.SequenceNode || len(doc.Content[0].Content) == 0 {
		t.Errorf("the README's first yaml block must be a list item (\"- %s:\")", d.Name())
		return
	}
	for _, item := range doc.Content[0].Content {
		checkItem(t, d, item)
	}
}

func checkItem[E, O, L any](t Reporter, d catalog.Definition[E, O, L], item *yaml.Node) {
	name, value := item, (*yaml.Node)(nil)
	if item.Kind == yaml.MappingNode && len(item.Content) == 2 {
		name, value = item.Content[0], item.Content[1]
	}
	if name.Kind != yaml.ScalarNode || name.Value != d.Name() {
		t.Errorf("line %d of the README's yaml block does not name %s", item.Line, d.Name())
		return
	}
	var problems conf.Problems
	d.Decode(&problems, value, d.Name())
	if len(problems) > 0 {
		t.Errorf("the README's yaml block: %v", problems)
	}
}

// Decode decodes a YAML configuration of the component's own keys. Config may be empty.
func Decode[E, O, L any](t testing.TB, d catalog.Definition[E, O, L], text string) (catalog.Built[E, O, L], conf.Problems) {
	t.Helper()
	built, problems, err := decode(d, text)
	if err != nil {
		t.Fatal(err)
	}
	return built, problems
}

// Build makes the live component of a valid configuration.
func Build[E, O, L any](t testing.TB, d catalog.Definition[E, O, L], text string, env E) L {
	t.Helper()
	built, problems := Decode(t, d, text)
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	live, err := built.New(env)
	if err != nil {
		t.Fatal(err)
	}
	return live
}

func decode[E, O, L any](d catalog.Definition[E, O, L], text string) (catalog.Built[E, O, L], conf.Problems, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		return catalog.Built[E, O, L]{}, nil, err
	}
	node := &doc
	if len(doc.Content) > 0 {
		node = doc.Content[0]
	}
	var problems conf.Problems
	return d.Decode(&problems, node, d.Name()), problems, nil
}
