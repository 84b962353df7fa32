package netdataplugins

import (
	"strconv"
	"strings"

	"github.com/rtcollector/rtcollector/internal/metric"
	"github.com/rtcollector/rtcollector/internal/pluginsd"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

const (
	maxName  = 200 // bytes of a metric's name
	maxValue = 200 // bytes of a label's value
)

// chartSeries are the series of a chart as it was when they were made.
type chartSeries struct {
	version int // of the chart
	dims    []dimensionSeries
}

type dimensionSeries struct {
	dimension     *pluginsd.Dimension
	computed, raw *telemetry.Series
}

// makeSeries makes the series of a chart. It returns fewer if there is no room for more.
func (c *collected) makeSeries(chart *pluginsd.Chart) *chartSeries {
	f := c.factory
	if chart.Host.GUID != "" {
		f = f.On(metric.LabelValue(chart.Host.Name, maxValue))
	}
	f = f.With(chartLabels(chart)...)
	name := metric.Name(strings.ReplaceAll(chart.Context, ".", "_"), maxName)
	unit := telemetry.Unit(metric.LabelValue(chart.Units, maxValue))
	made := &chartSeries{version: chart.Version}
	names := map[string]int{}
	for _, d := range chart.Dimensions {
		if !d.IsObsolete {
			names[d.Name]++
		}
	}
	for _, d := range chart.Dimensions {
		if d.IsObsolete {
			continue
		}
		s := dimensionSeries{dimension: d}
		shown := d.Name
		if names[shown] > 1 {
			shown = d.ID
		}
		labels := []telemetry.Label{{Key: "chart", Value: metric.LabelValue(chart.ID, maxValue)}, {Key: "dimension", Value: metric.LabelValue(shown, maxValue)}}
		if c.config.Values != Raw {
			s.computed = c.make(f, name, telemetry.Gauge, unit, labels)
		}
		if c.config.Values != Computed {
			s.raw = c.makeRaw(f, name, d, unit, labels)
		}
		made.dims = append(made.dims, s)
	}
	return made
}

// makeRaw makes the series of what the plugin prints, with what is needed to compute the value.
func (c *collected) makeRaw(f *telemetry.Factory, name string, d *pluginsd.Dimension, unit telemetry.Unit, labels []telemetry.Label) *telemetry.Series {
	if c.config.Values == Both {
		name += "_raw"
	}
	kind := telemetry.Gauge
	if d.Algorithm == pluginsd.Incremental || d.Algorithm == pluginsd.IncrementalRow {
		kind = telemetry.Counter
	}
	f = f.With(telemetry.Label{Key: "algorithm", Value: d.Algorithm.String()}, telemetry.Label{Key: "multiplier", Value: strconv.FormatInt(d.Multiplier, 10)},
		telemetry.Label{Key: "divisor", Value: strconv.FormatInt(d.Divisor, 10)})
	return c.make(f, name, kind, unit, labels)
}

// chartLabels returns what is the same for all dimensions of a chart. Labels of the plugin that have a name of ours get "label_" before it.
func chartLabels(chart *pluginsd.Chart) []telemetry.Label {
	labels := []telemetry.Label{
		{Key: "context", Value: metric.LabelValue(chart.Context, maxValue)}, {Key: "family", Value: metric.LabelValue(chart.Family, maxValue)},
		{Key: "plugin", Value: metric.LabelValue(chart.Plugin, maxValue)}, {Key: "module", Value: metric.LabelValue(chart.Module, maxValue)},
		{Key: "chart_name", Value: metric.LabelValue(chart.Name, maxValue)},
	}
	for _, l := range append(chart.Host.Labels, chart.Labels...) {
		key := metric.Name(l.Key, maxName)
		switch key {
		case "chart", "dimension", "context", "family", "plugin", "module", "chart_name", "algorithm", "multiplier", "divisor", "host", "source", "unit", "__name__", "":
			key = "label_" + key
		}
		labels = append(labels, telemetry.Label{Key: key, Value: metric.LabelValue(l.Value, maxValue)})
	}
	return labels
}
