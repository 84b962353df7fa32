package execinput

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"path"
	"regexp"
	"runtime"
	"strings"
)

// maxLabel is how much of a text becomes a label.
const maxLabel = 120

// nameAll gives every command the name that its series have: the user's, or else the program's. Those that would be the same
// end with a hash of the command, all of them, so that none takes over the series of another when the list is changed.
func nameAll(commands []Command) []string {
	times := map[string]int{}
	for i := range commands {
		times[nameOne(&commands[i])]++
	}
	names := make([]string, len(commands))
	for i := range commands {
		c := &commands[i]
		names[i] = nameOne(c)
		if times[names[i]] > 1 && c.Name == "" {
			h := fnv.New32a()
			_, _ = h.Write([]byte(c.Command))
			names[i] = fmt.Sprintf("%s~%08x", names[i], h.Sum32())
		}
	}
	return names
}

// nameOne is what a command would be called if it were alone.
func nameOne(c *Command) string {
	if c.Name != "" {
		return c.Name
	}
	return programOf(c.Command)
}

// assignment is what may stand before a command in a shell: A=1 B='x y' program.
var assignment = regexp.MustCompile(`^[A-Za-z_]\w*=`)

// programOf is the name of the program that a command starts, without its folder.
func programOf(command string) string {
	if runtime.GOOS == "windows" {
		command = strings.ReplaceAll(command, `\`, "/")
	}
	words, err := splitWords(command)
	if err != nil {
		words = strings.Fields(command)
	}
	for len(words) > 1 && assignment.MatchString(words[0]) {
		words = words[1:]
	}
	if len(words) == 0 {
		words = []string{""}
	}
	return cmp.Or(labelText(path.Base(words[0])), "command")
}

// labelText makes a label that Redis takes: it refuses parentheses and commas.
func labelText(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '(' || r == ')' || r == ',':
			return '_'
		case r < ' ' || r == 0x7f:
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "_"))
	text = strings.Join(strings.Fields(text), " ")
	return strings.TrimSpace(strings.ToValidUTF8(text[:min(len(text), maxLabel)], ""))
}
