package redisinput

import (
	"bytes"
	"slices"
	"strconv"

	"github.com/rtcollector/rtcollector/internal/metric"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// identity says what the server is.
type identity struct {
	now  who
	info *metric.Info
}

type who struct{ software, version, mode, policy string }

// see takes a field; a text that is the same as before costs nothing.
func (i *identity) see(key, text []byte) {
	switch string(key) {
	case "redis_version":
		i.become("redis", text)
	case "valkey_version": // behind redis_version, which is that of the Redis it began as
		i.become("valkey", text)
	case "dragonfly_version":
		i.become("dragonfly", text)
	case "executable":
		if bytes.Contains(text, []byte("keydb")) {
			i.now.software = "keydb"
		}
	case "redis_mode", "server_mode": // Valkey's name for it
		keep(&i.now.mode, text)
	case "maxmemory_policy":
		keep(&i.now.policy, text)
	}
}

func (i *identity) become(software string, version []byte) {
	i.now.software = software
	keep(&i.now.version, version)
}

func keep(into *string, text []byte) {
	if *into != string(text) {
		*into = string(text)
	}
}

func (i *identity) finish(out *telemetry.Batch) {
	i.info.Add(out,
		telemetry.Label{Key: "software", Value: i.now.software}, telemetry.Label{Key: "version", Value: clean(i.now.version)},
		telemetry.Label{Key: "mode", Value: clean(i.now.mode)}, telemetry.Label{Key: "maxmemory_policy", Value: clean(i.now.policy)})
}

// maxDetail bounds, in bytes, the labels with what a server says about itself.
const maxDetail = 200

func clean(text string) string { return metric.LabelValue(text, maxDetail) }

// percentiles are the latencies of one command since the server started, by percentile.
type percentiles struct {
	make  maker // of the command's series
	slots []slot
	round int
}

// maxPercentiles is how many of them are believed; the server's latency-tracking-info-percentiles has three.
const maxPercentiles = 16

// addPercentiles takes "p50=12.031,p99=12.031,p99.9=12.031" of a command: Redis 7.
func (s *server) addPercentiles(out *telemetry.Batch, command, list []byte) {
	if len(command) == 0 || !s.settings.Commandstats {
		return
	}
	p := telemetry.GetBytes(s.percentiles, command)
	if p.round == s.round {
		return
	}
	p.round = s.round
	n := 0
	for name, text, rest := cutPair(list); name != nil && n < maxPercentiles; name, text, rest = cutPair(rest) {
		v, ok := number(text)
		if !ok || !isName(name) || slices.ContainsFunc(p.slots[:n], func(s slot) bool { return s.name == string(name) }) {
			continue
		}
		if n == len(p.slots) {
			p.slots = append(p.slots, slot{})
		}
		if p.slots[n].name != string(name) { // the first time, or the server's setting was changed
			p.slots[n] = slot{name: string(name), value: value{gauge: p.make.gauge("latency_percentiles_usec", telemetry.Microseconds,
				s.label, telemetry.Label{Key: "cmd", Value: string(command)}, telemetry.Label{Key: "percentile", Value: string(name)})}}
		}
		p.slots[n].add(out, v)
		n++
	}
}

// module is one that the server has loaded.
type module struct {
	version string
	info    *metric.Info
	round   int
}

// addModule takes "name=search,ver=21005,api=1,filters=0,usedby=[],using=[ReJSON],options=[handle-io-errors]".
func (s *server) addModule(out *telemetry.Batch, list []byte) {
	var title, version []byte
	for name, text, rest := cutPair(list); name != nil; name, text, rest = cutPair(rest) {
		switch string(name) {
		case "name":
			title = text
		case "ver":
			version = text
		}
	}
	if !isName(title) {
		return
	}
	m := telemetry.GetBytes(s.modules, title)
	if m.round == s.round {
		return
	}
	m.round = s.round
	keep(&m.version, version)
	m.info.Add(out, telemetry.Label{Key: "version", Value: dotted(m.version)})
}

// dotted writes 21005 as 2.10.5, as Redis's own modules mean it; a smaller number is as it was.
func dotted(version string) string {
	v, err := strconv.ParseUint(version, 10, 64)
	const major, minor = 10_000, 100
	if err != nil || v < major {
		return clean(version)
	}
	part := func(n uint64) string { return strconv.FormatUint(n, 10) }
	return part(v/major) + "." + part(v/minor%minor) + "." + part(v%minor)
}
