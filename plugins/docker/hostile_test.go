package docker

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/httpx/httpxtest"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// Answers that are small as text and large in memory, and lists of too many containers, are errors and take little memory.
func TestHostileAnswersAreBounded(t *testing.T) {
	var many strings.Builder
	for i := range maxContainers + 1 {
		fmt.Fprintf(&many, `{"Id":"%d","Names":["/c%d"],"State":"exited"},`, i, i)
	}
	running := `[{"Id":"1","Names":["/a"],"State":"running"}]`
	for want, c := range map[string]struct{ list, stats string }{
		"sends more than the limit of 50331648 bytes: choose fewer containers": {"[" + strings.Repeat("{},", 5<<20) + "{}]", ""},
		"lists more than 5000 containers":                                      {"[" + strings.TrimSuffix(many.String(), ",") + "]", "{}"},
		"answers with more than 1048576 bytes":                                 {running, strings.Repeat(" ", 2<<20)},
		"answers with more than 16777216 bytes:":                               {strings.Repeat(" ", 20<<20), ""},
	} {
		s := httpxtest.Pages(t, func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.URL.Path == "/version":
				_, _ = w.Write([]byte(`{"ApiVersion":"1.44","Version":"25.0"}`))
			case strings.HasSuffix(r.URL.Path, "/containers/json"):
				_, _ = w.Write([]byte(c.list))
			case strings.HasSuffix(r.URL.Path, "/json"):
				_, _ = w.Write([]byte(`{"State":{"Running":true}}`))
			default:
				_, _ = w.Write([]byte(c.stats))
			}
		})
		p := plugintest.Start(t, Plugin, "{endpoint: "+strings.Replace(s.URL, "http:", "tcp:", 1)+", collect_engine_metrics: false, collect_disk_usage: false}", plugintest.Env("docker", ""))
		servicetest.CheckAllocated(t, 200<<20, func() {
			if _, err := p.Within(20*time.Second, 0); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %s", err, want)
			}
		})
	}
}
