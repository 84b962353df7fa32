package httpresponse

import (
	"testing"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/web/webtest"
	"github.com/rtcollector/rtcollector/internal/httpx/httpxtest"
)

func TestDashboard(t *testing.T) {
	p := startInput(t, "urls: ["+httpxtest.Pages(t, serveHealthyPage).URL+"]")
	webtest.CheckBatches(t, "rtcollector-web", []string{"Checks"}, p.Batches(0, 10)...)
}
