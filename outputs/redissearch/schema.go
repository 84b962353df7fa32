package redissearch

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rtcollector/rtcollector/internal/eventdoc"
)

// attribute is one attribute of the index.
type attribute struct {
	name, kind string
	sortable   bool
}

// Types of attributes.
const (
	numeric = "NUMERIC"
	tag     = "TAG"
	text    = "TEXT"
)

// schema returns the attributes of the index. Texts for filtering are TAGs, which match as a whole; only the message is full text.
func schema() []attribute {
	return []attribute{
		{eventdoc.Timestamp, numeric, true},
		{eventdoc.Severity, numeric, true},
		{eventdoc.Facility, numeric, false},
		{eventdoc.Message, text, false},
		{eventdoc.Host, tag, false},
		{eventdoc.App, tag, false},
		{eventdoc.Level, tag, false},
		{eventdoc.Source, tag, false},
		{eventdoc.Name, tag, false},
		{eventdoc.Proc, tag, false},
		{eventdoc.MsgID, tag, false},
		{eventdoc.RemoteIP, tag, false},
	}
}

func (s Storage) indexKeyType() string { return strings.ToUpper(string(s)) }

// attributePath returns the path of an attribute in a document.
func (s Storage) attributePath(name string) string {
	if s == JSON {
		return "$." + name
	}
	return name
}

// appendSchema appends the definition of attributes for FT.CREATE and FT.ALTER.
func (s Storage) appendSchema(args []any, attributes []attribute) []any {
	for _, a := range attributes {
		args = append(args, s.attributePath(a.name))
		if s == JSON {
			args = append(args, "AS", a.name)
		}
		args = append(args, a.kind)
		if a.sortable {
			args = append(args, "SORTABLE")
		}
	}
	return args
}

// compareIndex returns the attributes that an index lacks, or an error that describes why it cannot be used.
func (s *Settings) compareIndex(in indexInfo) (missing []attribute, err error) {
	var differences []string
	if in.keyType != s.Storage.indexKeyType() {
		differences = append(differences, fmt.Sprintf("it covers keys of type %s, but this output writes %s", in.keyType, s.Storage.indexKeyType()))
	}
	if !slices.ContainsFunc(in.prefixes, func(p string) bool { return strings.HasPrefix(s.KeyPrefix, p) }) {
		differences = append(differences, fmt.Sprintf("it covers keys that begin with %s, but this output's keys begin with %s", strings.Join(in.prefixes, " or "), s.KeyPrefix))
	}
	for _, a := range schema() {
		have, ok := in.attributes[a.name]
		switch {
		case !ok:
			missing = append(missing, a)
		case have.kind != a.kind:
			differences = append(differences, fmt.Sprintf("attribute %s is %s, but must be %s", a.name, have.kind, a.kind))
		case have.path != s.Storage.attributePath(a.name) && in.keyType == s.Storage.indexKeyType():
			differences = append(differences, fmt.Sprintf("attribute %s is read from %s, but must be read from %s", a.name, have.path, s.Storage.attributePath(a.name)))
		}
	}
	if len(differences) > 0 {
		return nil, fmt.Errorf("index %s cannot be used: %s; drop it with FT.DROPINDEX %s, which keeps the documents, "+
			"and rtcollector creates it again, or set another index", s.Index, strings.Join(differences, "; "), s.Index)
	}
	return missing, nil
}
