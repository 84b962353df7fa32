package plugintest

import (
	"regexp"
	"runtime"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/plugins"
)

const goos = runtime.GOOS

// reporter is what the checks need of a test, so that they are tested themselves.
type reporter interface {
	Errorf(format string, args ...any)
}

// checkConfig checks that an input's configuration is strict and documented.
func checkConfig(t reporter, def plugins.Definition) {
	if def.Summary() == "" {
		t.Errorf("no summary")
	}
	if _, problems, err := decode(def, ""); len(problems) > 0 || err != nil {
		t.Errorf("the defaults are refused: %v", problems)
	}
	keys := conf.Keys(def.Defaults())
	for _, key := range keys {
		if !hasWord(def.Readme(), key) {
			t.Errorf("the README does not mention the key %s", key)
		}
	}
	checkTypos(t, def, append(keys, "interval"))
	checkSample(t, def)
}

// checkTypos checks that a misspelt key is refused with the right one suggested.
func checkTypos(t reporter, def plugins.Definition, keys []string) {
	for _, key := range keys {
		_, problems, err := decode(def, key+"x: 1")
		if err != nil || len(problems) != 1 || problems.Err() == nil {
			t.Errorf("the unknown key %sx: %d problems, want one", key, len(problems))
			continue
		}
		if message := problems.Error(); !strings.Contains(message, "unknown key") || !strings.Contains(message, "did you mean") {
			t.Errorf("the unknown key %sx is refused without a suggestion: %s", key, message)
		}
	}
}

// checkSample checks that the README's first yaml block can be pasted below "inputs:".
func checkSample(t reporter, def plugins.Definition) {
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(def.Sample()), &doc); err != nil {
		t.Errorf("the README's yaml block: %v", err)
		return
	}
	if len(doc.Content) != 1 || doc.Content[0].Kind != yaml.SequenceNode || len(doc.Content[0].Content) == 0 {
		t.Errorf("the README's first yaml block must be a list item (\"- %s:\")", def.Name())
		return
	}
	for _, item := range doc.Content[0].Content {
		checkItem(t, def, item)
	}
}

func checkItem(t reporter, def plugins.Definition, item *yaml.Node) {
	name, value := item, (*yaml.Node)(nil)
	if item.Kind == yaml.MappingNode && len(item.Content) == 2 {
		name, value = item.Content[0], item.Content[1]
	}
	if name.Kind != yaml.ScalarNode || name.Value != def.Name() {
		t.Errorf("line %d of the README's yaml block does not name %s", item.Line, def.Name())
		return
	}
	var problems conf.Problems
	def.Decode(&problems, value, def.Name())
	if len(problems) > 0 {
		t.Errorf("the README's yaml block: %v", problems)
	}
}

func hasWord(text, word string) bool {
	return regexp.MustCompile(`(^|[^\w])` + regexp.QuoteMeta(word) + `($|[^\w])`).MatchString(text)
}
