package httpresponse

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/rtcollector/rtcollector/internal/guard"
)

// matchesJSON reports whether a document has all values at their paths. A path consists of names and indices, separated by dots.
// Values are compared as they are written in JSON, strings without quotes.
func matchesJSON(document []byte, want map[string]string) bool {
	const maxMemory = 32 << 20 // bytes of memory
	if guard.EstimateJSON(document) > maxMemory {
		return false
	}
	var root any
	decoder := json.NewDecoder(strings.NewReader(string(document)))
	decoder.UseNumber() // 1.0 stays 1.0
	if decoder.Decode(&root) != nil {
		return false
	}
	for path, value := range want {
		if got, ok := lookUpPath(root, path); !ok || got != value {
			return false
		}
	}
	return true
}

func lookUpPath(at any, path string) (string, bool) {
	for name := range strings.SplitSeq(path, ".") {
		switch node := at.(type) {
		case map[string]any:
			child, ok := node[name]
			if !ok {
				return "", false
			}
			at = child
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(node) {
				return "", false
			}
			at = node[i]
		default:
			return "", false
		}
	}
	if text, ok := at.(string); ok {
		return text, true
	}
	text, err := json.Marshal(at)
	return string(text), err == nil
}
