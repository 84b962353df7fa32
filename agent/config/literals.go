package config

import (
	"net/url"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/rtcollector/rtcollector/internal/conf"
)

// credentialKey matches the keys of settings, headers and variables that hold credentials.
var credentialKey = regexp.MustCompile(`(?i)(password|passwd|token|secret|authorization|cookie|api[-_]?key|role_id)$`)

// firstLiteral returns the line of the first credential that is written in the file instead of a reference or a variable, or 0. It looks
// at a document whose variables are not replaced yet.
func firstLiteral(n *yaml.Node) int {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if key, value := n.Content[i], n.Content[i+1]; isLiteral(key.Value, value) {
				return value.Line
			} else if line := firstLiteral(value); line > 0 {
				return line
			}
		}
	case yaml.SequenceNode:
		for _, item := range n.Content {
			if line := firstLiteral(item); line > 0 {
				return line
			}
		}
	case yaml.ScalarNode:
		if hasPassword(n.Value) {
			return n.Line
		}
	}
	return 0
}

func isLiteral(key string, value *yaml.Node) bool {
	tag := value.ShortTag()
	isText := value.Kind == yaml.ScalarNode && value.Value != "" && (tag == "!!str" || tag == "!!int")
	m := wholeVariable.FindStringSubmatch(value.Value)
	isElsewhere := strings.HasPrefix(value.Value, conf.SecretPrefix) || m != nil && m[2] == ""
	return isText && !isElsewhere && credentialKey.MatchString(key)
}

// hasPassword reports whether a text is a URL with a password.
func hasPassword(text string) bool {
	if !strings.Contains(text, "://") || strings.Contains(text, "${") {
		return false
	}
	u, err := url.Parse(text)
	if err != nil || u.User == nil {
		return false
	}
	_, ok := u.User.Password()
	return ok
}
