package pluginsd

import (
	"bytes"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// obey does what a line says. It returns what is wrong with it, or "".
func (p *Parser) obey(keyword []byte, words [][]byte) (wrong string) {
	switch string(keyword) { // the most frequent ones first
	case "SET":
		return p.set(words)
	case "BEGIN":
		return p.begin(words)
	case "END":
		return p.end()
	case "CHART":
		return p.defineChart(words)
	case "DIMENSION":
		return p.defineDimension(words)
	case "FLUSH":
		p.isOpen = false
		if p.chart != nil {
			p.chart.forget()
			p.chart = nil
		}
	case "VARIABLE":
		return p.setVariable(words)
	case "CLABEL":
		return p.addChartLabel(words)
	case "CLABEL_COMMIT":
		return p.commitChartLabels()
	case "FUNCTION":
		return p.Functions.define(words, p.chart)
	case "FUNCTION_RESULT_BEGIN":
		return p.Functions.begin(words, p.now)
	case "HOST":
		return p.selectHost(words)
	case "HOST_DEFINE":
		return p.defineHost(words)
	case "HOST_LABEL":
		return p.addHostLabel(words)
	case "HOST_DEFINE_END":
		return p.endHost()
	case "DISABLE", "EXIT":
		p.IsDisabled = string(keyword) == "DISABLE"
	case "LABEL", "OVERWRITE": // labels of the own host, which has its own
	default:
		if !bytes.HasPrefix(keyword, []byte("DYNCFG_")) && string(keyword) != "REPORT_JOB_STATUS" {
			return "unknown keyword"
		}
	}
	return ""
}

// word returns a word, or nil if there are not so many.
func word(words [][]byte, i int) []byte {
	if i < len(words) {
		return words[i]
	}
	return nil
}

// text returns a word as a text, or what stands for a missing or empty one.
func text(words [][]byte, i int, otherwise string) string {
	w := word(words, i)
	if len(w) == 0 {
		return otherwise
	}
	return cleanText(w)
}

// cleanText makes a text of bytes: valid UTF-8 and not too long.
func cleanText(w []byte) string {
	return strings.ToValidUTF8(string(w[:min(len(w), maxText)]), "_")
}

// isNone reports whether a name means that there is none.
func isNone(name []byte) bool {
	return len(name) == 0 || bytes.EqualFold(name, []byte("null")) || bytes.EqualFold(name, []byte("(null)"))
}

func (p *Parser) begin(words [][]byte) string {
	wasOpen := p.isOpen
	if wasOpen {
		p.chart.forget() // netdata drops the round that was not ended
	}
	p.isOpen, p.chart = false, nil
	c := p.host.charts[string(word(words, 0))]
	if c == nil {
		return "no such chart"
	}
	c.forget()
	wasObsolete := c.IsObsolete
	c.IsObsolete = false
	p.chart, p.isOpen, p.hasTook = c, true, false
	if w := word(words, 1); len(w) > 0 {
		microseconds, isExact := ParseInteger(w)
		if !isExact || microseconds < 0 {
			return "the microseconds are not a number"
		}
		p.took, p.hasTook = time.Duration(microseconds)*time.Microsecond, microseconds > 0 && microseconds < 1<<40
	}
	switch {
	case wasOpen:
		return "the chart before has no END"
	case wasObsolete:
		return "the chart is obsolete: it is taken back"
	}
	return ""
}

func (p *Parser) set(words [][]byte) string {
	if !p.isOpen {
		return "no BEGIN before it"
	}
	d := p.chart.byID[string(word(words, 0))]
	if d == nil {
		return "no such dimension"
	}
	w := word(words, 1)
	if len(w) == 0 {
		d.IsSet = false
		return ""
	}
	value, isExact := ParseInteger(w)
	if !isExact && value == 0 {
		return "the value is not an integer"
	}
	d.Raw, d.IsSet = value, true
	if d.IsObsolete { // collecting it takes it back
		d.IsObsolete = false
		p.chart.Version++
	}
	if !isExact {
		return "the value is not an integer of 64 bits; what precedes the mistake is taken"
	}
	return ""
}

func (p *Parser) end() string {
	if !p.isOpen {
		return "no BEGIN before it"
	}
	c := p.chart
	p.isOpen, p.chart = false, nil
	c.compute(c.elapsed(p.now, p.took, p.hasTook))
	c.collected, c.isCollected, c.hasNewMember = p.now, true, false
	p.Collections++
	p.to.Collected(c, p.now)
	c.forget()
	return ""
}

// elapsed returns the time since the last collection: what the plugin says, or by the clock if it says nothing or says it wrong. It is 0 for the
// first collection.
func (c *Chart) elapsed(now time.Time, took time.Duration, hasTook bool) time.Duration {
	if !c.isCollected {
		return 0
	}
	byClock := now.Sub(c.collected)
	if !hasTook || c.hasNewMember || byClock > 5*time.Duration(c.UpdateEvery)*time.Second {
		return max(byClock, 0)
	}
	return took
}

// defineChart makes or changes a chart and selects it.
func (p *Parser) defineChart(words [][]byte) string {
	p.isOpen, p.chart = false, nil
	id := string(word(words, 0))
	kind, rest, ok := strings.Cut(id, ".")
	if !ok || kind == "" || rest == "" || len(id) > maxText || !utf8.ValidString(id) {
		return "the chart has no id of the form type.id"
	}
	c := p.host.charts[id]
	if c == nil {
		if p.charts >= maxCharts {
			p.dropObsolete()
		}
		if p.charts >= maxCharts {
			return "more than " + strconv.Itoa(maxCharts) + " charts"
		}
		p.charts++
		c = &Chart{Host: p.host, ID: id, byID: map[string]*Dimension{}}
		p.host.charts[id] = c
	}
	wasObsolete := c.IsObsolete
	c.Name = ""
	if name := word(words, 1); !isNone(name) && string(name) != id {
		c.Name = strings.TrimPrefix(cleanText(name), kind+".")
		if c.Name == rest {
			c.Name = ""
		} else {
			c.Name = kind + "." + c.Name
		}
	}
	c.Title, c.Units = text(words, 2, ""), text(words, 3, "unknown")
	c.Family, c.Context, c.Type = text(words, 4, kind), text(words, 5, id), text(words, 6, "line")
	c.UpdateEvery = p.UpdateEvery
	if every, _ := ParseInteger(word(words, 8)); every > 0 {
		c.UpdateEvery = int(min(every, 86_400))
	}
	c.setOptions(word(words, 9))
	c.Plugin, c.Module = text(words, 10, p.Plugin), text(words, 11, "")
	if c.IsObsolete && !wasObsolete {
		p.to.Forgotten(c)
	}
	p.hasObsolete = p.hasObsolete || c.IsObsolete
	c.Version++
	p.chart = c
	return ""
}

func (p *Parser) defineDimension(words [][]byte) string {
	id := word(words, 0)
	switch {
	case p.chart == nil || p.isOpen:
		return "no CHART before it"
	case len(id) == 0:
		return "the dimension has no id"
	}
	d := p.chart.byID[string(id)]
	if d == nil {
		if p.dimsTotal >= maxDimensions {
			p.dropObsolete()
		}
		if p.dimsTotal >= maxDimensions {
			return "more than " + strconv.Itoa(maxDimensions) + " dimensions"
		}
		p.dimsTotal++
		d = &Dimension{ID: cleanText(id)}
		p.chart.byID[string(id)] = d
		p.chart.Dimensions = append(p.chart.Dimensions, d)
		p.chart.hasNewMember = p.chart.isCollected
	}
	d.Name = d.ID
	if name := word(words, 1); !isNone(name) {
		d.Name = cleanText(name)
	}
	d.Algorithm = parseAlgorithm(word(words, 2))
	d.Multiplier, d.Divisor = factor(word(words, 3)), factor(word(words, 4))
	options := word(words, 5)
	has := func(option string) bool { return bytes.Contains(options, []byte(option)) }
	p.chart.Version++
	d.IsObsolete, d.IsHidden, d.IgnoresReset = has("obsolete"), has("hidden"), has("noreset") || has("nooverflow")
	p.hasObsolete = p.hasObsolete || d.IsObsolete
	return ""
}

// dropObsolete makes room: it removes the obsolete charts and dimensions, which otherwise stay, because they may be collected again.
func (p *Parser) dropObsolete() {
	if !p.hasObsolete {
		return
	}
	p.hasObsolete = false
	p.Charts(func(c *Chart) {
		if c == p.chart { // the one that is being defined
			return
		}
		if c.IsObsolete {
			delete(c.Host.charts, c.ID)
			p.charts--
			p.dimsTotal -= len(c.Dimensions)
			maps.DeleteFunc(p.variables, func(key variableKey, _ bool) bool { return key.chart == c })
			return
		}
		before := len(c.byID)
		maps.DeleteFunc(c.byID, func(_ string, d *Dimension) bool { return d.IsObsolete })
		if p.dimsTotal -= before - len(c.byID); len(c.byID) < before {
			c.Dimensions = slices.DeleteFunc(c.Dimensions, func(d *Dimension) bool { return d.IsObsolete })
			c.Version++
		}
	})
}

// factor returns a multiplier or divisor; missing ones and 0 are 1.
func factor(w []byte) int64 {
	if v, _ := ParseInteger(w); v != 0 {
		return v
	}
	return 1
}

func (p *Parser) setVariable(words [][]byte) string {
	chart := p.chart
	switch string(word(words, 0)) {
	case "GLOBAL", "HOST":
		chart, words = nil, words[1:]
	case "LOCAL", "CHART":
		if words = words[1:]; chart == nil {
			return "no chart that the variable could belong to"
		}
	}
	name := word(words, 0)
	if len(name) == 0 {
		return "the variable has no name"
	}
	value, ok := ParseFloat(word(words, 1))
	if !ok {
		return "the value is not a number"
	}
	key := variableKey{p.host, chart, cleanText(name)}
	if !p.variables[key] {
		if len(p.variables) >= maxVariables {
			return "more than " + strconv.Itoa(maxVariables) + " variables"
		}
		p.variables[key] = true
	}
	p.to.Variable(p.host, chart, key.name, value)
	return ""
}

func (p *Parser) addChartLabel(words [][]byte) string {
	switch {
	case p.chart == nil:
		return "no CHART before it"
	case len(words) < 3:
		return "a label needs name, value and source"
	case len(p.chart.pending) >= maxLabels:
		return "more than " + strconv.Itoa(maxLabels) + " labels"
	}
	label := Label{LabelName(cleanText(words[0])), LabelValue(cleanText(words[1]))}
	if label.Key == "" {
		return "the name of the label has no letter"
	}
	p.chart.pending = append(p.chart.pending, label)
	return ""
}

func (p *Parser) commitChartLabels() string {
	if p.chart == nil || len(p.chart.pending) == 0 {
		return "no CLABEL before it"
	}
	p.chart.Labels, p.chart.pending = p.chart.pending, nil
	p.chart.Version++
	return ""
}

// defineHost begins a virtual host.
func (p *Parser) defineHost(words [][]byte) string {
	guid, name := strings.ToLower(string(word(words, 0))), text(words, 1, "")
	switch {
	case p.defining != nil:
		return "HOST_DEFINE_END is missing before it"
	case !isUUID(guid):
		return "the host has no UUID"
	case name == "":
		return "the host has no name"
	}
	p.defining = &Host{GUID: guid, Name: name}
	return ""
}

func (p *Parser) addHostLabel(words [][]byte) string {
	switch {
	case p.defining == nil:
		return "no HOST_DEFINE before it"
	case len(words) < 2 || len(words[0]) == 0:
		return "a label needs name and value"
	case len(p.defining.Labels) >= maxLabels:
		return "more than " + strconv.Itoa(maxLabels) + " labels"
	}
	p.defining.Labels = append(p.defining.Labels, Label{LabelName(cleanText(words[0])), LabelValue(cleanText(words[1]))})
	return ""
}

// endHost makes or changes the host, and selects it.
func (p *Parser) endHost() string {
	d := p.defining
	if d == nil {
		return "no HOST_DEFINE before it"
	}
	p.defining = nil
	h := p.hosts[d.GUID]
	if h == nil {
		if len(p.hosts) >= maxHosts {
			return "more than " + strconv.Itoa(maxHosts) + " hosts"
		}
		h = &Host{GUID: d.GUID, charts: map[string]*Chart{}}
		p.hosts[d.GUID] = h
	}
	h.Name, h.Labels = d.Name, d.Labels
	p.selectNew(h)
	return ""
}

func (p *Parser) selectHost(words [][]byte) string {
	guid := strings.ToLower(string(word(words, 0)))
	if guid == "" || guid == "localhost" {
		p.selectNew(p.own)
		return ""
	}
	h := p.hosts[guid]
	if h == nil {
		return "no such host"
	}
	p.selectNew(h)
	return ""
}

func (p *Parser) selectNew(h *Host) {
	if p.isOpen {
		p.chart.forget()
	}
	p.host, p.chart, p.isOpen = h, nil, false
}

// isUUID reports whether a text has the form of a UUID.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i, c := range []byte(s) {
		isDash := i == 8 || i == 13 || i == 18 || i == 23
		if isDash != (c == '-') || !isDash && digitOf(c, 16) == 16 {
			return false
		}
	}
	return true
}
