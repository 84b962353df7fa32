// Package pluginsd reads what external plugins of Netdata print: charts, dimensions and their values
// (https://learn.netdata.cloud/docs/developer-and-contributor-corner/external-plugins).
//
//   - words.go: words and numbers of a line.
//   - parser.go: [Parser], which follows the lines; keywords.go: what each does. chart.go: charts, and the arithmetic of their dimensions.
//   - labels.go: which characters labels keep. functions.go: functions that can be called.
//
// Where Netdata guesses in silence, this package reports the line: [Parser.Line] returns a [LineError], and the caller decides whether to go on.
package pluginsd

import (
	"fmt"
	"strconv"
	"time"
)

// Limits of what a plugin can define.
const (
	maxHosts      = 1_000
	maxCharts     = 20_000
	maxDimensions = 100_000
	maxLabels     = 64 // of a chart or a host
	maxVariables  = 10_000
	maxFunctions  = 500
	maxText       = 1_000 // bytes of an identifier, a title or a unit
)

// Receiver gets what a plugin collected.
type Receiver interface {
	// Collected is called at the end of a round of a chart. Dimensions with IsSet have values. The chart must not be kept without its Data.
	Collected(c *Chart, at time.Time)
	// Forgotten is called when a chart is obsolete.
	Forgotten(c *Chart)
	// Variable is called for each value of a variable. chart is nil for variables of a host.
	Variable(h *Host, chart *Chart, name string, value float64)
}

// LineError says what is wrong with a line.
type LineError struct {
	Number int    // from 1
	Line   string // the beginning, quoted
	Reason string
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d: %s: %s", e.Number, e.Reason, e.Line) }

// Parser follows the lines of one run of a plugin.
type Parser struct {
	Plugin      string // name of the file without ".plugin"
	UpdateEvery int    // seconds; of charts that do not say

	// IsDisabled is set by the plugin: it must not be started again.
	IsDisabled bool
	// Collections counts the rounds that ended.
	Collections int
	Functions   Functions

	to       Receiver
	own      *Host
	host     *Host
	hosts    map[string]*Host
	defining *Host  // between HOST_DEFINE and HOST_DEFINE_END
	chart    *Chart // that the next lines are about
	isOpen   bool   // between BEGIN and END
	took     time.Duration
	hasTook  bool

	number            int
	words             [][]byte
	now               time.Time
	charts, dimsTotal int
	hasObsolete       bool // since the last dropObsolete
	variables         map[variableKey]bool
}

type variableKey struct {
	host  *Host
	chart *Chart
	name  string
}

// NewParser returns a parser for a plugin that starts now.
func NewParser(plugin string, updateEvery int, to Receiver) *Parser {
	own := &Host{charts: map[string]*Chart{}}
	return &Parser{
		Plugin: plugin, UpdateEvery: max(updateEvery, 1), to: to, own: own, host: own,
		hosts: map[string]*Host{}, words: make([][]byte, 0, MaxWords), variables: map[variableKey]bool{},
	}
}

// Line reads a line that arrived at a time. Its error is a [*LineError]; what the line said has no effect then, and the lines after it have.
func (p *Parser) Line(line []byte, at time.Time) error {
	p.number++
	p.now = at
	hadNoEnd := p.Functions.giveUp(line, at)
	if p.Functions.isAnswer() {
		p.Functions.addLine(line)
		return nil
	}
	p.words = SplitWords(p.words, line)
	if len(p.words) > 0 {
		if reason := p.obey(p.words[0], p.words[1:]); reason != "" {
			return p.complain(line, reason)
		}
	}
	if hadNoEnd {
		return p.complain(line, "the answer before it has no FUNCTION_RESULT_END")
	}
	return nil
}

// TooLong reports a line that was longer than [MaxLine], of which only the beginning was kept.
func (p *Parser) TooLong(beginning []byte) error {
	p.number++
	return p.complain(beginning, "is longer than "+strconv.Itoa(MaxLine)+" bytes")
}

func (p *Parser) complain(line []byte, reason string) error {
	const shown = 120
	text := strconv.QuoteToASCII(string(line[:min(len(line), shown)]))
	if len(line) > shown {
		text += "…"
	}
	return &LineError{Number: p.number, Line: text, Reason: reason}
}

// Charts calls f for each chart of each host.
func (p *Parser) Charts(f func(*Chart)) {
	for _, c := range p.own.charts {
		f(c)
	}
	for _, h := range p.hosts {
		for _, c := range h.charts {
			f(c)
		}
	}
}
