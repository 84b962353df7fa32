package conf

import (
	"bytes"
	"errors"
	"io"

	"gopkg.in/yaml.v3"
)

// DecodeText decodes a small YAML file with one mapping into the targets; see [Decode]. The error has a line for each problem,
// with its position in the file of this name. An empty file leaves the defaults.
func DecodeText(name string, data []byte, targets ...any) error {
	var doc yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return nil
	} else if err != nil {
		return Problems{{File: name, Message: err.Error()}} // with the line
	}
	var ps Problems
	Decode(&ps, doc.Content[0], "", targets...)
	var more yaml.Node
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		ps = append(ps, Problem{Line: more.Line, Message: "a second document starts here (---)"})
	}
	return ps.In(name).Err()
}
