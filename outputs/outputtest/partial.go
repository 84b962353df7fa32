package outputtest

import (
	"errors"

	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
)

// settled returns how many samples or events a write that ended with err settled.
func settled(err error) int {
	var partial *outputs.PartialError
	if errors.As(err, &partial) {
		return partial.Settled
	}
	return 0
}

// RestOfEvents returns what must be written again after a write of events ended with err.
func RestOfEvents(events []telemetry.Event, err error) []telemetry.Event {
	return events[settled(err):]
}

// RestOfBatches returns what must be written again after a write of batches ended with err.
func RestOfBatches(batches []*telemetry.Batch, err error) []*telemetry.Batch {
	n := settled(err)
	for i, b := range batches {
		if n < b.Len() {
			return append([]*telemetry.Batch{b.Slice(n, b.Len())}, batches[i+1:]...)
		}
		n -= b.Len()
	}
	return nil
}
