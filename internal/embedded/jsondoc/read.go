package jsondoc

import (
	"bytes"
	"fmt"

	"github.com/rtcollector/rtcollector/internal/embedded/keyspace"
	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

// maxWalkedBytes bounds the text that one command walks through, because a
// short request can name a large document many times.
const maxWalkedBytes = 1 << 30

// maxLayoutBytes bounds INDENT and its relatives, which are repeated on each line.
const maxLayoutBytes = 256

const (
	errFormatRESP2 = resp.Error("ERR FORMAT argument is not supported on RESP2")
	errReplyFormat = resp.Error("ERR wrong reply format")
	errExpand      = resp.Error("ERR FORMAT EXPAND is not supported by rtcollector's embedded server")
)

// getRequest is the request of JSON.GET.
type getRequest struct {
	paths  []Path
	legacy bool // all paths are: they select values instead of lists
	layout layout
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
			p, err := ParsePath(args[0])
			if err != "" {
				return r, err
			}
			r.paths, r.legacy = append(r.paths, p), r.legacy && p.legacy
			continue
		}
		if len(args) < 2 {
			return r, keyspace.ErrArity
		}
		if len(args[1]) > maxLayoutBytes {
			return r, resp.ErrReplyTooLong
		}
		*into = string(args[1])
		args = args[1:]
	}
	if len(r.paths) == 0 {
		r.paths = []Path{{legacy: true, text: ".", dollar: "$"}}
	}
	return r, ""
}

func checkFormat(args [][]byte, resp3 bool) resp.Error {
	switch {
	case !resp3:
		return errFormatRESP2
	case len(args) == 0:
		return keyspace.ErrArity
	case string(args[0]) == "STRING":
		return ""
	case string(args[0]) == "EXPAND", string(args[0]) == "EXPAND1":
		return errExpand
	}
	return errReplyFormat
}

func (m *Module) runGet(c *keyspace.Session, args [][]byte) {
	r, err := parseGet(args[2:], c.Out.RESP3)
	if c.Fail(err) {
		return
	}
	d := c.Store.RLock(c.DB)
	defer c.Store.RUnlock()
	doc, err := findDocument(d, args[1])
	if c.Fail(err) {
		return
	}
	if doc == nil {
		c.Out.Null()
		return
	}
	if len(r.paths)*len(doc.text) > maxWalkedBytes {
		c.Fail(resp.ErrReplyTooLong)
		return
	}
	text, err := r.render(doc.text)
	if !c.Fail(err) {
		c.Out.Bulk(string(text))
	}
}

// render returns what the paths select: one value or list, or an object with
// one member per path.
func (r *getRequest) render(text []byte) (out []byte, err resp.Error) {
	if len(r.paths) == 1 {
		out, err = r.paths[0].appendValues(nil, text, r.legacy)
		if err != "" {
			return nil, resp.Error(fmt.Sprintf("ERR Path '%s' does not exist", r.paths[0].dollar))
		}
		return r.layout.format(out)
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
		out = append(appendString(out, p.text), ':')
		if out, err = p.appendValues(out, text, r.legacy); err != "" {
			return nil, resp.Error(fmt.Sprintf("ERR Path '%s' does not exist", p.text))
		}
		if len(out) > resp.MaxValueReplyBytes {
			return nil, resp.ErrReplyTooLong
		}
	}
	return r.layout.format(append(out, '}'))
}

const errNoPath = resp.Error("no such path")

// appendValues appends the value of a legacy path, or a list of all values.
func (p *Path) appendValues(dst, text []byte, legacy bool) ([]byte, resp.Error) {
	found := p.Find(text)
	if legacy {
		if len(found) == 0 {
			return dst, errNoPath
		}
		return append(dst, text[found[0].From:found[0].To]...), ""
	}
	dst = append(dst, '[')
	for i, f := range found {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, text[f.From:f.To]...)
	}
	return append(dst, ']'), ""
}

func (m *Module) runMGet(c *keyspace.Session, args [][]byte) {
	path, err := ParsePath(args[len(args)-1])
	if c.Fail(err) {
		return
	}
	d := c.Store.RLock(c.DB)
	defer c.Store.RUnlock()
	keys, start := args[1:len(args)-1], c.Out.Len()
	c.Out.Array(len(keys))
	work := 0
	for _, key := range keys {
		doc := documentAt(d, key)
		if doc == nil {
			c.Out.Null()
			continue
		}
		if work += len(doc.text); work > maxWalkedBytes {
			c.Out.Truncate(start)
			c.Fail(resp.ErrReplyTooLong)
			return
		}
		if text, err := path.appendValues(nil, doc.text, path.legacy); err != "" {
			c.Out.Null()
		} else {
			c.Out.Bulk(string(text))
		}
		if c.FailLongReply(start) {
			return
		}
	}
}

// layout makes a reply readable.
type layout struct{ indent, newline, space string }

func (l *layout) format(text []byte) ([]byte, resp.Error) {
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
