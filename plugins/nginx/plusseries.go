package nginx

import (
	"strings"

	"github.com/rtcollector/rtcollector/internal/metric"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// The endpoints whose replies need code of their own.
const (
	pathNginx       = "nginx"
	pathConnections = "connections"
	pathRequests    = "http/requests"
)

// endpoint is a path of the API below the version.
type endpoint struct {
	path         string
	metricPrefix string // prefix of its metrics; "": addStubMetrics handles it
	label        string // label of the entities that it lists; "": it describes the server
}

// endpoints returns the endpoints to read, in this order.
func endpoints() []endpoint {
	return []endpoint{
		{pathNginx, "nginx", ""},
		{pathConnections, "", ""},
		{pathRequests, "", ""},
		{"processes", "nginx_processes", ""},
		{"ssl", "nginx_ssl", ""},
		{"http/server_zones", "nginx_http_server_zone", "zone"},
		{"http/location_zones", "nginx_http_location_zone", "zone"},
		{"http/caches", "nginx_http_cache", "zone"},
		{"http/limit_conns", "nginx_http_limit_conn", "zone"},
		{"http/limit_reqs", "nginx_http_limit_req", "zone"},
		{"http/upstreams", "nginx_http_upstream", "upstream"},
		{"stream/server_zones", "nginx_stream_server_zone", "zone"},
		{"stream/limit_conns", "nginx_stream_limit_conn", "zone"},
		{"stream/upstreams", "nginx_stream_upstream", "upstream"},
		{"stream/zone_sync", "nginx_stream_zone_sync", ""},
		{"resolvers", "nginx_resolver", "zone"},
		{"workers", "nginx_worker", "worker"},
	}
}

// fieldSpec describes a number of the API.
type fieldSpec struct {
	unit      telemetry.Unit
	isCounter bool
}

// findField returns the description of a number by its name and that of the object that contains it. Unknown numbers are not
// written.
func findField(parent, name string) (f fieldSpec, known bool) {
	gauges := map[telemetry.Unit]string{
		telemetry.None: `processing active idle current weight max_conns keepalive zombies cold backup nodes_online
			records_pending records_total queue.size queue.max_size health_checks.last_passed`,
		telemetry.Bytes:        "size max_size",
		telemetry.Milliseconds: "header_time response_time connect_time first_byte_time",
	}
	counters := map[telemetry.Unit]string{
		telemetry.None: `generation respawned accepted dropped requests connections total discarded 1xx 2xx 3xx 4xx 5xx codes
			handshakes handshakes_failed session_reuses no_common_protocol no_common_cipher handshake_timeout peer_rejected_cert
			no_cert expired_cert revoked_cert hostname_mismatch other responses responses_written
			passed delayed rejected delayed_dry_run rejected_dry_run fails unavail checks unhealthy queue.overflows
			msgs_in msgs_out name srv addr noerror formerr servfail nxdomain notimp refused timedout unknown`,
		telemetry.Bytes:        "received sent bytes bytes_written bytes_in bytes_out",
		telemetry.Milliseconds: "downtime",
	}
	for _, key := range []string{parent + "." + name, name} {
		for unit, names := range gauges {
			if containsWord(names, key) {
				return fieldSpec{unit: unit}, true
			}
		}
		for unit, names := range counters {
			if containsWord(names, key) {
				return fieldSpec{unit: unit, isCounter: true}, true
			}
		}
	}
	return fieldSpec{}, false
}

func containsWord(words, word string) bool {
	for w := range strings.FieldsSeq(words) {
		if w == word {
			return true
		}
	}
	return false
}

// plusSeries holds the series of one API.
type plusSeries struct {
	server          []telemetry.Label
	currentRequests *telemetry.Series
	values          *telemetry.Vec[string, plusValue]
	nextName        valueName // of the value whose series newValue makes
	keyBuffer       []byte    // buffer for the key of a value
}

// maxValues bounds the series of one API. It is enough for a few thousand peers, which have 40 each.
const maxValues = 200_000

// plusValue is the series of a number. It is empty for unknown numbers.
type plusValue struct {
	gauge *telemetry.Series
	total *telemetry.Total
	info  *metric.Info
}

// valueName is the name of a value, with the entity that it belongs to and the name of the object that contains it.
type valueName struct {
	entity       entity
	parent, name string
}

// The names of values that are not numbers of the API.
const (
	stateName = "state"
	infoName  = "info"
)

func (p *plusSeries) newValue(f *telemetry.Factory, _ string) (v plusValue) {
	n := &p.nextName
	full, labels := n.entity.metricPrefix+"_"+n.name, p.mergeLabels(n.entity)
	meaning, known := findField(n.parent, n.name)
	switch {
	case n.name == infoName:
		v.info = metric.NewInfo(f, full, labels...)
	case n.name == stateName:
		v.gauge = f.Gauge(full, telemetry.None, labels...)
	case !known:
	case meaning.isCounter:
		v.total = f.Counter(full, meaning.unit, labels...)
	default:
		v.gauge = f.Gauge(full, meaning.unit, labels...)
	}
	return v
}

func newPlusSeries(f *telemetry.Factory, server []telemetry.Label) *plusSeries {
	p := &plusSeries{server: server, currentRequests: f.Gauge("nginx_requests_current", telemetry.None, server...)}
	p.values = telemetry.NewVec(f, p.newValue).Limit(maxValues)
	return p
}

// entity is a zone, an upstream, a peer, or the server.
type entity struct {
	metricPrefix string
	labels       []telemetry.Label // in addition to those of the server
}

// withLabel returns the entity with a suffix for its metrics and one more label.
func (e entity) withLabel(suffix, key, value string) entity {
	return entity{e.metricPrefix + suffix, append(e.labels[:len(e.labels):len(e.labels)], telemetry.Label{Key: key, Value: value})}
}

// addEndpoint adds the samples of an endpoint's reply. A nil reply has none.
func (p *plusSeries) addEndpoint(out *telemetry.Batch, ep *endpoint, answer any) {
	e := entity{metricPrefix: ep.metricPrefix}
	if ep.metricPrefix == "" {
		return
	}
	switch answer := answer.(type) {
	case map[string]any:
		if ep.path == pathNginx {
			p.addInfo(out, e, answer, "version", "build")
		}
		if ep.label == "" {
			p.addNumbers(out, e, "", answer)
			return
		}
		for name, one := range answer {
			if one, ok := one.(map[string]any); ok {
				p.addNumbers(out, e.withLabel("", ep.label, name), "", one)
			}
		}
	case []any: // workers
		for _, one := range answer {
			if one, ok := one.(map[string]any); ok {
				p.addNumbers(out, e.withLabel("", ep.label, formatText(one["id"])), "", one)
			}
		}
	}
}

// addNumbers adds the numbers of an object and of the objects within it, whose names become parts of the metric names.
func (p *plusSeries) addNumbers(out *telemetry.Batch, e entity, parent string, object map[string]any) {
	for name, v := range object {
		switch v := v.(type) {
		case float64:
			p.addNumber(out, e, parent, name, v)
		case bool:
			p.addNumber(out, e, parent, name, metric.Bool(v))
		case []any:
			if name == "peers" {
				p.addPeers(out, e, v)
			}
		case map[string]any:
			p.addObject(out, e, name, v)
		}
	}
}

func (p *plusSeries) addObject(out *telemetry.Batch, e entity, name string, object map[string]any) {
	switch name {
	case "codes": // of responses
		for code, n := range object {
			p.addNumber(out, e.withLabel("", "code", code), "", name, toNumber(n))
		}
	case "zones": // synchronized in a cluster
		for zone, one := range object {
			if one, ok := one.(map[string]any); ok {
				p.addNumbers(out, e.withLabel("", "zone", zone), name, one)
			}
		}
	case "status": // of the cluster
		p.addNumbers(out, e, name, object)
	default:
		p.addNumbers(out, entity{e.metricPrefix + "_" + name, e.labels}, name, object)
	}
}

func (p *plusSeries) addNumber(out *telemetry.Batch, e entity, parent, name string, v float64) {
	h := p.findValue(e, parent, name)
	if h.total != nil {
		h.total.Add(out, v)
		return
	}
	out.Add(h.gauge, v)
}

func (p *plusSeries) mergeLabels(e entity) []telemetry.Label {
	return append(p.server[:len(p.server):len(p.server)], e.labels...)
}

func (p *plusSeries) findValue(e entity, parent, name string) *plusValue {
	p.nextName = valueName{e, parent, name}
	p.keyBuffer = append(append(append(p.keyBuffer[:0], e.metricPrefix...), 0), name...)
	for _, l := range e.labels {
		p.keyBuffer = append(append(append(append(p.keyBuffer, 0), l.Key...), 0), l.Value...)
	}
	return telemetry.GetBytes(p.values, p.keyBuffer)
}
