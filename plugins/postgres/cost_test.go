//go:build unix

package postgresinput

import (
	"testing"

	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// BenchmarkGather reports the CPU time of a gather of the default set, without that of the server.
func BenchmarkGather(b *testing.B) {
	p := sharedServers(b)
	for name, config := range map[string]string{"default": "", "everything": "dbname: shop\n" + everything} {
		b.Run(name, func(b *testing.B) {
			plugintest.Cost(b, startInput(b, p.primary.inputConfig(config)))
		})
	}
}
