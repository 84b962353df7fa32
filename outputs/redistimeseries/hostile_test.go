package redistimeseries_test

import (
	"testing"

	"github.com/rtcollector/rtcollector/outputs/outputtest"
	"github.com/rtcollector/rtcollector/outputs/redistimeseries"
)

func TestHostilePeers(t *testing.T) { outputtest.Hostile(t, redistimeseries.Plugin, "") }
