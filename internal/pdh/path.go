package pdh

import (
	"fmt"
	"strings"
)

// Path is the path of a counter: \\machine\object(instance)\counter.
type Path struct {
	Object, Instance, Counter string
	HasInstance               bool
}

// maxPath bounds a path. PDH_MAX_COUNTER_PATH is 2048.
const maxPath = 2048

// ParsePath parses a path. The instance is the text between the first and the last parenthesis before the counter, because names of
// processes have parentheses of their own. A machine is ignored.
func ParsePath(text string) (Path, error) {
	var p Path
	rest, ok := strings.CutPrefix(text, `\`)
	if !ok || len(text) > maxPath || strings.ContainsRune(text, 0) {
		return p, errPath(text)
	}
	if machine, ok := strings.CutPrefix(rest, `\`); ok {
		if _, rest, ok = strings.Cut(machine, `\`); !ok {
			return p, errPath(text)
		}
	}
	from, counter := strings.IndexByte(rest, '('), strings.LastIndex(rest, `\`)
	if end := strings.LastIndex(rest, `)\`); from >= 0 && end > from { // the name of a counter may have parentheses, too: "Prozessorzeit (%)"
		p.Object, p.Instance, p.HasInstance, p.Counter = rest[:from], rest[from+1:end], true, rest[end+2:]
	} else if counter >= 0 {
		p.Object, p.Counter = rest[:counter], rest[counter+1:]
	}
	if p.Object == "" || p.Counter == "" || strings.Contains(p.Object, `\`) || strings.Contains(p.Counter, `\`) {
		return Path{}, errPath(text)
	}
	return p, nil
}

func errPath(text string) error {
	const shown = 80
	return fmt.Errorf(`%.*q is not like \Object\Counter or \Object(*)\Counter`, shown, text)
}

// String returns the path without a machine.
func (p Path) String() string {
	if p.HasInstance {
		return `\` + p.Object + "(" + p.Instance + `)\` + p.Counter
	}
	return `\` + p.Object + `\` + p.Counter
}
