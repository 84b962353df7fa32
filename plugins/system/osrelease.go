package system

import "strings"

// parseOSRelease parses a file of os-release(5): assignments as in a shell, without expansion. ok is false if the file
// has none.
func parseOSRelease(data []byte) (r osRelease, ok bool) {
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		key, value, isAssignment := strings.Cut(line, "=")
		if !isAssignment || strings.HasPrefix(line, "#") || !isVariableName(key) {
			continue
		}
		ok = true
		value = unquoteShell(value)
		switch key {
		case "ID":
			r.id = value
		case "VERSION_ID":
			r.versionID = value
		case "NAME":
			r.name = value
		case "PRETTY_NAME":
			r.prettyName = value
		case "VERSION_CODENAME":
			r.codename = value
		case "VARIANT_ID":
			r.variantID = value
		}
	}
	return r.withDefaults(ok), ok
}

// withDefaults fills missing fields with the defaults of os-release(5). It returns an empty osRelease if ok is false.
func (r osRelease) withDefaults(ok bool) osRelease {
	if !ok {
		return osRelease{}
	}
	for _, field := range []struct {
		value   *string
		missing string
	}{{&r.id, "linux"}, {&r.name, "Linux"}, {&r.prettyName, "Linux"}} {
		if *field.value == "" {
			*field.value = field.missing
		}
	}
	return r
}

// isVariableName reports whether key is a name of a variable in os-release.
func isVariableName(key string) bool {
	for i := range len(key) {
		c := key[i]
		if (c < 'A' || c > 'Z') && c != '_' && (c < '0' || c > '9' || i == 0) {
			return false
		}
	}
	return key != ""
}

// unquoteShell removes quotes and backslashes as a shell does. Between single quotes, nothing is special. Between double
// quotes, a backslash escapes only $ " \ and the backtick. Elsewhere, it escapes any character.
func unquoteShell(s string) string {
	var b strings.Builder
	var quote byte
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == quote && quote != 0:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case c == '\\' && quote != '\'' && i+1 < len(s) && (quote == 0 || strings.IndexByte("$\"\\`", s[i+1]) >= 0):
			i++
			b.WriteByte(s[i])
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// isPrintable reports whether a text consists of printable ASCII characters, as the kernel's descriptions of itself do.
func isPrintable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
