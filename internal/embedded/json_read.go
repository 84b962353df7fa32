package embedded

import (
	"bytes"
	"fmt"

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

// maxJSONWork bounds the bytes of documents that one command walks through: a few
// bytes of request can name the same large document many times.
const maxJSONWork = 1 << 30

const maxLayoutWord = 256 // bytes of an INDENT; it is repeated on each line

const (
	errFormatRESP2 = resp.Error("ERR FORMAT argument is not supported on RESP2")
	errReplyFormat = resp.Error("ERR wrong reply format")
	errExpand      = resp.Error("ERR FORMAT EXPAND is not supported by rtcollector's embedded server")
)

// getRequest is what JSON.GET asks for.
type getRequest struct {
	paths  []jsonPath
	legacy bool // all of them: one value each, not lists
	layout jsonLayout
}

func parseGet(args [][]byte, resp3 bool) (getRequest, resp.Error) {
	r := getRequest{legacy: true}
	for ; len(args) > 0; args = args[1:] {
		var into *string
		switch {
		case resp.IsWord(args[0], "NOESCAPE"):
			continue
		case resp.IsWord(args[0], "INDENT"):
			into = &r.layout.indent
		case resp.IsWord(args[0], "NEWLINE"):
			into = &r.layout.newline
		case resp.IsWord(args[0], "SPACE"):
			into = &r.layout.space
		case resp.IsWord(args[0], "FORMAT"):
			if err := checkFormat(args[1:], resp3); err != "" {
				return r, err
			}
			args = args[1:]
			continue
		default:
			p, err := parsePath(args[0])
			if err != "" {
				return r, err
			}
			r.paths, r.legacy = append(r.paths, p), r.legacy && p.legacy
			continue
		}
		if len(args) < 2 {
			return r, errArity
		}
		if len(args[1]) > maxLayoutWord {
			return r, resp.ErrReplyTooLong
		}
		*into = string(args[1])
		args = args[1:]
	}
	if len(r.paths) == 0 {
		r.paths = []jsonPath{{legacy: true, text: ".", dollar: "$"}}
	}
	return r, ""
}

func checkFormat(args [][]byte, resp3 bool) resp.Error {
	switch {
	case !resp3:
		return errFormatRESP2
	case len(args) == 0:
		return errArity
	case string(args[0]) == "STRING":
		return ""
	case string(args[0]) == "EXPAND", string(args[0]) == "EXPAND1":
		return errExpand
	}
	return errReplyFormat
}

func jsonGet(c *conn, args [][]byte) {
	r, err := parseGet(args[2:], c.out.RESP3)
	if c.fail(err) {
		return
	}
	st := c.srv.store
	d := st.rlock(c.db)
	defer st.mu.RUnlock()
	doc, err := c.document(d, args[1])
	if c.fail(err) {
		return
	}
	if doc == nil {
		c.out.Null()
		return
	}
	if len(r.paths)*len(doc.json) > maxJSONWork {
		c.fail(resp.ErrReplyTooLong)
		return
	}
	text, err := r.render(doc.json)
	if !c.fail(err) {
		c.out.Bulk(string(text))
	}
}

// render writes what the paths lead to: one value or list, or with several
// paths an object of them.
func (r *getRequest) render(text []byte) (out []byte, err resp.Error) {
	if len(r.paths) == 1 {
		out, err = r.paths[0].values(nil, text, r.legacy)
		if err != "" {
			return nil, resp.Error(fmt.Sprintf("ERR Path '%s' does not exist", r.paths[0].dollar))
		}
		return r.layout.apply(out)
	}
	out = append(out, '{')
	seen := map[string]bool{}
	for i := range r.paths {
		p := &r.paths[i]
		if seen[p.text] {
			continue
		}
		if len(seen) > 0 {
			out = append(out, ',')
		}
		seen[p.text] = true
		out = append(appendJSONString(out, p.text), ':')
		if out, err = p.values(out, text, r.legacy); err != "" {
			return nil, resp.Error(fmt.Sprintf("ERR Path '%s' does not exist", p.text))
		}
		if len(out) > resp.MaxValueReplyBytes {
			return nil, resp.ErrReplyTooLong
		}
	}
	return r.layout.apply(append(out, '}'))
}

const errNoPath = resp.Error("no such path")

// values appends the one value that a legacy path means, or a list of all.
func (p *jsonPath) values(dst, text []byte, legacy bool) ([]byte, resp.Error) {
	found := p.find(text)
	if legacy {
		if len(found) == 0 {
			return dst, errNoPath
		}
		return append(dst, text[found[0].from:found[0].to]...), ""
	}
	dst = append(dst, '[')
	for i, f := range found {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, text[f.from:f.to]...)
	}
	return append(dst, ']'), ""
}

func jsonMGet(c *conn, args [][]byte) {
	path, err := parsePath(args[len(args)-1])
	if c.fail(err) {
		return
	}
	st := c.srv.store
	d := st.rlock(c.db)
	defer st.mu.RUnlock()
	keys, start := args[1:len(args)-1], c.out.Len()
	c.out.Array(len(keys))
	work := 0
	for _, key := range keys {
		doc := d.docs[string(key)]
		if doc == nil {
			c.out.Null()
			continue
		}
		if work += len(doc.json); work > maxJSONWork {
			c.out.Truncate(start)
			c.fail(resp.ErrReplyTooLong)
			return
		}
		if text, err := path.values(nil, doc.json, path.legacy); err != "" {
			c.out.Null()
		} else {
			c.out.Bulk(string(text))
		}
		if c.tooLong(start) {
			return
		}
	}
}

// tooLong replaces a reply that grew beyond the limit by an error.
func (c *conn) tooLong(start int) bool {
	if c.out.Len()-start <= resp.MaxValueReplyBytes {
		return false
	}
	c.out.Truncate(start)
	return c.fail(resp.ErrReplyTooLong)
}

// jsonLayout is how a reply is made readable.
type jsonLayout struct{ indent, newline, space string }

func (l *jsonLayout) apply(text []byte) ([]byte, resp.Error) {
	if l.indent == "" && l.newline == "" && l.space == "" {
		return text, ""
	}
	var b bytes.Buffer
	depth := 0
	breakLine := func() {
		b.WriteString(l.newline)
		for range depth {
			b.WriteString(l.indent)
		}
	}
	for i := 0; i < len(text); i++ {
		if b.Len() > resp.MaxValueReplyBytes {
			return nil, resp.ErrReplyTooLong
		}
		switch c := text[i]; c {
		case '"':
			end := skipString(text, i)
			b.Write(text[i:end])
			i = end - 1
		case '{', '[':
			b.WriteByte(c)
			if text[i+1] == '}' || text[i+1] == ']' {
				i++
				b.WriteByte(text[i])
				continue
			}
			depth++
			breakLine()
		case '}', ']':
			depth--
			breakLine()
			b.WriteByte(c)
		case ',':
			b.WriteByte(c)
			breakLine()
		case ':':
			b.WriteByte(c)
			b.WriteString(l.space)
		default:
			b.WriteByte(c)
		}
	}
	return b.Bytes(), ""
}
