package cmdline

import "strings"

// walker goes through the arguments of a command from left to right. The zero value is ready for a new command.
type walker struct {
	programs []*program // the known programs so far: sudo mysqldump, sshpass ssh
	words    []string   // subcommands so far that a program asks about
	previous string     // the argument before
	next     part       // which part of the next argument is a credential
	started  bool       // the name of the program was seen
	depth    int        // of commands within arguments
}

const (
	maxPrograms = 4 // known programs in one command
	maxDepth    = 6 // sh -c "ssh host 'sh -c …'"
)

const blanks = " \t\r\n\v\f"

// redactArgument returns one argument without credentials and remembers what that says about the next.
func (w *walker) redactArgument(arg string) string {
	previous := w.previous
	w.previous = arg
	if begin := strings.Index(arg, "-----BEGIN "); begin >= 0 && strings.Contains(arg[begin:], "PRIVATE KEY") {
		arg = arg[:begin] + mark
	}
	if w.next != nothing {
		return w.redactValue(arg)
	}
	if inner, quote, ok := unquote(arg); ok {
		return quote + w.redactArgument(inner) + quote
	}
	if !strings.ContainsAny(arg, blanks) || w.started && isWholeWord(arg, previous) {
		return w.redactWord(arg)
	}
	if clean, ok := w.redactShortOption(arg); ok && w.started {
		return clean
	}
	return w.redactCommand(arg)
}

// isWholeWord reports whether an argument with blanks is one word nevertheless: --name=VALUE, or the assignment of a credential that is not
// the begin of a command for sh -c.
func isWholeWord(arg, previous string) bool {
	name, _, ok := strings.Cut(arg, "=")
	if !ok || !isName(name) {
		return false
	}
	return name[0] == '-' || isCredential(name) && (!strings.HasPrefix(previous, "-") || !strings.HasSuffix(previous, "c"))
}

// redactValue redacts the value of the option before. An option in its place is one: its own value can be a credential.
func (w *walker) redactValue(arg string) string {
	secret := w.next
	w.next = nothing
	if secret == everything && len(arg) > 1 && arg[0] == '-' {
		clean := w.redactWord(arg)
		isLong := arg[1] == '-' && len(arg) > 2 && isName(arg[2:3])
		if clean != arg || w.next != nothing || isLong || strings.Contains(arg, mark) {
			return clean
		}
	}
	return redactPart(arg, secret)
}

// redactCommand redacts an argument that holds several words.
func (w *walker) redactCommand(text string) string {
	if clean, ok := redactHeader(text); ok {
		return clean
	}
	if w.depth >= maxDepth {
		return mark
	}
	inner := walker{programs: w.programs, words: w.words, depth: w.depth + 1}
	return inner.redactWords(text, true)
}

// redactWords redacts each word and leaves what separates them.
func (w *walker) redactWords(text string, quotes bool) string {
	var clean strings.Builder
	clean.Grow(len(text))
	rest := newWordReader(text, quotes)
	for {
		gap, word := rest.read()
		clean.WriteString(gap)
		if word == "" {
			return clean.String()
		}
		clean.WriteString(w.redactTextWord(word))
		w.previous = word
	}
}

// redactTextWord redacts a word of a text. Beside what an argument can be, "password: x", "password = x" and headers without quotes occur.
func (w *walker) redactTextWord(word string) string {
	if inner, quote, ok := unquote(word); ok {
		return quote + w.redactArgument(inner) + quote
	}
	if w.next != nothing {
		return w.redactTextValue(word)
	}
	if label, ok := strings.CutSuffix(word, ":"); ok && isCredential(strings.Trim(label, "{[\"',")) {
		w.next = everything
		return word
	}
	clean := w.redactWord(word)
	if clean == word && w.next == nothing && strings.ContainsAny(word, blanks) {
		return w.redactQuoted(word)
	}
	return clean
}

// redactTextValue redacts the word after the name of a credential.
func (w *walker) redactTextValue(word string) string {
	switch name, isHeader := strings.CutSuffix(word, ":"); {
	case w.next == asHeader && isHeader && isCredential(name):
		w.next = everything
		return word
	case w.next != everything:
		return w.redactValue(word)
	case word == "=" || word == ":" || isScheme(word) || word == mark+";":
		return word // the credential is the next word
	case strings.HasSuffix(word, ";") && strings.Contains(word, "="): // Cookie: a=b; c=d
		return mark + ";"
	}
	return w.redactValue(word)
}

// redactQuoted redacts a word of which a part in quotes holds blanks. Apostrophes look the same: don't … can't.
func (w *walker) redactQuoted(word string) string {
	if w.depth >= maxDepth {
		return mark
	}
	inner := walker{programs: w.programs, words: w.words, depth: w.depth + 1, started: true}
	return inner.redactWords(word, false)
}

// isScheme reports whether word is what precedes the credential in an Authorization header.
func isScheme(word string) bool {
	switch strings.ToLower(word) {
	case "bearer", "basic", "digest", "token", "negotiate", "apikey", "aws4-hmac-sha256":
		return true
	}
	return false
}

// unquote returns what is within the quotes around text.
func unquote(text string) (inner, quote string, ok bool) {
	if len(text) < 2 || text[0] != '\'' && text[0] != '"' || text[len(text)-1] != text[0] {
		return "", "", false
	}
	inner = text[1 : len(text)-1]
	if strings.IndexByte(inner, text[0]) >= 0 {
		return "", "", false
	}
	return inner, text[:1], true
}

// wordReader splits a text at blanks that are not within quotes.
type wordReader struct {
	rest string
	last [2]int // bytes from the last ' and " to the end of the text; 0: not looked for. A quote without a partner is an ordinary character.
}

func newWordReader(text string, quotes bool) *wordReader {
	r := &wordReader{rest: text}
	if quotes {
		for i, quote := range []byte{'\'', '"'} {
			if at := strings.LastIndexByte(text, quote); at >= 0 {
				r.last[i] = len(text) - at
			}
		}
	}
	return r
}

// read returns the blanks before the next word, and the word; at the end the word is "".
func (r *wordReader) read() (gap, word string) {
	start := 0
	for start < len(r.rest) && strings.IndexByte(blanks, r.rest[start]) >= 0 {
		start++
	}
	end := start
	for end < len(r.rest) && strings.IndexByte(blanks, r.rest[end]) < 0 {
		end = r.skip(end)
	}
	gap, word = r.rest[:start], r.rest[start:end]
	r.rest = r.rest[end:]
	return gap, word
}

// skip returns the index after the character or the quoted part at i.
func (r *wordReader) skip(i int) int {
	kind := strings.IndexByte(`'"`, r.rest[i])
	if kind < 0 || r.last[kind] == 0 || len(r.rest)-i <= r.last[kind] {
		return i + 1
	}
	return i + 1 + strings.IndexByte(r.rest[i+1:], r.rest[i]) + 1
}
