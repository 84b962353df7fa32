package nginx

import (
	"io"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/rtcollector/rtcollector/internal/httpx/httpxtest"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// Impossible numbers, and counters that fall and rise again, are rejected.
func TestImpossibleReplies(t *testing.T) {
	var now atomic.Value
	now.Store(page)
	s := httpxtest.Pages(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, now.Load().(string)) })
	plugintest.ImpossibleReplies(t, Plugin, "status_url: "+s.URL, map[string]string{"": page}, func(_, changed string) { now.Store(changed) })
}

// The same holds for NGINX Plus.
func TestImpossibleAPI(t *testing.T) {
	a, url := newAPI(t)
	pages := map[string]string{}
	for path, answer := range a.answers {
		pages[path] = string(answer)
	}
	plugintest.ImpossibleReplies(t, Plugin, "status_url: "+url, pages, a.setReply)
}
