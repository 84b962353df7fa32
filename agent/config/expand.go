package config

import (
	"fmt"
	"regexp"

	"gopkg.in/yaml.v3"

	"github.com/rtcollector/rtcollector/internal/conf"
)

// reference is ${NAME} or ${NAME:-default}; $${ stands for a literal ${.
var reference = regexp.MustCompile(`\$?\$\{([A-Za-z_][A-Za-z0-9_]*)(:-([^}]*))?\}`)

// expandEnv replaces environment references in all values below n. It works on parsed nodes, so that a value with a
// colon or a quote in it cannot change the document.
func expandEnv(ps *conf.Problems, n *yaml.Node, path string, getenv func(string) (string, bool)) {
	switch n.Kind {
	case yaml.ScalarNode:
		expandScalar(ps, n, path, getenv)
	case yaml.MappingNode:
		for i := 1; i < len(n.Content); i += 2 {
			key := n.Content[i-1].Value
			if path != "" {
				key = path + "." + key
			}
			expandEnv(ps, n.Content[i], key, getenv)
		}
	case yaml.SequenceNode:
		for i, item := range n.Content {
			expandEnv(ps, item, fmt.Sprintf("%s[%d]", path, i), getenv)
		}
	}
}

func expandScalar(ps *conf.Problems, n *yaml.Node, path string, getenv func(string) (string, bool)) {
	changed := false
	n.Value = reference.ReplaceAllStringFunc(n.Value, func(ref string) string {
		changed = true
		if ref[:2] == "$$" {
			return ref[1:]
		}
		m := reference.FindStringSubmatch(ref)
		if v, ok := getenv(m[1]); ok && (v != "" || m[2] == "") {
			return v
		}
		if m[2] == "" {
			ps.Add(n, path, "environment variable %s is not set (a default is written ${%s:-value})", m[1], m[1])
		}
		return m[3]
	})
	switch {
	case changed:
		n.Tag = conf.Expanded
	case conf.IsBareVariable(n.Value):
		ps.Warn(n, path, "begins with $ or has one in a URL, and is taken as it is written: an environment variable is written ${NAME}")
	}
}
