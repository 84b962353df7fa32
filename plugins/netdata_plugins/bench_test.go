package netdataplugins

import (
	"fmt"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/pluginsd"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// BenchmarkRound takes one round of 1,000 charts with 10 dimensions each from lines to a batch.
func BenchmarkRound(b *testing.B) {
	c := newCollected(telemetry.NewFactory("h", "netdata_plugins", nil), defaults())
	p := pluginsd.NewParser("bench", 1, c.newRun())
	at := time.Now()
	feed := func(lines [][]byte) {
		for _, line := range lines {
			if err := p.Line(line, at); err != nil {
				b.Fatal(err)
			}
		}
	}
	var definitions, round [][]byte
	for chart := range 1000 {
		definitions = append(definitions, fmt.Appendf(nil, "CHART bench.c%d '' t u f c%d line 1 1", chart, chart%20))
		round = append(round, fmt.Appendf(nil, "BEGIN bench.c%d 1000000", chart))
		for d := range 10 {
			definitions = append(definitions, fmt.Appendf(nil, "DIMENSION d%d '' incremental 1 1", d))
			round = append(round, fmt.Appendf(nil, "SET d%d = %d", d, chart*1000+d))
		}
		round = append(round, []byte("END"))
	}
	feed(definitions)
	feed(round)
	b.ReportAllocs()
	for b.Loop() {
		at = at.Add(time.Second)
		feed(round)
		batch := telemetry.NewBatch(at, at, 10_000)
		if err := c.deliver(batch); err != nil || batch.Len() != 10_000 {
			b.Fatal(batch.Len(), err)
		}
	}
}
