package httpresponse

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rtcollector/rtcollector/internal/httpx/httpxtest"
)

// A changed result makes an event. With response_body_field, every answer makes one.
func TestEvents(t *testing.T) {
	var status atomic.Int32
	s := httpxtest.Pages(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(int(status.Load()))
		_, _ = io.WriteString(w, "the body")
	})
	for field, want := range map[string][]int{"": {0, 1, 0, 1}, "response_body_field: text, ": {1, 2, 1, 2}} {
		p := startInput(t, "{"+field+"response_status_code: 200, urls: ['"+s.URL+"']}")
		for i, code := range []int32{200, 503, 503, 200} {
			status.Store(code)
			b, err := p.Batch(float64(i))
			if err != nil || len(b.Events) != want[i] {
				t.Fatalf("%d: %v, %v", i, err, b.Events)
			}
			all := ""
			for _, e := range b.Events {
				all += fmt.Sprintln(e.Severity, e.Host, e.App, e.Message, e.Fields)
			}
			if i == 1 && !strings.Contains(all, "error testhost http_response "+s.URL+" does not answer as expected: status_code_mismatch, status 503") ||
				i == 3 && !strings.Contains(all, "info testhost http_response "+s.URL+" answers as expected") ||
				field != "" && !strings.Contains(all, fmt.Sprintf("%s answers %d", s.URL, code)) || strings.Contains(all, "text=the body") != (field != "") {
				t.Error(all)
			}
		}
	}
}
