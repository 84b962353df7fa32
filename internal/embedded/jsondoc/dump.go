package jsondoc

import "github.com/rtcollector/rtcollector/internal/embedded/keyspace"

// dumpTag identifies documents in the payload of DUMP.
const dumpTag = 'j'

// TypeTag identifies the type in the payload of DUMP.
func (doc *Document) TypeTag() byte { return dumpTag }

// Clone returns an independent copy.
func (doc *Document) Clone() keyspace.Value {
	return &Document{text: copyOf(doc.text), module: doc.module}
}

// AppendDump writes the text for DUMP.
func (doc *Document) AppendDump(e *keyspace.Encoder) { e.Bytes(doc.text) }

// load decodes what AppendDump wrote. It compacts the text again, because all
// other code relies on compact text.
func (m *Module) load(d *keyspace.Decoder) keyspace.Value {
	doc := &Document{module: m}
	text := d.Bytes()
	if m.compactor.compact(text) != "" {
		d.Reject()
	} else {
		doc.text = copyOf(m.compactor.out)
	}
	m.compactor.shrink()
	return doc
}
