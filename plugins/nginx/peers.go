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
	times := map[string]int{}
	for _, one := range peers {
		one, _ := one.(map[string]any)
		times[formatText(one["server"])]++
	}
	for _, one := range peers {
		one, ok := one.(map[string]any)
		server := formatText(one["server"])
		if !ok || server == "" {
			continue
		}
		t := upstream.withLabel("_peer", "peer", server)
		if times[server] > 1 {
			t = t.withLabel("", "id", formatText(one["id"]))
		}
		p.addNumbers(out, t, "", one)
		p.addState(out, t, one)
	}
}

func (p *plusSeries) addState(out *telemetry.Batch, t entity, peer map[string]any) {
	state := formatText(peer["state"])
	if state == "" {
		return
	}
	out.Add(p.findValue(t, "", stateName).gauge, float64(slices.Index(peerStates(), state)))
	p.addInfo(out, t, peer, "state", "name")
}

// addInfo adds an info series whose labels are texts of an object.
func (p *plusSeries) addInfo(out *telemetry.Batch, t entity, object map[string]any, keys ...string) {
	var details []telemetry.Label
	for _, key := range keys {
		details = append(details, telemetry.Label{Key: key, Value: formatText(object[key])})
	}
	p.findValue(t, "", infoName).info.Add(out, details...)
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
