package graphite_test

import (
	"io"
	"net"
	"testing"

	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/outputs/graphite"
	"github.com/rtcollector/rtcollector/outputs/outputtest"
)

func TestConformance(t *testing.T) {
	addr := servicetest.ServeRaw(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	for _, more := range []string{"", ", format: tagged", ", data_source: average", ", jitter: 1ms"} {
		outputtest.Run(t, outputtest.Case{Definition: graphite.Plugin, Config: "{destination: [\"" + addr + "\"]" + more + "}"})
	}
}
