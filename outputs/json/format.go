package jsonlines

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/rtcollector/rtcollector/internal/linesender"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// objects makes lines.
type objects struct{}

// object is what is the same in all lines of a series.
type object struct {
	Prefix string            `json:"prefix,omitempty"`
	Host   string            `json:"host"`
	Metric string            `json:"metric"`
	Labels map[string]string `json:"labels"`
}

// netdataObject has the keys of Netdata's backend in its order.
type netdataObject struct {
	Prefix  string `json:"prefix"`
	Host    string `json:"hostname"`
	Chart   string `json:"chart_id"`
	Name    string `json:"chart_name"`
	Family  string `json:"chart_family"`
	Context string `json:"chart_context"`
	Type    string `json:"chart_type"`
	Units   string `json:"units"`
	ID      string `json:"id"`
	DimName string `json:"name"`
}

// secondsTail marks lines whose time is in seconds, as Netdata has it.
const secondsTail = "}\n"

// NewLine implements [linesender.Format]. Nothing is changed, so names never collide.
func (objects) NewLine(s *telemetry.Series, n linesender.Naming) (head, tail []byte, isExact bool) {
	if _, _, ok := linesender.NetdataChart(s, n.Names); ok {
		chart, dimension := linesender.Label(s, "chart"), linesender.Label(s, "dimension")
		kind, _, _ := strings.Cut(chart, ".")
		name := linesender.Label(s, "chart_name")
		switch {
		case name == "":
			name = chart
		case !strings.HasPrefix(name, kind+"."):
			name = kind + "." + name
		}
		fixed, _ := json.Marshal(netdataObject{ // cannot fail for texts
			n.Prefix, n.Host, chart, name, linesender.Label(s, "family"), linesender.Label(s, "context"), kind, linesender.Label(s, "unit"), dimension, dimension,
		})
		return append(fixed[:len(fixed)-1], `,"value":`...), []byte(secondsTail), true
	}
	labels := map[string]string{}
	for _, l := range s.Labels() {
		if l.Key != "host" || l.Value != s.Host() { // an instance may have a host of its own
			labels[l.Key] = l.Value
		}
	}
	fixed, _ := json.Marshal(object{n.Prefix, n.Host, s.Name(), labels}) // cannot fail for texts
	return append(fixed[:len(fixed)-1], `,"timestamp":`...), nil, true
}

// Append implements [linesender.Format].
func (objects) Append(buf []byte, l *linesender.Line, ms int64, v float64) []byte {
	buf = append(buf, l.Head...)
	if len(l.Tail) > 0 {
		buf = append(linesender.AppendNumber(buf, v), `,"timestamp":`...)
		return append(linesender.AppendSeconds(buf, ms), l.Tail...)
	}
	buf = append(strconv.AppendInt(buf, ms, 10), `,"value":`...)
	return append(linesender.AppendNumber(buf, v), "}\n"...)
}
