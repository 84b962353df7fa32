package redisinput

import (
	"github.com/rtcollector/rtcollector/internal/metric"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// replicas are those of one server, from lines such as "slave0:ip=127.0.0.1,port=6380,state=online,offset=123,lag=0".
type replicas struct {
	things *telemetry.Vec[string, replica]

	name   []byte // room to put ip and port together
	behind []behind
	offset float64 // the master's own, which INFO says behind its replicas'
	known  bool
}

type replica struct {
	online, lag, lagBytes *telemetry.Series
	offset                value
	round                 int
}

// behind is a replica whose distance can be told when the master's offset is known.
type behind struct {
	series *telemetry.Series
	offset float64
}

func newReplicas(m maker, label telemetry.Label) replicas {
	return replicas{things: telemetry.NewVec(m.factory, func(f *telemetry.Factory, name string) replica {
		m := m.with(f)
		labels := []telemetry.Label{label, {Key: "replica", Value: name}}
		return replica{
			online:   m.gauge("replica_online", telemetry.None, labels...),
			lag:      m.gauge("replica_lag", telemetry.Seconds, labels...),
			lagBytes: m.gauge("replica_lag_bytes", telemetry.Bytes, labels...),
			offset:   m.counter("replica_offset", telemetry.Bytes, labels...),
		}
	})}
}

func (r *replicas) see(key, text []byte) {
	if string(key) == "master_repl_offset" {
		r.offset, r.known = number(text)
	}
}

// add takes a replica's line. One that stands twice, because both are behind one address, counts once.
func (r *replicas) add(out *telemetry.Batch, list []byte, round int) {
	var ip, port, state []byte
	var offset, lag float64
	var hasOffset, hasLag bool
	for name, text, rest := cutPair(list); name != nil; name, text, rest = cutPair(rest) {
		switch string(name) {
		case "ip":
			ip = text
		case "port":
			port = text
		case "state":
			state = text
		case "offset":
			offset, hasOffset = number(text)
		case "lag":
			lag, hasLag = number(text)
		}
	}
	r.name = append(append(append(r.name[:0], ip...), ':'), port...)
	if !isName(ip) || !isName(port) {
		return
	}
	t := telemetry.GetBytes(r.things, r.name)
	if t.round == round {
		return
	}
	t.round = round
	out.Add(t.online, metric.Bool(string(state) == "online"))
	if hasLag && lag >= 0 { // -1: it has not said anything yet
		out.Add(t.lag, lag)
	}
	if hasOffset {
		t.offset.add(out, offset)
		r.behind = append(r.behind, behind{t.lagBytes, offset})
	}
}

// finish ends a reply: the distances can be told now.
func (r *replicas) finish(out *telemetry.Batch) {
	for _, b := range r.behind {
		if r.known {
			out.Add(b.series, max(r.offset-b.offset, 0))
		}
	}
	r.behind, r.known = r.behind[:0], false
}
