package conf

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// SecretPrefix is the prefix of a text that refers to a secret store.
const SecretPrefix = "secret:"

// SecretTaker is implemented by targets that keep a reference and resolve it when they need it. For any other target a
// reference is a [Problem] with its node in Reference, so that it cannot be used as a text by mistake.
type SecretTaker interface{ TakesSecret() }

// FromStore is the tag of a scalar whose text came from a secret store. Its value is never shown.
const FromStore = "!secret"

// SetSecret replaces a reference by its value.
func SetSecret(n *yaml.Node, value string) {
	n.Value, n.Tag, n.Kind = value, FromStore, yaml.ScalarNode
}

// isReference reports whether a node is a text that refers to a secret.
func isReference(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Tag != FromStore && strings.HasPrefix(n.Value, SecretPrefix)
}

// addReference records a reference that its target does not take.
func (d *decoder) addReference(n *yaml.Node, path string) {
	switch {
	case d.public > 0:
		d.ps.Add(n, path, "must not come from a secret store: it is visible in labels or in the log")
	case n.Value == SecretPrefix:
		d.ps.Add(n, path, `a secret reference needs a name: "secret:redis/password"`)
	default:
		d.ps.Add(n, path, "a reference to a secret cannot be used here")
		(*d.ps)[len(*d.ps)-1].Reference = n
	}
}

// References returns the nodes that must be resolved, each once.
func (ps Problems) References() []*yaml.Node {
	var nodes []*yaml.Node
	for _, p := range ps {
		if p.Reference != nil && !slices.Contains(nodes, p.Reference) {
			nodes = append(nodes, p.Reference)
		}
	}
	return nodes
}

// redactStored redacts the values below n that came from a store in a message about them: as they are written, and as the
// number or duration that they may have been parsed as.
func redactStored(message string, n *yaml.Node) string {
	for _, form := range storedForms(nil, n, 0) {
		message = strings.ReplaceAll(message, form, "[redacted]")
	}
	return message
}

// storedForms returns the spellings of the values below n that came from a store, the longest first.
func storedForms(forms []string, n *yaml.Node, depth int) []string {
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
		forms = storedForms(forms, child, depth+1)
	}
	slices.SortFunc(forms, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	return forms
}
