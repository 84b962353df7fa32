package nginx

import (
	"slices"
	"strconv"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// peerStates returns the states of a peer. The index of a state is the value of its metric.
func peerStates() []string {
	return []string{"up", "draining", "down", "unavail", "checking", "unhealthy"}
}

// addPeers adds the samples of the servers of an upstream. Servers that are listed twice also have their ID as a label.
func (p *plusSeries) addPeers(out *telemetry.Batch, upstream entity, peers []any) {
	occurrences := map[string]int{}
	for _, v := range peers {
		peer, _ := v.(map[string]any)
		occurrences[formatText(peer["server"])]++
	}
	for _, v := range peers {
		peer, ok := v.(map[string]any)
		server := formatText(peer["server"])
		if !ok || server == "" {
			continue
		}
		e := upstream.withLabel("_peer", "peer", server)
		if occurrences[server] > 1 {
			e = e.withLabel("", "id", formatText(peer["id"]))
		}
		p.addNumbers(out, e, "", peer)
		p.addState(out, e, peer)
	}
}

func (p *plusSeries) addState(out *telemetry.Batch, e entity, peer map[string]any) {
	state := formatText(peer["state"])
	if state == "" {
		return
	}
	out.Add(p.findValue(e, "", stateName).gauge, float64(slices.Index(peerStates(), state)))
	p.addInfo(out, e, peer, "state", "name")
}

// addInfo adds an info series whose labels are texts of an object.
func (p *plusSeries) addInfo(out *telemetry.Batch, e entity, object map[string]any, keys ...string) {
	var details []telemetry.Label
	for _, key := range keys {
		details = append(details, telemetry.Label{Key: key, Value: formatText(object[key])})
	}
	p.findValue(e, "", infoName).info.Add(out, details...)
}

// formatText returns a string or number of the API as a text, or "" for other types.
func formatText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return ""
}
