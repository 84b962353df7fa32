package redisinput

import (
	"testing"

	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// Impossible numbers, and counters that fall and rise again, are rejected.
func TestImpossibleReplies(t *testing.T) {
	for _, file := range []string{"redis-8.2-master", "redis-7.4-replica", "redis-2.8", "valkey-8.0", "keydb-6.3"} {
		t.Run(file, func(t *testing.T) {
			f := startFake(t, file+".txt")
			plugintest.ImpossibleReplies(t, Plugin, f.inputConfig(), map[string]string{"": f.info}, func(_, info string) { f.info = info })
		})
	}
}
