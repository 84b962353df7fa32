package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/web"
	"github.com/rtcollector/rtcollector/internal/query/querytest"
)

// TestPages: every path of a page is index.html, also that of a host with a strange name. A missing file is not a page.
func TestPages(t *testing.T) {
	base := serve(t, web.Config{Redis: configOf(t, querytest.Open(t))})
	_, index := fetch(t, base+"/")
	for _, path := range []string{"/hosts", "/host/web-1.lan", "/explore?expr=up", "/host/..%2F..%2Fetc", "/host/%3Cscript%3E", "/index.html", "/agents/"} {
		if status, body := fetch(t, base+path); status != http.StatusOK || body != index || !strings.Contains(body, "<html") {
			t.Errorf("%s: %d", path, status)
		}
	}
	for _, path := range []string{"/js/missing.js", "/js", "/css/", "/api/nope", "/api/v1/nope", "/api/"} {
		if status, body := fetch(t, base+path); status != http.StatusNotFound || strings.Contains(body, "<html") {
			t.Errorf("%s: %d", path, status)
		}
	}
	if _, body := fetch(t, base+"/js/../../../../etc/passwd"); strings.Contains(body, "root:") {
		t.Error("a file of this machine")
	}
}
