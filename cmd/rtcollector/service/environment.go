package service

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// maxEnvironment is the largest file of environment variables that is read, in bytes.
const maxEnvironment = 1 << 20

// ReadEnvironment reads a file of environment variables as systemd does: EnvironmentFile= in systemd.exec(5).
func ReadEnvironment(path string) (map[string]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxEnvironment+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxEnvironment {
		return nil, fmt.Errorf("%s: is larger than %d MiB; this is not a file of environment variables", path, maxEnvironment>>20)
	}
	return parseEnvironment(string(text)), nil
}

// parseEnvironment parses lines NAME=value. Lines without "=" and comments, after "#" or ";", are ignored. A value may consist of parts in
// quotes and without, a backslash protects the next character, and one at the end of a line continues it.
func parseEnvironment(text string) map[string]string {
	variables := map[string]string{}
	for text != "" {
		text = strings.TrimLeft(text, " \t\r\n")
		line, rest, _ := strings.Cut(text, "\n")
		name, _, isVariable := strings.Cut(line, "=")
		if !isVariable || strings.HasPrefix(line, "#") || strings.HasPrefix(line, ";") {
			text = rest
			continue
		}
		var value string
		value, text = cutValue(text[len(name)+1:])
		variables[strings.TrimRight(name, " \t\r")] = value
	}
	return variables
}

// cutValue returns the value at the beginning of a text, and what follows its line.
func cutValue(text string) (value, rest string) {
	var b strings.Builder
	kept := 0        // length of the value without blanks at its end, which do not count outside of quotes
	isPlain := false // in a part without quotes, where a quote is a character like others
	quote := byte(0) // in a part with these quotes
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case quote != 0 && c == quote:
			quote, isPlain, kept = 0, false, b.Len()
		case quote == '\'':
			b.WriteByte(c)
		case c == '\\' && i+1 < len(text):
			i++
			if quote == '"' && !strings.ContainsRune("\"\\`$\n", rune(text[i])) {
				b.WriteByte(c)
			}
			if text[i] != '\n' {
				b.WriteByte(text[i])
			}
			isPlain, kept = quote == 0, b.Len()
		case quote == '"':
			b.WriteByte(c)
		case c == '\n':
			return b.String()[:kept], text[i+1:]
		case !isPlain && (c == '"' || c == '\''):
			quote = c
		case strings.IndexByte(" \t\r", c) >= 0:
			if isPlain {
				b.WriteByte(c)
			}
		default:
			b.WriteByte(c)
			isPlain, kept = true, b.Len()
		}
	}
	if quote != 0 { // without an end
		kept = b.Len()
	}
	return b.String()[:kept], ""
}
