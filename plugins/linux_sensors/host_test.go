package linuxsensors

import (
	"testing"

	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

func TestOtherSystems(t *testing.T) {
	b := plugintest.OfHost(t, Plugin, "exclude: ['system/gas*']", "macos-15").Batches(0)[0]
	plugintest.HasSeries(t, b, `sensor_temperature{chip="system",environment="test",host="testhost",sensor="PMU tdie1",source="linux_sensors",unit="celsius"}`)
	if b.Len() != 3 {
		t.Errorf("%v", plugintest.BySeries(b))
	}
	if got := plugintest.OfHost(t, Plugin, "exclude: [system]", "macos-15").Gather(0); len(got) > 0 {
		t.Errorf("all are excluded: %v", got)
	}
}
