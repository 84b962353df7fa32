package opentsdb_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/outputs/opentsdb"
	"github.com/rtcollector/rtcollector/outputs/outputtest"
)

func TestConformance(t *testing.T) {
	addr := servicetest.ServeRaw(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	outputtest.Run(t, outputtest.Case{Definition: opentsdb.Plugin, Config: "{destination: [\"" + addr + "\"]}"})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusNoContent)
	}))
	defer s.Close()
	outputtest.Run(t, outputtest.Case{Definition: opentsdb.Plugin, Config: "{destination: [\"" + s.URL + "\"]}"})
}
