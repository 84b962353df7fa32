package prometheusremotewrite

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/rtcollector/rtcollector/internal/promname"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// prepared is what the output caches for a series.
type prepared struct {
	labels  []telemetry.Label // with __name__, sorted by name
	encoded string            // the labels in a TimeSeries of version 1; equal for series that become equal
	metric  string            // before names were replaced
	unit    telemetry.Unit
	kind    telemetry.Kind
}

const nameLabel = "__name__"

// prepare returns what is cached for a series.
func (w *Writer) prepare(series *telemetry.Series) *prepared {
	if p, ok := series.Memo(w.slot).(*prepared); ok {
		return p
	}
	labels, _ := promname.Labels(series.Labels())
	labels = append(labels, telemetry.Label{Key: nameLabel, Value: promname.Metric(series.Name())})
	slices.SortFunc(labels, func(a, b telemetry.Label) int { return strings.Compare(a.Key, b.Key) })
	p := &prepared{labels: labels, metric: series.Name(), unit: series.Unit(), kind: series.Kind()}
	p.encoded = string(appendLabels(nil, labels))
	series.SetMemo(w.slot, p)
	return p
}

// appendLabels appends the labels of a TimeSeries of version 1 (prompb/types.proto).
func appendLabels(buf []byte, labels []telemetry.Label) []byte {
	for _, l := range labels {
		buf = protowire.AppendTag(buf, 1, protowire.BytesType) // TimeSeries.labels
		buf = protowire.AppendVarint(buf, uint64(sizeOfText(l.Key)+sizeOfText(l.Value)))
		buf = protowire.AppendString(protowire.AppendTag(buf, 1, protowire.BytesType), l.Key)   // Label.name
		buf = protowire.AppendString(protowire.AppendTag(buf, 2, protowire.BytesType), l.Value) // Label.value
	}
	return buf
}

// sizeOfText returns the size of a text as a field with a number below 16.
func sizeOfText(text string) int { return 1 + protowire.SizeBytes(len(text)) }
