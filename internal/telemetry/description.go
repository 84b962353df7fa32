package telemetry

import (
	"slices"
	"time"
)

// Description is everything that outputs learn from a series. A series that was stored is made again from it.
type Description struct {
	Name     string
	Kind     Kind
	Unit     Unit
	Host     string
	Labels   []Label // all except __name__, sorted by key
	Instance []Label // those that distinguish the entities of the metric, in the plugin's order
	Interval time.Duration
	TTL      time.Duration
}

// Describe returns the description of the series. It shares the labels of the series, which must not be changed.
func (s *Series) Describe() Description {
	return Description{
		Name: s.name, Kind: s.kind, Unit: s.unit, Host: s.host, Labels: s.labels, Instance: s.instance, Interval: s.interval, TTL: s.ttl,
	}
}

// NewSeries returns a series that outputs treat like the described one. It is another handle: outputs look it up once more.
func NewSeries(d Description) *Series {
	return &Series{
		name: d.Name, kind: d.Kind, unit: d.Unit, host: d.Host, labels: slices.Clone(d.Labels), instance: slices.Clone(d.Instance),
		interval: d.Interval, ttl: d.TTL, bounds: d.Unit.Bounds(d.Kind),
	}
}
