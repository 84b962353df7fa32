package cmdline

import (
	"slices"
	"strings"
)

// redactWord redacts an argument that is one word.
func (w *walker) redactWord(word string) string {
	if !w.started { // the program itself, which can be a title
		w.started = true
		w.addProgram(word)
		if name, _, ok := strings.Cut(word, "="); !ok || !isName(name) {
			return scan(word)
		}
		w.started = false // VARIABLE=value program
	}
	switch {
	case strings.HasPrefix(word, "-"):
		return w.redactOption(word)
	case strings.HasPrefix(word, "/"):
		return w.redactSlashOption(word)
	case isAssignment(word):
		return w.redactAssignment(word)
	}
	for _, p := range w.programs {
		if p.words != nothing {
			return redactPart(word, p.words)
		}
	}
	w.addProgram(word)
	w.noteWord(word)
	return scan(word)
}

// addProgram remembers word if it is a known program: it may run another one, or be run by one (sudo).
func (w *walker) addProgram(word string) {
	if len(w.programs) > 0 && w.programs[len(w.programs)-1].endsAtWord {
		w.programs = w.programs[:len(w.programs)-1]
	}
	if p := findProgram(word); p != nil && len(w.programs) < maxPrograms {
		w.programs = append(w.programs[:len(w.programs):len(w.programs)], p)
	}
}

// noteWord remembers what a word that is not an option says about the arguments after it.
func (w *walker) noteWord(word string) {
	for _, p := range w.programs {
		if p.subcommand == word {
			w.words = append(w.words[:len(w.words):len(w.words)], word)
		}
	}
	// aws configure set aws_secret_access_key VALUE, redis-cli config set requirepass VALUE. A plain word such as "token" is mostly not followed by one.
	name := word[strings.LastIndexByte(word, ':')+1:]
	if isName(name) && isCredential(name) && (strings.Contains(name, "_") || strings.EqualFold(name, "requirepass") || strings.EqualFold(name, "masterauth")) {
		w.next = everything
	}
}

// redactOption redacts -x, -xVALUE, --name and --name=VALUE.
func (w *walker) redactOption(word string) string {
	if clean, ok := w.redactShortOption(word); ok {
		return clean
	}
	name, value, hasValue := strings.Cut(word, "=")
	switch {
	case strings.HasPrefix(word, "-H") && len(word) > 2:
		if clean, ok := redactHeader(word[2:]); ok {
			return "-H" + clean
		}
	case !hasValue && (name == "-H" || strings.HasSuffix(name, "header")):
		w.next = asHeader
		return word
	case hasValue && strings.HasSuffix(name, "header"):
		clean, _ := redactHeader(value)
		return name + "=" + clean
	}
	if !isName(name) {
		return scan(word)
	}
	if secret := w.secretPart(name); secret != nothing {
		switch {
		case hasValue:
			return name + "=" + redactPart(value, secret)
		case !isSwitch(name):
			w.next = secret
		}
		return word
	}
	if hasValue {
		return name + "=" + w.redactInner(value)
	}
	return scan(word)
}

// secretPart returns which part of the value of a long option is a credential.
func (w *walker) secretPart(name string) part {
	switch strings.TrimLeft(name, "-") {
	case "user":
		if slices.ContainsFunc(w.programs, func(p *program) bool { return p.subcommand != "" }) {
			return nothing // of a container: user:group
		}
		return afterColon
	case "proxy-user", "auth", "proxy-auth", "cert", "userpass":
		return afterColon
	}
	if isCredential(name) {
		return everything
	}
	return nothing
}

// redactShortOption redacts the short options of the known programs of the command.
func (w *walker) redactShortOption(word string) (clean string, ok bool) {
	for _, p := range w.programs {
		value, secret := p.holds(word)
		if secret == nothing || p.subcommand != "" && !slices.Contains(w.words, p.subcommand) {
			continue
		}
		if value == "" {
			w.next = secret
			return word, true
		}
		return word[:len(word)-len(value)] + redactPart(value, secret), true
	}
	return "", false
}

// redactSlashOption redacts /name:value, which xfreerdp and programs from Windows use.
func (w *walker) redactSlashOption(word string) string {
	name, value, ok := strings.Cut(word[1:], ":")
	if ok && isName(name) && (isCredential(name) || name == "p" || name == "gp") {
		return "/" + name + ":" + replaced(value)
	}
	w.addProgram(word)
	w.noteWord(word)
	return scan(word)
}

// isAssignment reports whether word is name=value.
func isAssignment(word string) bool {
	name, _, ok := strings.Cut(word, "=")
	return ok && isName(name)
}

func (w *walker) redactAssignment(word string) string {
	name, value, _ := strings.Cut(word, "=")
	if isCredential(name) {
		return name + "=" + replaced(value)
	}
	return name + "=" + w.redactInner(value)
}

// redactInner redacts the value of an option or a variable that is not a credential as a whole. It can be an assignment, a header or a command.
func (w *walker) redactInner(value string) string {
	if w.depth >= maxDepth {
		return scan(value)
	}
	inner := walker{programs: w.programs, words: w.words, depth: w.depth + 1, started: true}
	return inner.redactArgument(value)
}

// redactHeader redacts the value of an HTTP header that holds a credential. It reports false for other text.
func redactHeader(text string) (clean string, ok bool) {
	name, value, ok := strings.Cut(text, ":")
	bare := strings.Trim(name, blanks+`'"`)
	if !ok || !isName(bare) || !isCredential(bare) {
		return text, false
	}
	value = strings.TrimLeft(value, blanks)
	if value == "" {
		return text, false
	}
	return text[:len(text)-len(value)] + mark, true
}
