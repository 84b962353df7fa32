package redisinput

import (
	"github.com/rtcollector/rtcollector/internal/metric"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// replicas are the replicas of one server, from lines such as
// "slave0:ip=127.0.0.1,port=6380,state=online,offset=123,lag=0".
type replicas struct {
	byAddress *telemetry.Vec[string, replica]

	addressBuffer   []byte // ip:port
	pendingLags     []pendingLag
	masterOffset    float64 // of the master; INFO prints it after the lines of the replicas
	hasMasterOffset bool    // masterOffset is set
}

type replica struct {
	online, lag, lagBytes *telemetry.Series
	offset                numberSeries
	round                 int
}

// pendingLag is a replica whose lag in bytes is computed when the offset of the master is known.
type pendingLag struct {
	series *telemetry.Series
	offset float64
}

func newReplicas(m seriesMaker, label telemetry.Label) replicas {
	return replicas{byAddress: telemetry.NewVec(m.factory, func(f *telemetry.Factory, name string) replica {
		m := m.withFactory(f)
		labels := []telemetry.Label{label, {Key: "replica", Value: name}}
		return replica{
			online:   m.newGauge("replica_online", telemetry.None, labels...),
			lag:      m.newGauge("replica_lag", telemetry.Seconds, labels...),
			lagBytes: m.newGauge("replica_lag_bytes", telemetry.Bytes, labels...),
			offset:   m.newCounter("replica_offset", telemetry.Bytes, labels...),
		}
	})}
}

// readMasterOffset takes the offset of the master from a field of INFO.
func (r *replicas) readMasterOffset(key, text []byte) {
	if string(key) == "master_repl_offset" {
		r.masterOffset, r.hasMasterOffset = parseNumber(text)
	}
}

// addReplica adds the samples of one replica. An address that appears twice, because two replicas share it, counts once.
func (r *replicas) addReplica(out *telemetry.Batch, list []byte, round int) {
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
			offset, hasOffset = parseNumber(text)
		case "lag":
			lag, hasLag = parseNumber(text)
		}
	}
	r.addressBuffer = append(append(append(r.addressBuffer[:0], ip...), ':'), port...)
	if !isValidName(ip) || !isValidName(port) {
		return
	}
	rep := telemetry.GetBytes(r.byAddress, r.addressBuffer)
	if rep.round == round {
		return
	}
	rep.round = round
	out.Add(rep.online, metric.Bool(string(state) == "online"))
	if hasLag && lag >= 0 { // -1: the replica has not reported yet
		out.Add(rep.lag, lag)
	}
	if hasOffset {
		rep.offset.add(out, offset)
		r.pendingLags = append(r.pendingLags, pendingLag{rep.lagBytes, offset})
	}
}

// addLags adds the lags in bytes, at the end of a reply.
func (r *replicas) addLags(out *telemetry.Batch) {
	for _, b := range r.pendingLags {
		if r.hasMasterOffset {
			out.Add(b.series, max(r.masterOffset-b.offset, 0))
		}
	}
	r.pendingLags, r.hasMasterOffset = r.pendingLags[:0], false
}
