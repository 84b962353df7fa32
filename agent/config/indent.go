package config

import (
	"bytes"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/rtcollector/rtcollector/internal/conf"
)

// splitIndentedItems reports list items that are indented more than the previous item, as in
//
//   - mem
//   - cpu
//
// YAML reads that as one text, "mem - cpu". The text is cut after "mem", so that the rest is checked as usual.
func splitIndentedItems(ps *conf.Problems, n *yaml.Node, data []byte) {
	lines := bytes.Split(data, []byte("\n"))
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		for _, child := range n.Content {
			walk(child)
		}
		const plain = 0
		before, _, found := strings.Cut(n.Value, " - ")
		if n.Kind != yaml.ScalarNode || n.Style != plain || !found || n.Line < 1 || n.Line > len(lines) ||
			bytes.Contains(lines[n.Line-1], []byte(n.Value)) { // all on one line
			return
		}
		for i := n.Line; i < len(lines) && i <= n.Line+maxBlankLines; i++ { // the line after the value's first
			line := bytes.TrimLeft(lines[i], " ")
			if len(bytes.TrimSpace(line)) == 0 || line[0] == '#' {
				continue
			}
			if bytes.HasPrefix(line, []byte("- ")) {
				at := &yaml.Node{Line: i + 1, Column: len(lines[i]) - len(line) + 1}
				ps.Add(at, "", "this \"- \" is indented too deep: it is read as part of the value on line %d", n.Line)
				n.Value = before
			}
			return
		}
	}
	walk(n)
}

// maxBlankLines is the number of lines without content that are skipped in search of the second line of a value.
const maxBlankLines = 8

// findIndentedItem returns the position of the first list item that is indented deeper than a complete item before it, or nil.
func findIndentedItem(lines [][]byte) *yaml.Node {
	indent, isComplete := -1, false // of the previous line
	for i, whole := range lines {
		line := bytes.TrimLeft(whole, " ")
		text := bytes.TrimSpace(line)
		if len(text) == 0 || text[0] == '#' {
			continue
		}
		column := len(whole) - len(line)
		isItem := bytes.HasPrefix(text, []byte("- "))
		if isItem && isComplete && column > indent {
			return &yaml.Node{Line: i + 1, Column: column + 1}
		}
		isComplete = isItem && !bytes.HasSuffix(text, []byte(":")) && !bytes.ContainsAny(text, "|>&!#")
		indent = column
	}
	return nil
}
