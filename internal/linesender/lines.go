package linesender

import (
	"fmt"
	"hash/fnv"
	"slices"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// lines makes the lines of series, and keeps two series from having the same one.
//
// Where names had to be changed ("a b" and "a_b"), or a format leaves out what distinguishes two series, they would share a line. Then one keeps
// it, and the others get a suffix from a hash of their identity: the one that was already sent so, else the only one whose names are unchanged.
// If there is none, all get a suffix. So names do not depend on the order of series that appear in the same write, as those of an input do.
type lines struct {
	config Config
	format Format
	host   string // of the agent
	slot   telemetry.Slot
	named  map[uint64][]*Line // by the hash of the line without a suffix
}

// of returns the line of a series.
func (m *lines) of(s *telemetry.Series) *Line {
	if l, ok := s.Memo(m.slot).(*Line); ok {
		return l
	}
	l := m.register(s)
	s.SetMemo(m.slot, l)
	return l
}

func (m *lines) register(s *telemetry.Series) *Line {
	l := &Line{series: s, isUnsent: !m.wants(s)}
	if l.isUnsent {
		return l
	}
	m.encode(l, "")
	l.identity, l.name = hash(identityOf(s)), hash(string(l.Head), string(l.Tail))
	same := slices.DeleteFunc(m.named[l.name], func(old *Line) bool {
		if old.identity != l.identity {
			return false
		}
		l.isSent, l.hasSuffix = old.isSent, old.hasSuffix // the series was made anew, and keeps its name
		return true
	})
	same = append(same, l)
	if m.named == nil {
		m.named = map[uint64][]*Line{}
	}
	m.named[l.name] = same
	if len(same) > 1 {
		m.tellApart(same)
	}
	return l
}

// tellApart gives different names to lines that have the same one.
func (m *lines) tellApart(same []*Line) {
	var exact []*Line
	for _, l := range same {
		if l.isSent && !l.hasSuffix {
			m.addSuffixes(same, l)
			return
		}
		if l.isExact && !l.hasSuffix {
			exact = append(exact, l)
		}
	}
	if len(exact) == 1 {
		m.addSuffixes(same, exact[0])
		return
	}
	m.addSuffixes(same, nil)
}

// addSuffixes adds suffixes to all lines but one.
func (m *lines) addSuffixes(same []*Line, but *Line) {
	for _, l := range same {
		if l != but {
			l.hasSuffix = true
			m.encode(l, hashSuffix(identityOf(l.series)))
		}
	}
}

func (m *lines) encode(l *Line, suffix string) {
	l.Head, l.Tail, l.isExact = m.format.NewLine(l.series, Naming{
		Host: m.hostOf(l.series), Prefix: m.config.Prefix, Names: m.config.Names, Suffix: suffix,
	})
}

// forget frees what is kept for a series that ended. Lines that share a name stay, so that the others keep their suffixes.
func (m *lines) forget(l *Line) {
	if same := m.named[l.name]; len(same) == 1 && same[0] == l {
		delete(m.named, l.name)
	}
}

// wants reports whether the user wants a series to be sent.
func (m *lines) wants(s *telemetry.Series) bool {
	hosts := []string{s.Host()}
	if s.Host() == m.host {
		hosts = append(hosts, "localhost")
	}
	if !m.config.Hosts.IsEmpty() && !m.config.Hosts.Match(hosts...) {
		return false
	}
	return m.config.Charts.Match(s.Name(), Label(s, "chart"), Label(s, "chart_name"))
}

// hostOf returns the name of the host of a series.
func (m *lines) hostOf(s *telemetry.Series) string {
	if m.config.Hostname != "" && s.Host() == m.host {
		return m.config.Hostname
	}
	return s.Host()
}

// collisions describes which series cannot have the names that they would have alone.
func (m *lines) collisions() (texts []string) {
	for _, same := range m.named {
		if len(same) > 1 {
			texts = append(texts, fmt.Sprintf("%s and %s would have the same name: one or both get a suffix", same[0].series, same[1].series))
		}
	}
	slices.Sort(texts)
	return texts
}

// identityOf returns a text that differs between any two series.
func identityOf(s *telemetry.Series) string {
	b := append([]byte(s.Host()), 0)
	b = append(b, s.Name()...)
	for _, l := range s.Instance() {
		b = append(append(append(append(b, 0), l.Key...), 1), l.Value...)
	}
	return string(b)
}

func hash(texts ...string) uint64 {
	h := fnv.New64a()
	for _, text := range texts {
		_, _ = h.Write([]byte(text))
		_, _ = h.Write([]byte{0})
	}
	return h.Sum64()
}
