package prometheus

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/httpx/httpxtest"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// Pages with different series at each gather do not fill the memory.
func TestNewSeriesAtEachGather(t *testing.T) {
	var n atomic.Int64
	var urls []string
	for range 4 {
		s := httpxtest.Pages(t, func(w http.ResponseWriter, _ *http.Request) {
			var page strings.Builder
			for range 20_000 {
				fmt.Fprintf(&page, "m{i=\"%d\"} 1\n", n.Add(1))
			}
			_, _ = w.Write([]byte(page.String()))
		})
		urls = append(urls, s.URL)
	}
	p := plugintest.Start(t, Plugin, "{urls: ["+strings.Join(urls, ", ")+"]}", plugintest.Env("prometheus", ""))
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	for second := range 3 {
		if _, err := p.Within(30*time.Second, float64(second)); err == nil || !strings.Contains(err.Error(), "samples are left out") {
			t.Fatal(err)
		}
	}
	if after := heap(); after > before+90<<20 {
		t.Errorf("the heap has grown by %d MiB", (after-before)>>20)
	} else {
		t.Logf("the heap has grown by %d MiB", (int64(after)-int64(before))>>20)
	}
	runtime.KeepAlive(p)
}
