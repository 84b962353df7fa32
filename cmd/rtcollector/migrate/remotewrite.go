package migrate

import (
	"strings"

	"gopkg.in/yaml.v3"
)

// translateNetdataRemoteWrite translates an instance [prometheus_remote_write:NAME] or [prometheus_remote_write:https:NAME] of Netdata's exporting engine.
func (t *translation) translateNetdataRemoteWrite(name, section *yaml.Node) {
	if on := find(section, "enabled"); on != nil && on.Value == "no" {
		t.note(name.Line, LeftOut, "[%s]: is not enabled", name.Value)
		return
	}
	scheme, address, path := "http://", "localhost", "/receive" // Netdata's defaults
	if strings.HasPrefix(name.Value, "prometheus_remote_write:https:") {
		scheme = "https://"
	}
	out := component{name: "prometheus_remote_write"}
	for i := 0; i+1 < len(section.Content); i += 2 {
		key, value := section.Content[i], section.Content[i+1]
		switch key.Value {
		case "enabled":
		case "destination":
			all := strings.FieldsFunc(value.Value, func(c rune) bool { return c == ' ' || c == ',' || c == '\t' })
			for n, one := range all {
				if n == 0 {
					address = strings.TrimPrefix(one, "tcp:")
					continue
				}
				t.note(key.Line, LeftOut, "[%s] %s: %q: only the first destination is used", name.Value, key.Value, one)
			}
		case "remote write URL path":
			path = "/" + strings.TrimPrefix(value.Value, "/")
		case "username":
			out.settings.set("username", value)
		case "password":
			out.settings.set("password", t.hideCredential(key.Line, "["+name.Value+"] password", value.Value, "remote_write/password"))
		case "hostname":
			t.document.top.set("hostname", value.Value)
		case "update every":
			t.setSeconds(name.Value, key, value, "flush_interval")
		default:
			t.note(key.Line, LeftOut, "[%s] %s: has no equivalent", name.Value, key.Value)
		}
	}
	out.settings.set("url", scheme+address+path)
	t.document.outputs = append(t.document.outputs, out)
	t.note(name.Line, Changed, "[%s] is the output prometheus_remote_write; metrics have the names of docs/inputs.md", name.Value)
}
