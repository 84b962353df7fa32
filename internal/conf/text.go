package conf

import (
	"bytes"
	"errors"
	"io"

	"gopkg.in/yaml.v3"
)

// DecodeText decodes a small YAML file with one mapping into the targets; see [Decode]. The error has a line for each problem,
// with its position in the file of this name. An empty file leaves the defaults. A file that aliases (*name) make many times larger than it is
// written is refused.
func DecodeText(name string, data []byte, targets ...any) error {
	var doc yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return nil
	} else if err != nil {
		return Problems{{File: name, Message: err.Error()}} // with the line
	}
	if left := maxNodes; !countNodes(&doc, &left, maxDepth) {
		return Problems{{File: name, Message: "has too many values, because of aliases (*name), or is nested too deeply"}}
	}
	var ps Problems
	Decode(&ps, doc.Content[0], "", targets...)
	var more yaml.Node
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		ps = append(ps, Problem{Line: more.Line, Message: "a second document starts here (---)"})
	}
	return ps.In(name).Err()
}

// maxNodes bounds the values of a small file, with those that aliases repeat.
const maxNodes = 1 << 20

// countNodes reports whether a node and what is below it, behind aliases too, are at most left values, and not nested too deeply.
func countNodes(n *yaml.Node, left *int, depth int) bool {
	if *left--; *left < 0 || depth < 0 {
		return false
	}
	if n = Resolve(n); n == nil {
		return true
	}
	for _, child := range n.Content {
		if !countNodes(child, left, depth-1) {
			return false
		}
	}
	return true
}
