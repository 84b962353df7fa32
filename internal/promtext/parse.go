package promtext

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// kind is the type of a metric, as far as the reader distinguishes types.
type kind uint8

const (
	other kind = iota // gauge, untyped, unknown, info, stateset, gaugehistogram
	counter
	histogram // all its samples are counters
	summary   // its quantiles are gauges; its sum and count are counters
)

// parser parses a page line by line, without copying. It accepts the text format 0.0.4 of Prometheus and OpenMetrics 1.0,
// whose differences do not matter here.
type parser struct {
	rest   []byte
	line   int
	family []byte // of the last "# TYPE"
	kind   kind
}

// sample is a line of the page. Its ID is the text of the metric with its labels. It usually stays the same from page to
// page, so that the labels of known series need not be parsed again.
type sample struct {
	id    []byte
	name  []byte
	kind  kind // other or counter
	value float64
}

// next returns the next sample and its line. Ok is false if the line is not a sample. More is false at the end of the page.
func (p *parser) next() (s sample, line []byte, ok, more bool) {
	for len(p.rest) > 0 {
		line, p.rest, _ = bytes.Cut(p.rest, []byte("\n"))
		p.line++
		line = bytes.TrimSpace(line)
		switch {
		case len(line) == 0:
		case line[0] == '#':
			p.parseComment(line)
		default:
			s, ok = p.parseSample(line)
			return s, line, ok, true
		}
	}
	return sample{}, nil, false, false
}

// parseComment takes the type of the metric whose samples follow.
func (p *parser) parseComment(line []byte) {
	word, rest := cutWord(line)
	if len(word) == 1 {
		word, rest = cutWord(rest)
	}
	if string(word) != "TYPE" && string(word) != "#TYPE" {
		return
	}
	p.family, rest = cutWord(rest)
	p.kind = other
	switch word, _ := cutWord(rest); string(word) {
	case "counter":
		p.kind = counter
	case "histogram":
		p.kind = histogram
	case "summary":
		p.kind = summary
	}
}

const (
	maxLine   = 16 << 10 // bytes of a line with a sample
	maxLabels = 100      // of a sample
)

func (p *parser) parseSample(line []byte) (sample, bool) {
	if len(line) > maxLine {
		return sample{}, false
	}
	end := bytes.IndexAny(line, "{ \t")
	if end < 0 {
		return sample{}, false
	}
	s := sample{name: line[:end]}
	if at := end + len(line[end:]) - len(bytes.TrimLeft(line[end:], " \t")); line[at] == '{' {
		length := labelsEnd(line[at:])
		if length < 0 {
			return sample{}, false
		}
		end = at + length
	}
	s.id = line[:end]
	text, _ := cutWord(line[end:])
	v, err := strconv.ParseFloat(string(text), 64)
	s.value, s.kind = v, p.findKind(s.name)
	return s, err == nil
}

// findKind returns the kind of a sample of the current metric: counter or other.
func (p *parser) findKind(name []byte) kind {
	suffix, belongs := bytes.CutPrefix(name, p.family)
	if !belongs || p.kind == other {
		return other
	}
	switch s := string(suffix); {
	case p.kind == counter && (s == "" || s == "_total"), s == "_sum", s == "_count", s == "_bucket":
		return counter
	}
	return other
}

// labelsEnd returns the length of the labels from "{" up to and including "}", or -1 if there is no "}".
func labelsEnd(text []byte) int {
	quoted := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case c == '}' && !quoted:
			return i + 1
		}
	}
	return -1
}

func cutWord(text []byte) (word, rest []byte) {
	text = bytes.TrimLeft(text, " \t")
	if end := bytes.IndexAny(text, " \t"); end >= 0 {
		return text[:end], text[end:]
	}
	return text, nil
}

// parseID parses the ID of a sample. A metric name with special characters is inside the braces, in quotes.
func parseID(id string) (name string, labels []telemetry.Label, ok bool) {
	name, inside, hasLabels := strings.Cut(id, "{")
	if !hasLabels {
		return id, nil, id != ""
	}
	name = strings.TrimRight(name, " \t")
	rest := scanner{rest: strings.TrimSuffix(inside, "}")}
	for rest.skipBlanks(); rest.rest != ""; rest.skipBlanks() {
		key, isQuoted := rest.readName()
		rest.skipBlanks()
		switch {
		case rest.skipByte('='):
			rest.skipBlanks()
			value, isText := rest.readQuoted()
			if !isText || key == "" || len(labels) == maxLabels {
				return "", nil, false
			}
			labels = append(labels, telemetry.Label{Key: key, Value: value})
		case isQuoted && name == "":
			name = key
		default:
			return "", nil, false
		}
		rest.skipBlanks()
		if !rest.skipByte(',') && rest.rest != "" {
			return "", nil, false
		}
	}
	return name, labels, name != ""
}
