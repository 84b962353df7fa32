package embedded

import "github.com/rtcollector/rtcollector/internal/embedded/resp"

// document is a JSON value under a key, or a hash that an index has taken in,
// whose content is among the ordinary keys.
type document struct {
	key  string
	json []byte   // compact; nil for a hash
	refs []docRef // where it is indexed
}

// docRef is a document's place in one index.
type docRef struct {
	index *searchIndex
	slot  uint32
}

// documentLimits counts the JSON documents of all databases against their caps.
type documentLimits struct {
	count    int
	maxCount int
	bytes    int64
	maxBytes int64
}

// documentBytes is what a document costs besides its key and text.
const documentBytes = 200

// bytes is what a JSON document adds to the limit.
func (doc *document) bytes() int64 { return int64(len(doc.key) + len(doc.json)) }

func (l *documentLimits) admit(docs int, bytes int64) bool {
	return l.count+docs <= l.maxCount && (bytes <= 0 || l.bytes+bytes <= l.maxBytes)
}

// putDocument sets the JSON of a document, or creates it when it is nil. The
// text is copied; it may be a reused buffer.
func (st *store) putDocument(d *database, doc *document, key, text []byte) resp.Error {
	if doc == nil {
		if !st.docs.admit(1, int64(len(key)+len(text))) {
			return resp.ErrOOM
		}
		doc = &document{key: string(key)}
		d.docs[doc.key] = doc
		st.docs.count++
		st.docs.bytes += int64(len(key))
	} else if !st.docs.admit(0, int64(len(text)-len(doc.json))) {
		return resp.ErrOOM
	}
	st.docs.bytes += int64(len(text) - len(doc.json))
	doc.json = append(make([]byte, 0, len(text)), text...)
	d.changed(doc.key)
	st.reindex(d, doc)
	return ""
}

// dropDocument removes a document from its database and its indexes.
func (st *store) dropDocument(d *database, doc *document) {
	doc.leaveIndexes()
	delete(d.docs, doc.key)
	d.ttl.set(doc.key, 0)
	st.docs.count--
	st.docs.bytes -= doc.bytes()
	d.changed(doc.key)
}

// deleteDocument is dropDocument for JSON.DEL, after which RediSearch looks for the document and notes that it is gone.
func (st *store) deleteDocument(d *database, doc *document) {
	st.dropDocument(d, doc)
	for _, ix := range st.search.list {
		if d == st.dbs[0] && ix.def.json && ix.wants(doc.key) {
			ix.faults.add(faultGone+doc.key, doc.key)
		}
	}
}

// renameDocument gives a document a free name; its indexes follow. One that has looked at it under its old name does
// not look again.
func (st *store) renameDocument(d *database, doc *document, to string) {
	from := doc.key
	delete(d.docs, from)
	st.docs.bytes += int64(len(to) - len(from))
	doc.key = to
	d.changed(from)
	d.changed(to)
	d.docs[to] = doc
	if d != st.dbs[0] {
		return
	}
	for _, ix := range st.search.list {
		switch {
		case !ix.def.json || !ix.wants(to):
			ix.remove(doc)
		case !ix.wants(from):
			ix.put(doc, ix.gatherJSON(doc.json))
		}
	}
}
