package config

import (
	"fmt"
	"regexp"

	"gopkg.in/yaml.v3"

	"github.com/rtcollector/rtcollector/internal/conf"
)

// variableRef matches ${NAME} and ${NAME:-default}. $${ stands for a literal ${.
var variableRef = regexp.MustCompile(`\$?\$\{([A-Za-z_][A-Za-z0-9_]*)(:-([^}]*))?\}`)

// expandEnv replaces environment variables in all values below n. It works on parsed nodes, so a value that contains a colon
// or a quote cannot change the document.
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
	n.Value = variableRef.ReplaceAllStringFunc(n.Value, func(ref string) string {
		changed = true
		if ref[:2] == "$$" {
			return ref[1:]
		}
		m := variableRef.FindStringSubmatch(ref)
		if v, ok := getenv(m[1]); ok && (v != "" || m[2] == "") {
			return v
		}
		if m[2] == "" {
			ps.Add(n, path, "environment variable %s is not set (write ${%s:-value} for a default)", m[1], m[1])
		}
		return m[3]
	})
	switch {
	case changed:
		n.Tag = conf.Expanded
	case conf.IsBareVariable(n.Value):
		ps.Warn(n, path, "contains $ and is used as it is: write an environment variable as ${NAME}")
	}
}
