package outputs

import (
	"context"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// Inspector is an output that can look at its destination more closely than writing does: for "check --connect". It is
// asked when it is open, with the series that the inputs give.
type Inspector interface {
	Inspect(ctx context.Context, series []*telemetry.Series) Report
}

// Report is what an [Inspector] found.
type Report struct {
	Notes    []string // facts
	Warnings []string // what will bite, and what to do
	Faults   []string // what keeps the output from writing, and what to do
}

// Estimator is an output that can tell beforehand what series will take at its destination.
type Estimator interface {
	Estimate(series []*telemetry.Series) Estimate
}

// Estimate is in bytes.
type Estimate struct {
	Empty  float64 // before there are samples
	Full   float64 // when every retention has passed once; only what is kept for a time
	PerDay float64 // what grows without end, because it is kept for ever
}
