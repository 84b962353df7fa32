package redisinput

import (
	"bytes"
	"slices"
	"strconv"

	"github.com/rtcollector/rtcollector/internal/metric"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// identity holds the server's software, version and mode, and the series that shows them.
type identity struct {
	current serverDetails
	info    *metric.Info
}

// serverDetails are texts of INFO that become labels of redis_info.
type serverDetails struct{ software, version, mode, policy string }

// readField takes the details from a field of INFO. A text that has not changed is not copied.
func (i *identity) readField(key, text []byte) {
	switch string(key) {
	case "redis_version":
		i.setSoftware("redis", text)
	case "valkey_version": // follows redis_version, which is the version of Redis that Valkey is compatible with
		i.setSoftware("valkey", text)
	case "dragonfly_version":
		i.setSoftware("dragonfly", text)
	case "executable":
		if bytes.Contains(text, []byte("keydb")) {
			i.current.software = "keydb"
		}
	case "redis_mode", "server_mode": // Valkey's name for it
		updateText(&i.current.mode, text)
	case "maxmemory_policy":
		updateText(&i.current.policy, text)
	}
}

func (i *identity) setSoftware(software string, version []byte) {
	i.current.software = software
	updateText(&i.current.version, version)
}

func updateText(into *string, text []byte) {
	if *into != string(text) {
		*into = string(text)
	}
}

func (i *identity) addSeries(out *telemetry.Batch) {
	i.info.Add(out,
		telemetry.Label{Key: "software", Value: i.current.software}, telemetry.Label{Key: "version", Value: cleanLabel(i.current.version)},
		telemetry.Label{Key: "mode", Value: cleanLabel(i.current.mode)}, telemetry.Label{Key: "maxmemory_policy", Value: cleanLabel(i.current.policy)})
}

// maxLabelLen bounds, in bytes, the labels whose values the server chooses.
const maxLabelLen = 200

func cleanLabel(text string) string { return metric.LabelValue(text, maxLabelLen) }

// commandPercentiles are the latencies of one command since the server started, by percentile.
type commandPercentiles struct {
	maker       seriesMaker // makes the command's series
	percentiles []pairSeries
	round       int
}

// maxPercentiles bounds the percentiles of a command. The default of latency-tracking-info-percentiles has three.
const maxPercentiles = 16

// addPercentiles adds the latencies of a command from a list such as "p50=12.031,p99=12.031,p99.9=12.031" (Redis 7).
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
		v, ok := parseNumber(text)
		if !ok || !isValidName(name) || slices.ContainsFunc(p.percentiles[:n], func(s pairSeries) bool { return s.name == string(name) }) {
			continue
		}
		if n == len(p.percentiles) {
			p.percentiles = append(p.percentiles, pairSeries{})
		}
		if p.percentiles[n].name != string(name) { // seen for the first time, or the server's setting has changed
			p.percentiles[n] = pairSeries{name: string(name), numberSeries: numberSeries{gauge: p.maker.newGauge("latency_percentiles_usec", telemetry.Microseconds,
				s.label, telemetry.Label{Key: "cmd", Value: string(command)}, telemetry.Label{Key: "percentile", Value: string(name)})}}
		}
		p.percentiles[n].add(out, v)
		n++
	}
}

// module is a module that the server has loaded.
type module struct {
	version string
	info    *metric.Info
	round   int
}

// addModule adds the module of a list such as
// "name=search,ver=21005,api=1,filters=0,usedby=[],using=[ReJSON],options=[handle-io-errors]".
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
	if !isValidName(title) {
		return
	}
	m := telemetry.GetBytes(s.modules, title)
	if m.round == s.round {
		return
	}
	m.round = s.round
	updateText(&m.version, version)
	m.info.Add(out, telemetry.Label{Key: "version", Value: formatVersion(m.version)})
}

// formatVersion returns 21005 as 2.10.5, as the modules of Redis encode versions. Smaller numbers are returned unchanged.
func formatVersion(version string) string {
	v, err := strconv.ParseUint(version, 10, 64)
	const major, minor = 10_000, 100
	if err != nil || v < major {
		return cleanLabel(version)
	}
	part := func(n uint64) string { return strconv.FormatUint(n, 10) }
	return part(v/major) + "." + part(v/minor%minor) + "." + part(v%minor)
}
