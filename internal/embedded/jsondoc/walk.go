package jsondoc

// Children iterates over the members of an object or the elements of an array
// in compact text.
type Children struct {
	text     []byte
	at       int
	IsObject bool
	keyEnd   int
	Span     Span // of the current child
}

// Open starts the iteration. It returns false for a value that has no children.
func (c *Children) Open(text []byte, at Span) bool {
	*c = Children{text: text, at: at.From + 1, IsObject: text[at.From] == '{'}
	return c.IsObject || text[at.From] == '['
}

// Next goes to the next child. It returns false if there is none.
func (c *Children) Next() bool {
	if c.text[c.at] == ',' {
		c.at++
	}
	if c.text[c.at] == '}' || c.text[c.at] == ']' {
		return false
	}
	key := c.at
	if c.IsObject {
		c.keyEnd = skipString(c.text, c.at)
		c.at = c.keyEnd + 1 // the colon
	}
	c.Span = Span{From: c.at, To: skipValue(c.text, c.at), member: key}
	c.at = c.Span.To
	return true
}

// Name returns the key of the current member with its quotes.
func (c *Children) Name() []byte { return c.text[c.Span.member:c.keyEnd] }

func (c *Children) count() int {
	n := 0
	for it := *c; it.Next(); {
		n++
	}
	return n
}

// skipString returns the end of the string that starts at an offset.
func skipString(text []byte, at int) int {
	for at++; ; at += 2 {
		if at += plainPrefix(text[at:]); text[at] == '"' {
			return at + 1
		}
	}
}

// skipValue returns the end of the value that starts at an offset of compact
// text.
func skipValue(text []byte, at int) int {
	switch text[at] {
	case '"':
		return skipString(text, at)
	case '{', '[':
		return skipNested(text, at)
	}
	for at < len(text) && text[at] != ',' && text[at] != '}' && text[at] != ']' {
		at++
	}
	return at
}

func skipNested(text []byte, at int) int {
	for depth := 0; ; at++ {
		switch text[at] {
		case '"':
			at = skipString(text, at) - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return at + 1
			}
		}
	}
}
