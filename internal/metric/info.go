package metric

import (
	"slices"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// Info is a series whose value is always 1 and whose labels describe an entity: the release of a server, the state of a container. The
// details may change; the series keeps its key. See [telemetry.Factory.Info].
type Info struct {
	factory  *telemetry.Factory
	name     string
	instance []telemetry.Label
	details  []telemetry.Label
	series   *telemetry.Series
	made     bool
}

// NewInfo returns an Info. The instance labels identify it among series of the same name.
func NewInfo(f *telemetry.Factory, name string, instance ...telemetry.Label) *Info {
	return &Info{factory: f, name: name, instance: instance}
}

// Add appends the sample. If the details differ from those of the last call, the series with the old details ends, and one
// with the new details begins. A nil Info, which the user did not select, adds nothing.
func (i *Info) Add(out *telemetry.Batch, details ...telemetry.Label) {
	if i == nil {
		return
	}
	if !i.made || !slices.Equal(details, i.details) {
		out.End(i.series)
		i.made, i.details = true, slices.Clone(details)
		i.series = i.factory.Info(i.name, i.instance, i.details...)
	}
	out.Add(i.series, 1)
}
