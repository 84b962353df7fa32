package guard_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/guard"
	"github.com/rtcollector/rtcollector/internal/servicetest"
)

// The estimate is never below the memory that decoding takes.
func TestJSON(t *testing.T) {
	const n = 100_000
	for _, document := range []string{
		"[" + strings.Repeat("{},", n) + "{}]", "[" + strings.Repeat("0,", n) + "0]", "[" + strings.Repeat(`"",`, n) + `""]`,
		"[" + strings.Repeat("[],", n) + "[]]", `["` + strings.Repeat(`{,\"`, n) + `"]`, "[" + strings.Repeat(`{"A":{"A":{}}},`, n) + "{}]",
	} {
		for _, into := range []any{new(any), new([]struct{ A, B, C, D string })} {
			cost := guard.EstimateJSON([]byte(document))
			servicetest.CheckAllocated(t, 6*uint64(cost), func() { _ = json.Unmarshal([]byte(document), into) }) // a slice that grows leaves five times its size
		}
	}
	if got := guard.EstimateJSON([]byte(`{"a,{[\"": "x,y", "b": [1, 2]}`)); got != 30+2*200+200+32 {
		t.Error(got)
	}
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"a":[1,"\"",{}]}`))
	f.Fuzz(func(t *testing.T, document []byte) {
		if got := guard.EstimateJSON(document); got < int64(len(document)) {
			t.Error(got)
		}
	})
}

func BenchmarkJSON(b *testing.B) {
	document := []byte(strings.Repeat(`{"rx_bytes": 123456, "name": "eth0", "list": [1, 2, 3]},`, 100))
	b.SetBytes(int64(len(document)))
	for b.Loop() {
		guard.EstimateJSON(document)
	}
}
