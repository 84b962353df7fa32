package outputs

import (
	"context"

	"github.com/rtcollector/rtcollector/internal/catalog"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// Inspector is implemented by outputs that can examine their destination, for "check --connect". Inspect is called at most once,
// after Open has succeeded and before Close, with the series of the inputs. It changes nothing at the destination. What it cannot
// find out it reports as a note.
type Inspector interface {
	Inspect(ctx context.Context, series []*telemetry.Series) Report
}

// Report holds what an [Inspector] found.
type Report = catalog.Report

// Estimator is implemented by outputs that can estimate how much memory series will take at their destination. Estimate needs no
// connection; it may be called before Open.
type Estimator interface {
	Estimate(series []*telemetry.Series) Estimate
}

// Estimate holds sizes in bytes.
type Estimate struct {
	Empty  float64 // without samples
	Full   float64 // once every retention has passed; without samples that are kept for ever
	PerDay float64 // what samples that are kept for ever add each day
}
