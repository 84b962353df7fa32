package redisinput

import (
	"bytes"
	"errors"
	"strings"

	"github.com/rtcollector/rtcollector/internal/metric"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// server are the series of one Redis.
type server struct {
	maker
	label telemetry.Label
	known map[string]meaning
	round int // counts replies: a line that stands twice in one counts once

	up, isMaster, slowlog *telemetry.Series
	fields                *telemetry.Vec[string, field]
	kinds                 []lines
	keyspace              lines
	percentiles           *telemetry.Vec[string, percentiles]
	modules               *telemetry.Vec[string, module]
	replicas              replicas
	identity              identity
	histogram             *histogram

	isCluster bool // as its last reply says
}

// lines are the things of one kind.
type lines struct {
	kind
	things *telemetry.Vec[string, thing]
}

// field is a line with one number.
type field struct {
	value
	round int
}

func newServer(m maker, known map[string]meaning, name string) *server {
	label := telemetry.Label{Key: "server", Value: name}
	s := &server{
		maker: m, label: label, known: known,
		up:       m.gauge("up", telemetry.None, label),
		isMaster: m.gauge("is_master", telemetry.None, label),
		slowlog:  m.gauge("slowlog_length", telemetry.None, label),
	}
	s.fields = telemetry.NewVec(m.factory, s.newField)
	for _, k := range kinds() {
		s.kinds = append(s.kinds, s.lines(k))
	}
	s.keyspace = s.lines(keyspace())
	s.percentiles = telemetry.NewVec(m.factory, func(f *telemetry.Factory, _ string) percentiles { return percentiles{make: m.with(f)} })
	s.modules = telemetry.NewVec(m.factory, func(f *telemetry.Factory, name string) module {
		m := m.with(f)
		return module{info: m.info("module", label, telemetry.Label{Key: "module", Value: name})}
	})
	s.replicas = newReplicas(m, label)
	s.identity = identity{info: m.info("info", label)}
	s.histogram = newHistogram(m, label)
	return s
}

func (s *server) lines(k kind) lines {
	return lines{k, telemetry.NewVec(s.factory, func(f *telemetry.Factory, name string) thing {
		m := s.with(f)
		return m.thing(&k, s.label, telemetry.Label{Key: k.label, Value: name})
	})}
}

// messages are the counts of cluster messages by type, which are many and named by the server.
const messages = "cluster_stats_messages_"

func (s *server) newField(f *telemetry.Factory, name string) field {
	maker := s.with(f)
	m := s.known[name]
	switch {
	case m.ignored, strings.Contains(name, "|"), strings.HasSuffix(name, "_human"): // what is before it, in other words
		return field{}
	case m.counter, strings.HasPrefix(name, messages):
		return field{value: maker.counter(name, m.unit, s.label)}
	}
	return field{value: value{gauge: maker.gauge(name, m.unit, s.label)}}
}

// errNoRedis: something answered INFO, but not as a Redis does.
var errNoRedis = errors.New("read INFO: there is no redis_version in it: is that a Redis?")

// maxInfo is far more than INFO ever is: a thousand databases and all commands make 150 kB.
const maxInfo = 4 << 20

// add takes a reply to INFO.
func (s *server) add(out *telemetry.Batch, text []byte) error {
	if len(text) > maxInfo || !bytes.Contains(text, []byte("redis_version:")) {
		return errNoRedis
	}
	s.begin()
	s.addLines(out, text)
	s.replicas.finish(out)
	s.identity.finish(out)
	return nil
}

func (s *server) begin() {
	s.round++
	s.isCluster = false
}

// addLines takes lines of INFO, or of CLUSTER INFO, which look the same.
func (s *server) addLines(out *telemetry.Batch, text []byte) {
	for len(text) > 0 {
		var key, value []byte
		var ok bool
		key, value, text, ok = cutLine(text)
		switch {
		case !ok:
		case isList(value):
			s.addList(out, key, value)
		default:
			s.addField(out, key, value)
		}
	}
}

func (s *server) addField(out *telemetry.Batch, key, text []byte) {
	s.identity.see(key, text)
	s.replicas.see(key, text)
	if string(key) == "role" {
		out.Add(s.isMaster, metric.Bool(string(text) == "master"))
		return
	}
	v, ok := number(text)
	if !ok {
		return
	}
	if string(key) == "cluster_enabled" {
		s.isCluster = v > 0
	}
	f := telemetry.GetBytes(s.fields, key)
	if f.round != s.round {
		f.round = s.round
		f.add(out, v)
	}
}

const (
	percentilesBegin = "latency_percentiles_usec_"
	commandsBegin    = "cmdstat_"
)

func (s *server) addList(out *telemetry.Batch, key, list []byte) {
	latency, isLatency := bytes.CutPrefix(key, []byte(percentilesBegin))
	switch {
	case isLatency:
		s.addPercentiles(out, latency, list)
	case isDatabase(key):
		s.addThing(out, &s.keyspace, key, list)
	case isReplica(key):
		s.replicas.add(out, list, s.round)
	case string(key) == "module":
		s.addModule(out, list)
	default:
		for i := range s.kinds {
			if name, ok := bytes.CutPrefix(key, []byte(s.kinds[i].begins)); ok && (s.settings.Commandstats || s.kinds[i].begins != commandsBegin) {
				s.addThing(out, &s.kinds[i], name, list)
			}
		}
	}
}

func (s *server) addThing(out *telemetry.Batch, l *lines, name, list []byte) {
	if len(name) == 0 {
		return
	}
	if t := telemetry.GetBytes(l.things, name); t.round != s.round {
		t.round = s.round
		t.add(out, list)
	}
}

// sweep forgets what the last replies did not mention.
func (s *server) sweep(out *telemetry.Batch) {
	s.fields.Sweep(out)
	for _, l := range s.kinds {
		l.things.Sweep(out)
	}
	s.keyspace.things.Sweep(out)
	s.percentiles.Sweep(out)
	s.modules.Sweep(out)
	s.replicas.things.Sweep(out)
	s.histogram.commands.Sweep(out)
}
