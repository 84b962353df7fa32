package migrate

import (
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/rtcollector/rtcollector/internal/lazy"
	"github.com/rtcollector/rtcollector/internal/secret"
)

// Credentials of the file never reach the configuration or the report. A setting that is a credential becomes a reference to the secret store.
// A credential inside another text, such as a URL, becomes a variable.

var variable = lazy.Regexp(`^\$\{[A-Za-z_][A-Za-z0-9_]*\}$`)

// isReference reports whether a text names a credential instead of holding it.
func isReference(value string) bool {
	return variable().MatchString(value) || strings.HasPrefix(value, "secret:") || strings.HasPrefix(value, "@{")
}

// hideCredential returns what is written in place of a credential: the variable or reference that is there already, or a reference to the
// secret store. Different credentials get different references.
func (t *translation) hideCredential(line int, where, value, id string) string {
	if value == "" || isReference(value) {
		return value
	}
	id = t.nameCredential(id, value)
	t.note(line, Todo, "%s: the credential is not copied: set the environment variable SECRET_%s, or see \"rtcollector plugins show file\"", where, upper(id))
	return "secret:" + id
}

// nameCredential returns the name under which a credential is known from now on: id, or id with a number in it if that is another credential.
func (t *translation) nameCredential(id, value string) string {
	service, key, _ := strings.Cut(id, "/")
	for n := 2; t.credentials[id] != "" && t.credentials[id] != value; n++ {
		id = fmt.Sprintf("%s%d/%s", service, n, key)
	}
	if t.credentials == nil {
		t.credentials = map[string]string{}
	}
	t.credentials[id] = value
	return id
}

func upper(id string) string {
	return strings.ToUpper(strings.NewReplacer("/", "_", "-", "_", ".", "_").Replace(id))
}

// hideIn hides the credentials in the values of a component, at any depth.
func (t *translation) hideIn(component string, n *yaml.Node) {
	if n.Kind == yaml.ScalarNode {
		n.Value = t.hideParts(component, n.Line, n.Value)
		return
	}
	for i, below := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 1 && below.Kind == yaml.ScalarNode && secret.IsCredentialName(n.Content[i-1].Value) && isText(below) {
			t.hideSetting(component, n.Content[i-1].Value, below)
			continue
		}
		t.hideIn(component, below)
	}
}

// isText reports whether a value may be a credential: a text, or a number, but no truth value.
func isText(n *yaml.Node) bool { return n.Tag != "!!bool" && n.Tag != "!!null" }

// hideSetting hides the value of a setting that is a credential. Files with credentials are named, not copied.
func (t *translation) hideSetting(component, key string, n *yaml.Node) {
	if strings.HasSuffix(key, "_file") || strings.HasPrefix(n.Value, "/") {
		return
	}
	n.Tag, n.Style = "!!str", 0
	if component == "secret_store" && !isReference(n.Value) { // it is needed before there are secrets
		name := upper(t.nameCredential("vault/"+key, n.Value))
		t.note(n.Line, Todo, "secret_store.%s: the credential is not copied: set the environment variable %s for the agent", key, name)
		n.Value = "${" + name + "}"
		return
	}
	n.Value = t.hideCredential(n.Line, component+"."+key, n.Value, component+"/"+strings.ToLower(key))
}

// hideParts replaces the credentials in a text by variables.
func (t *translation) hideParts(component string, line int, value string) string {
	if isReference(value) {
		return value
	}
	return secret.ReplaceCredentials(value, func(credential string) string {
		if strings.HasPrefix(credential, "${") {
			return credential
		}
		name := upper(t.nameCredential(component+"/credential", credential))
		t.note(line, Todo, "%s: a credential in a text is not copied: set the environment variable %s for the agent", component, name)
		return "${" + name + "}"
	})
}

// redact removes credentials from a text for people.
func redact(text string) string {
	return secret.ReplaceCredentials(text, func(credential string) string {
		if strings.HasPrefix(credential, "${") || strings.HasPrefix(credential, "secret:") {
			return credential
		}
		return "[redacted]"
	})
}

// hideAll hides what is still in the document.
func (t *translation) hideAll() {
	for _, components := range [][]component{t.document.inputs, t.document.outputs} {
		for i := range components {
			t.hideIn(components[i].name, &components[i].settings.node)
		}
	}
	if t.document.whole != nil {
		t.hideWhole(t.document.whole)
	}
}

// redactComments redacts the comments of a node and of all below it.
func redactComments(n *yaml.Node) {
	for _, comment := range []*string{&n.HeadComment, &n.LineComment, &n.FootComment} {
		*comment = redact(*comment)
	}
	for _, below := range n.Content {
		redactComments(below)
	}
}

// hideWhole hides the credentials of a document that stays as it is. The components give the references their names.
func (t *translation) hideWhole(root *yaml.Node) {
	for _, key := range []string{"inputs", "outputs"} {
		for _, c := range items(root, key) {
			if c.settings != nil {
				t.hideIn(c.name.Value, c.settings)
			}
		}
	}
	for i := 0; i+1 < len(root.Content); i += 2 {
		if name := root.Content[i].Value; name != "inputs" && name != "outputs" {
			t.hideIn(name, root.Content[i+1])
		}
	}
	redactComments(root)
}
