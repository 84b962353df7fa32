package migrate

import (
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/rtcollector/rtcollector/internal/httpauth"
)

// translatePrometheusClient translates outputs.prometheus_client, which serves a page.
func (t *translation) translatePrometheusClient(where string, plugin *yaml.Node) {
	out := component{name: "prometheus_endpoint"}
	out.settings.set("listen", ":9273") // the default of Telegraf; ours is for this machine only
	ignored := keyRule{}
	t.translateKeys(where, plugin, with(commonKeys(), map[string]keyRule{
		"listen": {to: "listen", convert: stripScheme}, "path": {to: "path"},
		"basic_username": {to: "auth.username"}, "basic_password": {to: "auth.password", convert: credential("endpoint/password")},
		"expiration_interval": {to: "expires"}, "export_timestamp": {to: "timestamps"},
		"tls_cert": {to: "tls_cert"}, "tls_key": {to: "tls_key"}, "tls_allowed_cacerts": {to: "tls_client_ca", convert: first},
		"read_timeout": {to: "timeout"}, "write_timeout": ignored,
		"ip_range": {why: "use a firewall, or auth"}, "metric_version": ignored, "collectors_exclude": ignored, "string_as_label": ignored,
		"interval": ignored, "metric_batch_size": ignored, "metric_buffer_limit": ignored, "flush_interval": ignored, "flush_jitter": ignored,
	}), &out.settings)
	t.openToAll(where, plugin.Line, &out.settings)
	t.document.outputs = append(t.document.outputs, out)
}

// stripScheme returns the address of a URL such as http://:9273.
func stripScheme(_ *translation, _ string, v *yaml.Node) yaml.Node {
	_, address, found := strings.Cut(v.Value, "://")
	if !found {
		address = v.Value
	}
	return *text(address)
}

// openToAll lets everybody read a page that other machines can reach, as the other agent does, unless a credential is set.
func (t *translation) openToAll(where string, line int, endpoint *settings) {
	listen := find(&endpoint.node, "listen")
	if endpoint.has("auth") || listen == nil || httpauth.IsLocal(listen.Value) {
		return
	}
	endpoint.set("auth", httpauth.ModeNone)
	t.note(line, Todo, "%s: everybody who reaches %s may read the metrics, as before: set auth to change that", where, listen.Value)
}

// translateRemoteWrite translates outputs.http that sends Prometheus' remote write.
func (t *translation) translateRemoteWrite(where string, plugin *yaml.Node) {
	out := component{name: "prometheus_remote_write"}
	ignored := keyRule{}
	t.translateKeys(where, plugin, with(commonKeys(), map[string]keyRule{
		"url": {to: "url"}, "timeout": {to: "timeout"}, "username": {to: "username"}, "password": {to: "password", convert: credential("remote_write/password")},
		"tls_ca": {to: "tls.ca"}, "tls_cert": {to: "tls.cert"}, "tls_key": {to: "tls.key"}, "tls_server_name": {to: "tls.server_name"},
		"insecure_skip_verify": {to: "tls.insecure_skip_verify"}, "http_proxy_url": {to: "proxy"}, "metric_batch_size": {to: "max_samples"},
		"headers": {to: "headers", convert: convertHeaders},
		"method":  ignored, "data_format": ignored, "content_encoding": ignored, "use_batch_format": ignored, "idle_conn_timeout": ignored, "max_idle_conn": ignored,
		"interval": ignored, "metric_buffer_limit": {why: "max_buffer_size is one for all outputs"}, "flush_interval": {why: "flush_interval is one for all outputs"}, "flush_jitter": ignored,
	}), &out.settings)
	t.document.outputs = append(t.document.outputs, out)
}

// convertHeaders returns the headers without those that the output sets itself. Their values may be credentials.
func convertHeaders(t *translation, where string, v *yaml.Node) yaml.Node {
	var kept settings
	for i := 0; i+1 < len(v.Content); i += 2 {
		name, value := v.Content[i], v.Content[i+1]
		switch strings.ToLower(name.Value) {
		case "content-type", "content-encoding", "x-prometheus-remote-write-version":
			continue
		}
		id := "remote_write/" + strings.ToLower(name.Value)
		copied := *text(t.hideCredential(value.Line, where+"."+name.Value, value.Value, id))
		kept.node.Kind = yaml.MappingNode
		kept.node.Content = append(kept.node.Content, text(name.Value), &copied)
	}
	return kept.node
}
