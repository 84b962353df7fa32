package nginx

import (
	"strings"

	"github.com/rtcollector/rtcollector/internal/metric"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// The endpoints whose answers are more than numbers with names.
const (
	pathNginx       = "nginx"
	pathConnections = "connections"
	pathRequests    = "http/requests"
)

// endpoint is a path of the API below the version.
type endpoint struct {
	path   string
	metric string // what its metrics begin with; "": they are made elsewhere
	label  string // of the things that it lists; "": it is about the server
}

// endpoints are those that are read, in the order in which they are asked for.
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

// field is what a number of the API means.
type field struct {
	unit    telemetry.Unit
	counter bool
}

// fieldOf finds a number by its name, with that of what it stands in. What is not known is not written.
func fieldOf(parent, name string) (f field, known bool) {
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
			if hasWord(names, key) {
				return field{unit: unit}, true
			}
		}
		for unit, names := range counters {
			if hasWord(names, key) {
				return field{unit: unit, counter: true}, true
			}
		}
	}
	return field{}, false
}

func hasWord(words, word string) bool {
	for w := range strings.FieldsSeq(words) {
		if w == word {
			return true
		}
	}
	return false
}

// plusSeries are the series of one API.
type plusSeries struct {
	server  []telemetry.Label
	current *telemetry.Series
	known   *telemetry.Vec[string, plusValue]
	next    valueName // that a series is made for
	key     []byte
}

// maxValues bounds the series of one API: a few thousand servers of upstreams have 40 each.
const maxValues = 200_000

// plusValue is where a number goes; nowhere if it is not known.
type plusValue struct {
	gauge *telemetry.Series
	total *telemetry.Total
	info  *metric.Info
}

// valueName is the name of a value, with the thing that it belongs to and the name of the object that contains it.
type valueName struct {
	thing        thing
	parent, name string
}

// The names of values that are not numbers of the API.
const (
	stateName = "state"
	infoName  = "info"
)

func (p *plusSeries) newValue(f *telemetry.Factory, _ string) (v plusValue) {
	n := &p.next
	full, labels := n.thing.metric+"_"+n.name, p.labels(n.thing)
	meaning, known := fieldOf(n.parent, n.name)
	switch {
	case n.name == infoName:
		v.info = metric.NewInfo(f, full, labels...)
	case n.name == stateName:
		v.gauge = f.Gauge(full, telemetry.None, labels...)
	case !known:
	case meaning.counter:
		v.total = f.Counter(full, meaning.unit, labels...)
	default:
		v.gauge = f.Gauge(full, meaning.unit, labels...)
	}
	return v
}

func newPlusSeries(f *telemetry.Factory, server []telemetry.Label) *plusSeries {
	p := &plusSeries{server: server, current: f.Gauge("nginx_requests_current", telemetry.None, server...)}
	p.known = telemetry.NewVec(f, p.newValue).Limit(maxValues)
	return p
}

// thing is something that numbers are about: a zone, an upstream, a peer.
type thing struct {
	metric string
	labels []telemetry.Label // beside the server's
}

func (t thing) with(suffix, key, value string) thing {
	return thing{t.metric + suffix, append(t.labels[:len(t.labels):len(t.labels)], telemetry.Label{Key: key, Value: value})}
}

// add writes the answer of an endpoint; nil is none.
func (p *plusSeries) add(out *telemetry.Batch, e *endpoint, answer any) {
	t := thing{metric: e.metric}
	if e.metric == "" {
		return
	}
	switch answer := answer.(type) {
	case map[string]any:
		if e.path == pathNginx {
			p.addInfo(out, t, answer, "version", "build")
		}
		if e.label == "" {
			p.addNumbers(out, t, "", answer)
			return
		}
		for name, one := range answer {
			if one, ok := one.(map[string]any); ok {
				p.addNumbers(out, t.with("", e.label, name), "", one)
			}
		}
	case []any: // of workers
		for _, one := range answer {
			if one, ok := one.(map[string]any); ok {
				p.addNumbers(out, t.with("", e.label, text(one["id"])), "", one)
			}
		}
	}
}

// addNumbers writes the numbers in an object and in those within it, whose names become parts of the metrics' names.
func (p *plusSeries) addNumbers(out *telemetry.Batch, t thing, parent string, object map[string]any) {
	for name, v := range object {
		switch v := v.(type) {
		case float64:
			p.write(out, t, parent, name, v)
		case bool:
			p.write(out, t, parent, name, metric.Bool(v))
		case []any:
			if name == "peers" {
				p.addPeers(out, t, v)
			}
		case map[string]any:
			p.addObject(out, t, name, v)
		}
	}
}

func (p *plusSeries) addObject(out *telemetry.Batch, t thing, name string, object map[string]any) {
	switch name {
	case "codes": // of answers
		for code, n := range object {
			p.write(out, t.with("", "code", code), "", name, number(n))
		}
	case "zones": // that are kept alike in a cluster
		for zone, one := range object {
			if one, ok := one.(map[string]any); ok {
				p.addNumbers(out, t.with("", "zone", zone), name, one)
			}
		}
	case "status": // of the cluster
		p.addNumbers(out, t, name, object)
	default:
		p.addNumbers(out, thing{t.metric + "_" + name, t.labels}, name, object)
	}
}

func (p *plusSeries) write(out *telemetry.Batch, t thing, parent, name string, v float64) {
	h := p.handle(t, parent, name)
	if h.total != nil {
		h.total.Add(out, v)
		return
	}
	out.Add(h.gauge, v)
}

func (p *plusSeries) labels(t thing) []telemetry.Label {
	return append(p.server[:len(p.server):len(p.server)], t.labels...)
}

func (p *plusSeries) handle(t thing, parent, name string) *plusValue {
	p.next = valueName{t, parent, name}
	p.key = append(append(append(p.key[:0], t.metric...), 0), name...)
	for _, l := range t.labels {
		p.key = append(append(append(append(p.key, 0), l.Key...), 0), l.Value...)
	}
	return telemetry.GetBytes(p.known, p.key)
}
