package eventdoc_test

import (
	"testing"

	"github.com/rtcollector/rtcollector/internal/eventdoc"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// A facility is a number only if it is written as one: nothing of "007" or "4 " gets lost.
func TestFacility(t *testing.T) {
	for text, number := range map[string]bool{"4": true, "0": true, "007": false, "4 ": false, "auth": false, "99999999999": false} {
		e := telemetry.Event{Fields: []telemetry.Label{{Key: "facility", Value: text}}}
		got := map[string]eventdoc.Value{}
		for _, v := range (eventdoc.Document{}).Fill(&e) {
			got[v.Name] = v
		}
		if v, ok := got["facility"]; ok != number || ok && !v.Numeric {
			t.Errorf("%q: %+v", text, got)
		}
		if v := got["field_facility"]; !number && v.Text != text {
			t.Errorf("%q is lost: %+v", text, got)
		}
	}
}
