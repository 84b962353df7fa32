package jsondoc

import (
	"github.com/rtcollector/rtcollector/internal/embedded/keyspace"
	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

// documentBytes is the estimated size of a document besides its key and text.
const documentBytes = 200

// Module runs the commands of all documents. The store's lock guards it.
type Module struct {
	store     *keyspace.Store
	count     int
	maxCount  int
	bytes     int64 // of all keys and texts
	maxBytes  int64
	compactor compactor
}

// New adds documents to a store. There are at most maxCount of them, and their
// keys and texts take at most maxBytes.
func New(store *keyspace.Store, maxCount int, maxBytes int64) *Module {
	m := &Module{store: store, maxCount: maxCount, maxBytes: maxBytes}
	store.RegisterLoader(dumpTag, m.load)
	return m
}

// Commands returns the commands of RedisJSON.
func (m *Module) Commands() []keyspace.Command {
	return []keyspace.Command{
		keyspace.Custom("json.set", -4, keyspace.FlagWrite, m.runSet),
		keyspace.Custom("json.mset", -4, keyspace.FlagWrite, m.runMSet),
		keyspace.Custom("json.get", -2, 0, m.runGet),
		keyspace.Custom("json.mget", -3, 0, m.runMGet),
		keyspace.Custom("json.del", -2, keyspace.FlagWrite, m.runDel),
		keyspace.Custom("json.forget", -2, keyspace.FlagWrite, m.runDel),
		keyspace.Custom("json.type", -2, 0, m.runType),
	}
}

// Usage returns the number of documents, and the bytes of their keys and texts.
// The store must be locked.
func (m *Module) Usage() (documents int, bytes int64) { return m.count, m.bytes }

// Document is a JSON value under a key.
type Document struct {
	key    string
	text   []byte // compact
	module *Module
}

// NewDocument returns a document of a compact text, which belongs to no module.
// It is for tests of other packages.
func NewDocument(text []byte) *Document { return &Document{text: text} }

// Text returns the document in compact form. It must not be changed, and it is
// valid while the store is locked.
func (doc *Document) Text() []byte { return doc.text }

// TypeName returns the answer of TYPE.
func (doc *Document) TypeName() string { return "ReJSON-RL" }

// MemoryUsage estimates the heap bytes of the document and its key.
func (doc *Document) MemoryUsage() int64 { return doc.countedBytes() + documentBytes }

// countedBytes is how much the document counts against the limit.
func (doc *Document) countedBytes() int64 { return int64(len(doc.key) + len(doc.text)) }

// Admit returns OOM if a limit does not allow to add the document.
func (doc *Document) Admit(key string) resp.Error {
	if !doc.module.hasRoom(1, int64(len(key)+len(doc.text))) {
		return resp.ErrOOM
	}
	return ""
}

// Added counts the document.
func (doc *Document) Added(_ *keyspace.Database, key string) {
	doc.key = key
	doc.module.count++
	doc.module.bytes += doc.countedBytes()
}

// Rename counts the new key. It returns OOM if that does not fit.
func (doc *Document) Rename(from, to string) resp.Error {
	longer := int64(len(to) - len(from))
	if !doc.module.hasRoom(0, longer) {
		return resp.ErrOOM
	}
	doc.module.bytes += longer
	doc.key = to
	return ""
}

// Removed subtracts the document from the memory in use.
func (doc *Document) Removed(string) {
	doc.module.count--
	doc.module.bytes -= doc.countedBytes()
}

// hasRoom reports whether the limits allow so many more documents and bytes.
func (m *Module) hasRoom(documents int, bytes int64) bool {
	return m.count+documents <= m.maxCount && (bytes <= 0 || m.bytes+bytes <= m.maxBytes)
}

// documentAt returns the document of a key, nil if there is none.
func documentAt(d *keyspace.Database, key []byte) *Document {
	doc, _ := d.Get(key).(*Document)
	return doc
}

// findDocument returns the document of a key, nil if the key does not exist. The
// error is for keys of other types.
func findDocument(d *keyspace.Database, key []byte) (*Document, resp.Error) {
	v := d.Get(key)
	doc, ok := v.(*Document)
	if v != nil && !ok {
		return nil, errWrongType
	}
	return doc, ""
}

// put sets the text of a document. If doc is nil it creates one under the key. It
// copies the text, which can be a reused buffer.
func (m *Module) put(d *keyspace.Database, doc *Document, key, text []byte) resp.Error {
	if doc == nil {
		if !m.hasRoom(1, int64(len(key)+len(text))) {
			return resp.ErrOOM
		}
		d.Put(string(key), &Document{text: copyOf(text), module: m})
		return ""
	}
	longer := int64(len(text) - len(doc.text))
	if !m.hasRoom(0, longer) {
		return resp.ErrOOM
	}
	m.bytes += longer
	doc.text = copyOf(text)
	d.Changed(doc.key, doc)
	return ""
}

// copyOf copies a text into a buffer of exactly its size.
func copyOf(text []byte) []byte { return append(make([]byte, 0, len(text)), text...) }
