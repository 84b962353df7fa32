package redissearch_test

import (
	"testing"

	"github.com/rtcollector/rtcollector/outputs/outputtest"
	"github.com/rtcollector/rtcollector/outputs/redissearch"
)

func TestHostilePeers(t *testing.T) { outputtest.Hostile(t, redissearch.Plugin, "") }
