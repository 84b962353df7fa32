// Package all lists the outputs.
package all

import (
	"github.com/rtcollector/rtcollector/outputs"
	"github.com/rtcollector/rtcollector/outputs/redistimeseries"
	"github.com/rtcollector/rtcollector/outputs/stdout"
)

// Catalog is every output that this program has.
func Catalog() outputs.Catalog {
	return outputs.Catalog{
		redistimeseries.Output,
		stdout.Output,
	}
}
