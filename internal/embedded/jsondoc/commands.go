package jsondoc

import (
	"slices"
	"unicode/utf8"

	"github.com/rtcollector/rtcollector/internal/embedded/keyspace"
	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

const (
	errNotAtRoot = resp.Error("ERR new objects must be created at the root")
	errWrongType = resp.Error("Existing key has wrong Redis type")
	errSyntax    = resp.Error("ERR syntax error")
	errFormat    = resp.Error("ERR wrong format")
	errNotUTF8   = resp.Error("Couldn't parse as UTF-8 string")
)

// setRequest is one document to write. JSON.SET has one, JSON.MSET several.
type setRequest struct {
	key       []byte
	path      Path
	text      []byte
	condition keyspace.Condition
}

// parseSet parses a key, a path, a text and the options of JSON.SET.
func parseSet(args [][]byte) (setRequest, resp.Error) {
	r := setRequest{key: args[0], text: args[2]}
	for _, a := range args[1:] {
		if !utf8.Valid(a) {
			return r, errNotUTF8
		}
	}
	var err resp.Error
	if r.path, err = ParsePath(args[1]); err != "" {
		return r, err
	}
	for rest := args[3:]; len(rest) > 0; rest = rest[1:] {
		switch {
		case resp.IsWord(rest[0], "NX") && r.condition == keyspace.Always:
			r.condition = keyspace.OnlyNew
		case resp.IsWord(rest[0], "XX") && r.condition == keyspace.Always:
			r.condition = keyspace.OnlyExisting
		case resp.IsWord(rest[0], "FORMAT") && len(rest) > 1:
			if string(rest[1]) != "JSON" && string(rest[1]) != "STRING" {
				return r, errFormat
			}
			rest = rest[1:]
		default:
			return r, errSyntax
		}
	}
	return r, ""
}

func (m *Module) runSet(c *keyspace.Session, args [][]byte) {
	r, err := parseSet(args[1:])
	if c.Fail(err) {
		return
	}
	d := c.Store.Lock(c.DB)
	defer c.Store.Unlock()
	defer m.compactor.shrink()
	doc, err := findDocument(d, r.key)
	if c.Fail(err) || c.Fail(m.compactor.compact(r.text)) {
		return
	}
	done, err := m.setAtPath(d, doc, &r, m.compactor.out)
	switch {
	case c.Fail(err):
	case done:
		c.Out.OK()
	default:
		c.Out.Null()
	}
}

// setAtPath writes a compact value. It returns false if NX, XX or the path prevented
// that.
func (m *Module) setAtPath(d *keyspace.Database, doc *Document, r *setRequest, val []byte) (done bool, err resp.Error) {
	switch {
	case doc == nil && r.condition == keyspace.OnlyExisting, doc != nil && r.condition == keyspace.OnlyNew && len(r.path.steps) == 0:
		return false, ""
	case len(r.path.steps) == 0:
		err = m.put(d, doc, r.key, val)
		return err == "", err
	case doc == nil:
		return false, errNotAtRoot
	}
	text, err := r.path.replace(doc.text, val, r.condition)
	if err != "" || text == nil {
		return false, err
	}
	err = m.put(d, doc, r.key, text)
	return err == "", err
}

// runMSet checks all documents before it writes the first one.
func (m *Module) runMSet(c *keyspace.Session, args [][]byte) {
	if (len(args)-1)%3 != 0 {
		c.Fail(keyspace.ErrArity)
		return
	}
	var all []setRequest
	for i := 1; i < len(args); i += 3 {
		r, err := parseSet(args[i : i+3])
		if c.Fail(err) {
			return
		}
		all = append(all, r)
	}
	d := c.Store.Lock(c.DB)
	defer c.Store.Unlock()
	defer m.compactor.shrink()
	if c.Fail(m.checkMSet(d, all)) {
		return
	}
	for i := range all {
		_ = m.compactor.compact(all[i].text)
		if _, err := m.setAtPath(d, documentAt(d, all[i].key), &all[i], m.compactor.out); c.Fail(err) {
			return
		}
	}
	c.Out.OK()
}

// checkMSet returns the error for the first document that cannot be written.
func (m *Module) checkMSet(d *keyspace.Database, all []setRequest) resp.Error {
	created, bytes, work := map[string]bool{}, int64(0), 0
	for i := range all {
		r := &all[i]
		if documentAt(d, r.key) == nil {
			if d.Exists(r.key) {
				return errWrongType
			}
			if len(r.path.steps) > 0 {
				return errNotAtRoot
			}
			created[string(r.key)] = true
		}
		if err := m.compactor.compact(r.text); err != "" {
			return err
		}
		bytes += int64(len(m.compactor.out) + len(r.key))
		if doc := documentAt(d, r.key); doc != nil {
			work += len(doc.text)
		}
		if work > maxWalkedBytes {
			return resp.ErrOOM
		}
	}
	if !m.hasRoom(len(created), bytes) {
		return resp.ErrOOM
	}
	return ""
}

func (m *Module) runDel(c *keyspace.Session, args [][]byte) {
	path := Path{}
	if len(args) > 2 {
		var err resp.Error
		if path, err = ParsePath(args[2]); c.Fail(err) {
			return
		}
	}
	d := c.Store.Lock(c.DB)
	defer c.Store.Unlock()
	doc, err := findDocument(d, args[1])
	if c.Fail(err) {
		return
	}
	switch {
	case doc == nil:
		c.Out.Int(0)
	case len(path.steps) == 0:
		d.DeleteEmptied(string(args[1]))
		c.Out.Int(1)
	default:
		c.Out.Int(m.removeAtPath(d, args[1], doc, &path))
	}
}

// removeAtPath removes values from a document and returns how many. A document
// that is then an empty list or object is deleted.
func (m *Module) removeAtPath(d *keyspace.Database, key []byte, doc *Document, path *Path) int64 {
	text, n := path.remove(doc.text)
	switch {
	case n == 0:
	case len(text) == len("[]"):
		d.DeleteEmptied(string(key))
	default:
		_ = m.put(d, doc, key, text) // a shorter text is always allowed
	}
	return int64(n)
}

func (m *Module) runType(c *keyspace.Session, args [][]byte) {
	path := Path{legacy: true, dollar: "$"}
	if len(args) > 2 {
		var err resp.Error
		if path, err = ParsePath(args[2]); c.Fail(err) {
			return
		}
	}
	d := c.Store.RLock(c.DB)
	defer c.Store.RUnlock()
	doc, err := findDocument(d, args[1])
	if c.Fail(err) {
		return
	}
	if c.Out.RESP3 {
		c.Out.Array(1)
	}
	if doc == nil {
		c.Out.Null()
		return
	}
	found := path.Find(doc.text)
	switch {
	case !path.legacy:
		c.Out.Array(len(found))
		for _, f := range found {
			c.Out.Bulk(kindOf(doc.text[f.From:f.To]))
		}
	case len(found) == 0:
		c.Out.Null()
	default:
		c.Out.Bulk(kindOf(doc.text[found[0].From:found[0].To]))
	}
}

// kindOf returns the JSON.TYPE of a compact value.
func kindOf(text []byte) string {
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
