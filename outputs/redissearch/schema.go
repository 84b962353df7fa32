package redissearch

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rtcollector/rtcollector/internal/eventdoc"
)

// attribute is one name that can be searched for.
type attribute struct {
	name, kind string
	sortable   bool
}

// The types of attributes.
const (
	numeric = "NUMERIC"
	tag     = "TAG"
	text    = "TEXT"
)

// schema is what the index covers. What is filtered by is a TAG, matched as a whole; only the message is full text.
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

func (s Storage) keyType() string { return strings.ToUpper(string(s)) }

// path is where an attribute stands in a document.
func (s Storage) path(name string) string {
	if s == JSON {
		return "$." + name
	}
	return name
}

// define appends the definition of attributes as FT.CREATE and FT.ALTER take it.
func (s Storage) define(args []any, attributes []attribute) []any {
	for _, a := range attributes {
		args = append(args, s.path(a.name))
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

// compare returns the attributes that an index lacks, or an error that says in what it differs.
func (s *Settings) compare(in info) (missing []attribute, err error) {
	var wrong []string
	if in.keyType != s.Storage.keyType() {
		wrong = append(wrong, fmt.Sprintf("it covers keys of type %s, this output writes %s", in.keyType, s.Storage.keyType()))
	}
	if !slices.ContainsFunc(in.prefixes, func(p string) bool { return strings.HasPrefix(s.KeyPrefix, p) }) {
		wrong = append(wrong, fmt.Sprintf("it covers keys that begin with %s, this output's begin with %s", strings.Join(in.prefixes, " or "), s.KeyPrefix))
	}
	for _, a := range schema() {
		have, ok := in.attributes[a.name]
		switch {
		case !ok:
			missing = append(missing, a)
		case have.kind != a.kind:
			wrong = append(wrong, fmt.Sprintf("attribute %s is %s, it must be %s", a.name, have.kind, a.kind))
		case have.path != s.Storage.path(a.name) && in.keyType == s.Storage.keyType():
			wrong = append(wrong, fmt.Sprintf("attribute %s is read from %s, it must be %s", a.name, have.path, s.Storage.path(a.name)))
		}
	}
	if len(wrong) > 0 {
		return nil, fmt.Errorf("index %s does not fit: %s; remove it with FT.DROPINDEX %s, which keeps the documents, "+
			"and it is made anew, or set another index", s.Index, strings.Join(wrong, "; "), s.Index)
	}
	return missing, nil
}
