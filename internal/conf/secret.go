package conf

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// SecretPrefix begins a text that refers to a secret store.
const SecretPrefix = "secret:"

// SecretTaker is implemented by targets that keep a reference and resolve it when they need it. Where a reference
// meets any other target, it is a [Problem] with its node in Reference: it cannot be used as a text by mistake.
type SecretTaker interface{ TakesSecret() }

// FromStore tags a scalar whose text came from a secret store: its value is never shown.
const FromStore = "!secret"

// SetSecret puts the value that a reference stands for in its place.
func SetSecret(n *yaml.Node, value string) {
	n.Value, n.Tag, n.Kind = value, FromStore, yaml.ScalarNode
}

// isReference says whether a node is a text that refers to a secret.
func isReference(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Tag != FromStore && strings.HasPrefix(n.Value, SecretPrefix)
}

// reference records a reference that nobody takes.
func (d *decoder) reference(n *yaml.Node, path string) {
	switch {
	case d.public > 0:
		d.ps.Add(n, path, "must not come from a secret store: everybody sees it, in labels or in the log")
	case n.Value == SecretPrefix:
		d.ps.Add(n, path, `a secret reference needs a name: "secret:redis/password"`)
	default:
		d.ps.Add(n, path, "a reference to a secret cannot be used here")
		(*d.ps)[len(*d.ps)-1].Reference = n
	}
}

// References are the nodes that must be resolved, each once.
func (ps Problems) References() []*yaml.Node {
	var nodes []*yaml.Node
	for _, p := range ps {
		if p.Reference != nil && !slices.Contains(nodes, p.Reference) {
			nodes = append(nodes, p.Reference)
		}
	}
	return nodes
}

// masked takes values that came from a store, below n, out of a message about them: as they are written, and as the
// number that they may have been read as.
func masked(message string, n *yaml.Node) string {
	for _, form := range stored(nil, n, 0) {
		message = strings.ReplaceAll(message, form, "[redacted]")
	}
	return message
}

// stored lists the spellings of the values below n that came from a store, the longest first.
func stored(forms []string, n *yaml.Node, depth int) []string {
	if n = Resolve(n); n == nil || depth > maxDepth {
		return forms
	}
	if n.Tag == FromStore && n.Value != "" {
		forms = append(forms, n.Value)
		if v, err := parseInt(n.Value, 64); err == nil {
			forms = append(forms, strconv.FormatInt(v, 10))
		}
		if v, err := parseFloat(n.Value); err == nil {
			forms = append(forms, fmt.Sprint(v))
		}
		if v, err := ParseDuration(n.Value); err == nil {
			forms = append(forms, v.String())
		}
	}
	for _, child := range n.Content {
		forms = stored(forms, child, depth+1)
	}
	slices.SortFunc(forms, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	return forms
}
