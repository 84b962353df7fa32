package migrate

import "gopkg.in/yaml.v3"

func (t *translation) translateTelegrafOutput(name string, plugin *yaml.Node) {
	where := "outputs." + name
	switch {
	case name == "redistimeseries":
	case name == "graphite":
		t.translateTelegrafGraphite(where, plugin)
		return
	case name == "opentsdb":
		t.translateTelegrafOpenTSDB(where, plugin)
		return
	case name == "prometheus_client":
		t.translatePrometheusClient(where, plugin)
		return
	case name == "http" && find(plugin, "data_format") != nil && find(plugin, "data_format").Value == "prometheusremotewrite":
		t.translateRemoteWrite(where, plugin)
		return
	default:
		t.note(plugin.Line, LeftOut, "%s: there is no output for it; with Redis, rtcollector's web server answers PromQL, for Grafana and everything that reads Prometheus (docs/web.md)", where)
		return
	}
	out := component{name: "redistimeseries"}
	if address := find(plugin, "address"); address != nil {
		t.setRedisAddress(where+".address", address, &out.settings)
	}
	always := keyRule{}
	t.translateKeys(where, plugin, with(commonKeys(), map[string]keyRule{
		"address": always, "username": {to: "username"}, "password": {to: "password", convert: credential("redis/password")}, "database": {to: "db"},
		"timeout": {to: "timeout"}, "expire": {to: "retention", why: "samples expire one by one, not the whole key"}, "convert_string_fields": always,
		"tls_ca": {to: "tls.ca"}, "tls_cert": {to: "tls.cert"}, "tls_key": {to: "tls.key"}, "tls_server_name": {to: "tls.server_name"}, "insecure_skip_verify": {to: "tls.insecure_skip_verify"},
		"metric_batch_size": always, "flush_interval": {why: "flush_interval is one for all outputs"}, "metric_buffer_limit": {why: "max_buffer_size is one for all outputs"},
		"flush_jitter": always, "interval": always,
	}), &out.settings)
	t.document.outputs = append(t.document.outputs, out)
	t.note(plugin.Line, Changed, "%s: every entity has its own key here (HOST:METRIC_ENTITY), where Telegraf writes all of them into one", where)
}
