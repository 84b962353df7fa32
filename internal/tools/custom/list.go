package main

import (
	"bytes"
	"fmt"
	"strings"
)

// shortenList returns the source of a generated list without the components that are not kept. The list has one line per component
// in its imports and one in its values, in the order of the catalog (internal/tools/genlist).
func shortenList(source []byte, keep []bool) ([]byte, error) {
	var short bytes.Buffer
	imports, values := 0, 0
	stays := func(n *int) bool {
		*n++
		return *n <= len(keep) && keep[*n-1]
	}
	for line := range strings.Lines(string(source)) {
		switch {
		case strings.HasSuffix(line, ".Plugin,\n"):
			if !stays(&values) {
				continue
			}
		case strings.HasPrefix(line, "\t") && strings.HasSuffix(line, "\"\n") && strings.Count(line, " ") == 1: // name "path"
			if !stays(&imports) {
				continue
			}
		}
		short.WriteString(line)
	}
	if imports != len(keep) || values != len(keep) {
		return nil, fmt.Errorf("%d imports and %d values for %d components: run \"go generate ./...\"", imports, values, len(keep))
	}
	return short.Bytes(), nil
}
