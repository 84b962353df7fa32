package processtop

import (
	"slices"
	"strconv"
	"time"

	"github.com/rtcollector/rtcollector/internal/metric"
	"github.com/rtcollector/rtcollector/internal/procusage"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

// nameSeries are the series of a name, for what it is in the top of.
type nameSeries struct{ of [numUses]*telemetry.Series }

// seriesTTL is how long Redis keeps the series of a name that is no longer in the top, unless the retention is longer.
const seriesTTL = 24 * time.Hour

func newSeries(env plugins.Env, c *Config, maxCPU float64) *telemetry.Vec[procusage.Key, nameSeries] {
	f := env.Factory.Ephemeral(seriesTTL)
	return telemetry.NewVec(f, func(f *telemetry.Factory, k procusage.Key) (s nameSeries) {
		labels := []telemetry.Label{{Key: "group", Value: k.Group}, {Key: "name", Value: metric.LabelValue(k.Name, 200)}}
		if k.PID != 0 {
			labels = append(labels, telemetry.Label{Key: "pid", Value: strconv.Itoa(k.PID)})
		}
		for u := range numUses {
			if slices.Contains(c.By, u) {
				s.of[u] = f.Gauge("process_top_"+u.String(), unitOf(u), labels...)
			}
		}
		s.of[cpu].Within(0, maxCPU)
		return s
	})
}

func unitOf(u use) telemetry.Unit {
	switch u {
	case cpu:
		return telemetry.Percent
	case rss, pss:
		return telemetry.Bytes
	}
	return telemetry.Bytes.PerSecond()
}
