package redisinput

import (
	"bytes"
	"errors"
	"strings"

	"github.com/rtcollector/rtcollector/internal/metric"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// server holds the series of one Redis server.
type server struct {
	seriesMaker
	label       telemetry.Label
	knownFields map[string]fieldSpec
	round       int // counts the replies to INFO, so that a line that appears twice in one reply counts once

	up, isMaster, slowlog *telemetry.Series
	fields                *telemetry.Vec[string, field]
	kinds                 []entityLines
	keyspace              entityLines
	percentiles           *telemetry.Vec[string, commandPercentiles]
	modules               *telemetry.Vec[string, module]
	replicas              replicas
	identity              identity
	histogram             *latencyHistogram

	isCluster bool // according to the last reply
}

// entityLines holds the entities of one kind of lines.
type entityLines struct {
	lineKind
	entities *telemetry.Vec[string, entity]
}

// field is the series of a line with one number.
type field struct {
	numberSeries
	round int
}

func newServer(m seriesMaker, known map[string]fieldSpec, name string) *server {
	label := telemetry.Label{Key: "server", Value: name}
	s := &server{
		seriesMaker: m, label: label, knownFields: known,
		up:       m.newGauge("up", telemetry.None, label),
		isMaster: m.newGauge("is_master", telemetry.None, label),
		slowlog:  m.newGauge("slowlog_length", telemetry.None, label),
	}
	s.fields = telemetry.NewVec(m.factory, s.newField)
	for _, k := range pairLineKinds() {
		s.kinds = append(s.kinds, s.newEntityLines(k))
	}
	s.keyspace = s.newEntityLines(keyspaceKind())
	s.percentiles = telemetry.NewVec(m.factory, func(f *telemetry.Factory, _ string) commandPercentiles {
		return commandPercentiles{maker: m.withFactory(f)}
	})
	s.modules = telemetry.NewVec(m.factory, func(f *telemetry.Factory, name string) module {
		m := m.withFactory(f)
		return module{info: m.newInfo("module", label, telemetry.Label{Key: "module", Value: name})}
	})
	s.replicas = newReplicas(m, label)
	s.identity = identity{info: m.newInfo("info", label)}
	s.histogram = newHistogram(m, label)
	return s
}

func (s *server) newEntityLines(k lineKind) entityLines {
	return entityLines{k, telemetry.NewVec(s.factory, func(f *telemetry.Factory, name string) entity {
		m := s.withFactory(f)
		return m.newEntity(&k, s.label, telemetry.Label{Key: k.label, Value: name})
	})}
}

// messagesPrefix begins the fields that count cluster messages by type. The server chooses the names of the types.
const messagesPrefix = "cluster_stats_messages_"

func (s *server) newField(f *telemetry.Factory, name string) field {
	maker := s.withFactory(f)
	m := s.knownFields[name]
	switch {
	case m.isIgnored, strings.Contains(name, "|"), strings.HasSuffix(name, "_human"): // repeats the field before it in another format
		return field{}
	case m.isCounter, strings.HasPrefix(name, messagesPrefix):
		return field{numberSeries: maker.newCounter(name, m.unit, s.label)}
	}
	return field{numberSeries: numberSeries{gauge: maker.newGauge(name, m.unit, s.label)}}
}

// errNotRedis means that the reply to INFO is not that of a Redis.
var errNotRedis = errors.New("read INFO: the reply has no redis_version: is this a Redis server?")

// maxInfoLen bounds a reply to INFO, in bytes. A thousand databases and all commands take 150 kB.
const maxInfoLen = 4 << 20

// addInfo adds the samples of a reply to INFO.
func (s *server) addInfo(out *telemetry.Batch, text []byte) error {
	if len(text) > maxInfoLen || !bytes.Contains(text, []byte("redis_version:")) {
		return errNotRedis
	}
	s.beginReply()
	s.addLines(out, text)
	s.replicas.addLags(out)
	s.identity.addSeries(out)
	return nil
}

func (s *server) beginReply() {
	s.round++
	s.isCluster = false
}

// addLines adds the samples of lines of INFO or CLUSTER INFO, which have the same format.
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
	s.identity.readField(key, text)
	s.replicas.readMasterOffset(key, text)
	if string(key) == "role" {
		out.Add(s.isMaster, metric.Bool(string(text) == "master"))
		return
	}
	v, ok := parseNumber(text)
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
	percentilesPrefix = "latency_percentiles_usec_"
	commandsPrefix    = "cmdstat_"
)

func (s *server) addList(out *telemetry.Batch, key, list []byte) {
	latency, isLatency := bytes.CutPrefix(key, []byte(percentilesPrefix))
	switch {
	case isLatency:
		s.addPercentiles(out, latency, list)
	case isDatabase(key):
		s.addEntity(out, &s.keyspace, key, list)
	case isReplica(key):
		s.replicas.addReplica(out, list, s.round)
	case string(key) == "module":
		s.addModule(out, list)
	default:
		for i := range s.kinds {
			if name, ok := bytes.CutPrefix(key, []byte(s.kinds[i].prefix)); ok && (s.settings.Commandstats || s.kinds[i].prefix != commandsPrefix) {
				s.addEntity(out, &s.kinds[i], name, list)
			}
		}
	}
}

func (s *server) addEntity(out *telemetry.Batch, l *entityLines, name, list []byte) {
	if len(name) == 0 {
		return
	}
	if t := telemetry.GetBytes(l.entities, name); t.round != s.round {
		t.round = s.round
		t.addPairs(out, list)
	}
}

// sweep ends the series that were not in the last replies.
func (s *server) sweep(out *telemetry.Batch) {
	s.fields.Sweep(out)
	for _, l := range s.kinds {
		l.entities.Sweep(out)
	}
	s.keyspace.entities.Sweep(out)
	s.percentiles.Sweep(out)
	s.modules.Sweep(out)
	s.replicas.byAddress.Sweep(out)
	s.histogram.commands.Sweep(out)
}
