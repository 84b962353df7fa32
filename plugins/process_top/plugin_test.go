package processtop

import (
	"testing"

	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

func TestConformance(t *testing.T) {
	plugintest.Run(t, Plugin,
		plugintest.Case{Name: "proc", Config: "{source: proc}", Allocs: 50_000},
	)
}
