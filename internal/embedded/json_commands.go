package embedded

import (
	"slices"
	"unicode/utf8"

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

const (
	errJSONRoot   = resp.Error("ERR new objects must be created at the root")
	errJSONType   = resp.Error("Existing key has wrong Redis type")
	errJSONSyntax = resp.Error("ERR syntax error")
	errJSONFormat = resp.Error("ERR wrong format")
	errNotUTF8    = resp.Error("Couldn't parse as UTF-8 string")
)

func jsonCommands() []command {
	return []command{
		{"json.set", -4, flagWrite, jsonSet},
		{"json.mset", -4, flagWrite, jsonMSet},
		{"json.get", -2, 0, jsonGet},
		{"json.mget", -3, 0, jsonMGet},
		{"json.del", -2, flagWrite, jsonDel},
		{"json.forget", -2, flagWrite, jsonDel},
		{"json.type", -2, 0, jsonType},
	}
}

// setRequest is one document to write: JSON.SET has one, JSON.MSET several.
type setRequest struct {
	key  []byte
	path jsonPath
	text []byte
	mode setMode
}

func parseSet(args [][]byte) (setRequest, resp.Error) {
	r := setRequest{key: args[0], text: args[2]}
	for _, a := range args[1:] {
		if !utf8.Valid(a) {
			return r, errNotUTF8
		}
	}
	var err resp.Error
	if r.path, err = parsePath(args[1]); err != "" {
		return r, err
	}
	for rest := args[3:]; len(rest) > 0; rest = rest[1:] {
		switch {
		case resp.IsWord(rest[0], "NX") && r.mode == setAlways:
			r.mode = setNew
		case resp.IsWord(rest[0], "XX") && r.mode == setAlways:
			r.mode = setKnown
		case resp.IsWord(rest[0], "FORMAT") && len(rest) > 1:
			if string(rest[1]) != "JSON" && string(rest[1]) != "STRING" {
				return r, errJSONFormat
			}
			rest = rest[1:]
		default:
			return r, errJSONSyntax
		}
	}
	return r, ""
}

func jsonSet(c *conn, args [][]byte) {
	r, err := parseSet(args[1:])
	if c.fail(err) {
		return
	}
	st := c.srv.store
	d := st.lock(c.db)
	defer st.mu.Unlock()
	doc, err := c.document(d, r.key)
	if c.fail(err) || c.fail(c.json.compact(r.text)) {
		return
	}
	done, err := st.set(d, doc, &r, c.json.out)
	switch {
	case c.fail(err):
	case done:
		c.out.OK()
	default:
		c.out.Null()
	}
}

// set writes a compact value; done is false when NX, XX or the path kept it out.
func (st *store) set(d *database, doc *document, r *setRequest, val []byte) (done bool, err resp.Error) {
	switch {
	case doc == nil && r.mode == setKnown, doc != nil && r.mode == setNew && len(r.path.steps) == 0:
		return false, ""
	case len(r.path.steps) == 0:
		err = st.putDocument(d, doc, r.key, val)
		return err == "", err
	case doc == nil:
		return false, errJSONRoot
	}
	text, err := r.path.set(doc.json, val, r.mode)
	if err != "" || text == nil {
		return false, err
	}
	err = st.putDocument(d, doc, r.key, text)
	return err == "", err
}

// jsonMSet looks at all before it writes any.
func jsonMSet(c *conn, args [][]byte) {
	if (len(args)-1)%3 != 0 {
		c.fail(errArity)
		return
	}
	var all []setRequest
	for i := 1; i < len(args); i += 3 {
		r, err := parseSet(args[i : i+3])
		if c.fail(err) {
			return
		}
		all = append(all, r)
	}
	st := c.srv.store
	d := st.lock(c.db)
	defer st.mu.Unlock()
	if c.fail(c.mayMSet(d, all)) {
		return
	}
	for i := range all {
		_ = c.json.compact(all[i].text)
		if _, err := st.set(d, d.docs[string(all[i].key)], &all[i], c.json.out); c.fail(err) {
			return
		}
	}
	c.out.OK()
}

func (c *conn) mayMSet(d *database, all []setRequest) resp.Error {
	created, bytes, work := map[string]bool{}, int64(0), 0
	for i := range all {
		r := &all[i]
		if d.docs[string(r.key)] == nil {
			if d.has(r.key) {
				return errJSONType
			}
			if len(r.path.steps) > 0 {
				return errJSONRoot
			}
			created[string(r.key)] = true
		}
		if err := c.json.compact(r.text); err != "" {
			return err
		}
		bytes += int64(len(c.json.out) + len(r.key))
		if doc := d.docs[string(r.key)]; doc != nil {
			work += len(doc.json)
		}
		if work > maxJSONWork {
			return resp.ErrOOM
		}
	}
	if !c.srv.store.docs.admit(len(created), bytes) {
		return resp.ErrOOM
	}
	return ""
}

func jsonDel(c *conn, args [][]byte) {
	path := jsonPath{}
	if len(args) > 2 {
		var err resp.Error
		if path, err = parsePath(args[2]); c.fail(err) {
			return
		}
	}
	st := c.srv.store
	d := st.lock(c.db)
	defer st.mu.Unlock()
	doc, err := c.document(d, args[1])
	if c.fail(err) {
		return
	}
	switch {
	case doc == nil:
		c.out.Int(0)
	case len(path.steps) == 0:
		st.deleteDocument(d, doc)
		c.out.Int(1)
	default:
		c.out.Int(c.removeAt(d, doc, &path))
	}
}

func (c *conn) removeAt(d *database, doc *document, path *jsonPath) int64 {
	text, n := path.remove(doc.json)
	switch {
	case n == 0:
	case len(text) == 2: // an empty list or object goes with its key
		c.srv.store.deleteDocument(d, doc)
	default:
		_ = c.srv.store.putDocument(d, doc, nil, text) // it shrank: no cap is in its way
	}
	return int64(n)
}

// document finds a document; nil when there is no such key.
func (c *conn) document(d *database, key []byte) (*document, resp.Error) {
	doc := d.docs[string(key)]
	if doc == nil && d.has(key) {
		return nil, errJSONType
	}
	return doc, ""
}

func jsonType(c *conn, args [][]byte) {
	path := jsonPath{legacy: true, dollar: "$"}
	if len(args) > 2 {
		var err resp.Error
		if path, err = parsePath(args[2]); c.fail(err) {
			return
		}
	}
	st := c.srv.store
	d := st.rlock(c.db)
	defer st.mu.RUnlock()
	doc, err := c.document(d, args[1])
	if c.fail(err) {
		return
	}
	if c.out.RESP3 {
		c.out.Array(1)
	}
	if doc == nil {
		c.out.Null()
		return
	}
	found := path.find(doc.json)
	switch {
	case !path.legacy:
		c.out.Array(len(found))
		for _, f := range found {
			c.out.Bulk(jsonKind(doc.json[f.from:f.to]))
		}
	case len(found) == 0:
		c.out.Null()
	default:
		c.out.Bulk(jsonKind(doc.json[found[0].from:found[0].to]))
	}
}

// jsonKind names the type of a compact value.
func jsonKind(text []byte) string {
	switch text[0] {
	case '{':
		return "object"
	case '[':
		return "array"
	case '"':
		return "string"
	case 't', 'f':
		return "boolean"
	case 'n':
		return "null"
	}
	if slices.ContainsFunc(text, func(c byte) bool { return c == '.' || c == 'e' }) {
		return "number"
	}
	return "integer"
}
