package eventdoc_test

import (
	"math"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/eventdoc"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// A facility that is text becomes a number only if it is written exactly as one, so that "007" and "4 " stay as they are.
func TestFacility(t *testing.T) {
	for text, number := range map[string]bool{"4": true, "0": true, "007": false, "4 ": false, "auth": false, "99999999999": false} {
		e := telemetry.Event{Fields: []telemetry.Field{telemetry.Text("facility", text)}}
		got := map[string]telemetry.Field{}
		for _, v := range (eventdoc.Document{}).Fill(&e) {
			got[v.Key] = v
		}
		if v, ok := got["facility"]; ok != number || ok && v.Kind() != telemetry.KindInt {
			t.Errorf("%q: %+v", text, got)
		}
		if v := got["field_facility"]; !number && v.Text() != text {
			t.Errorf("%q is lost: %+v", text, got)
		}
	}
}

// Numbers and truth values keep their types in the stored document.
func TestTypedFields(t *testing.T) {
	e := telemetry.Event{Fields: []telemetry.Field{
		telemetry.Int("bytes", -5), telemetry.Float("seconds", 0.25), telemetry.Bool("closed", true), telemetry.Float("ratio", math.NaN()),
		telemetry.Int("facility", 4), telemetry.Int("host", 7),
	}}
	text := string(eventdoc.Document{}.Fill(&e).AppendJSON(nil))
	if want := `"bytes":-5,"seconds":0.25,"closed":true,"ratio":"NaN","facility":4,"field_host":7}`; !strings.HasSuffix(text, want) {
		t.Errorf("%s, want at its end %s", text, want)
	}
	doc, err := eventdoc.ParseJSON([]byte(text))
	if err != nil || doc.Int("bytes") != -5 || doc.Text("seconds") != "0.25" || doc.Text("closed") != "true" || doc[len(doc)-1] != telemetry.Int("field_host", 7) {
		t.Errorf("%v, %v", doc, err)
	}
}
