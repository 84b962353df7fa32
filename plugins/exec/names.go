package execinput

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"path"
	"regexp"
	"runtime"
	"strings"

	"github.com/rtcollector/rtcollector/internal/metric"
)

// maxCommandLabel bounds, in bytes, the labels with a command's name or line.
const maxCommandLabel = 120

// nameCommands returns the name for the series of each command: the configured name, or that of the program. If several
// commands would have the same name, a hash of the command is appended to each of them, so that changing the list never
// moves a series from one command to another.
func nameCommands(commands []Command) []string {
	counts := map[string]int{}
	for i := range commands {
		counts[commands[i].defaultName()]++
	}
	names := make([]string, len(commands))
	for i := range commands {
		c := &commands[i]
		names[i] = c.defaultName()
		if counts[names[i]] > 1 && c.Name == "" {
			h := fnv.New32a()
			_, _ = h.Write([]byte(c.Command))
			names[i] = fmt.Sprintf("%s~%08x", names[i], h.Sum32())
		}
	}
	return names
}

// defaultName returns the name of the command if no other command has the same name.
func (c *Command) defaultName() string {
	if c.Name != "" {
		return c.Name
	}
	return programName(c.Command)
}

// assignment matches what may precede a command in a shell: A=1 B='x y' program.
var assignment = regexp.MustCompile(`^[A-Za-z_]\w*=`)

// programName returns the name of the program that a command starts, without its folder.
func programName(command string) string {
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
	return cmp.Or(commandLabel(path.Base(words[0])), "command")
}

// commandLabel returns a command's name or line as a label. It replaces the characters that outputs replace in labels, so
// that two names which differ here also differ there.
func commandLabel(text string) string {
	text = strings.NewReplacer("(", "_", ")", "_", ",", "_").Replace(text)
	text = strings.Join(strings.Fields(metric.LabelValue(text, len(text))), " ")
	return metric.LabelValue(text, maxCommandLabel)
}
