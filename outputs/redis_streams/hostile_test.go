package redisstreams_test

import (
	"testing"

	"github.com/rtcollector/rtcollector/outputs/outputtest"
	redisstreams "github.com/rtcollector/rtcollector/outputs/redis_streams"
)

func TestHostilePeers(t *testing.T) { outputtest.Hostile(t, redisstreams.Plugin, ", metrics: true") }
