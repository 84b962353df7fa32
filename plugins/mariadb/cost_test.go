//go:build unix

package mariadbinput

import (
	"testing"

	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// BenchmarkGather reports the CPU time of a gather of the default set, the server's own not included.
func BenchmarkGather(b *testing.B) {
	p := servers(b)
	for name, config := range map[string]string{"default": "", "all": "metrics: ['*']\nvariables: ['*']\nuser_statistics: true"} {
		b.Run(name, func(b *testing.B) {
			plugintest.Cost(b, start(b, p.primary.config(config)))
		})
	}
}
