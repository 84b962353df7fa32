package nginx

import (
	"slices"
	"strconv"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// states are those of a peer; the place is the value of its metric.
func states() []string {
	return []string{"up", "draining", "down", "unavail", "checking", "unhealthy"}
}

// addPeers writes what there is about the servers of an upstream. One that is listed twice is told apart by its ID.
func (p *plusSeries) addPeers(out *telemetry.Batch, upstream thing, peers []any) {
	times := map[string]int{}
	for _, one := range peers {
		one, _ := one.(map[string]any)
		times[text(one["server"])]++
	}
	for _, one := range peers {
		one, ok := one.(map[string]any)
		server := text(one["server"])
		if !ok || server == "" {
			continue
		}
		t := upstream.with("_peer", "peer", server)
		if times[server] > 1 {
			t = t.with("", "id", text(one["id"]))
		}
		p.addNumbers(out, t, "", one)
		p.addState(out, t, one)
	}
}

func (p *plusSeries) addState(out *telemetry.Batch, t thing, peer map[string]any) {
	state := text(peer["state"])
	if state == "" {
		return
	}
	out.Add(p.handle(t, "", stateName).gauge, float64(slices.Index(states(), state)))
	p.addInfo(out, t, peer, "state", "name")
}

// addInfo writes texts of an object as labels.
func (p *plusSeries) addInfo(out *telemetry.Batch, t thing, object map[string]any, keys ...string) {
	var details []telemetry.Label
	for _, key := range keys {
		details = append(details, telemetry.Label{Key: key, Value: text(object[key])})
	}
	p.handle(t, "", infoName).info.Add(out, details...)
}

// text is a text or number of the API as a text.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return ""
}
