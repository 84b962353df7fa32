package web_test

import (
	"os"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/agent/config"
	"github.com/rtcollector/rtcollector/cmd/rtcollector/web"
	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/redisconn"
)

// TestDocs: docs/web.md has every setting, every endpoint and the rights that the server needs.
func TestDocs(t *testing.T) {
	data, err := os.ReadFile("../../../docs/web.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	want := []string{"~* " + web.Rights}
	for _, key := range conf.Keys(config.Web{}) {
		want = append(want, "`"+key)
	}
	for _, key := range conf.Keys(config.WebLimits{}) {
		want = append(want, "`limits."+key+"`")
	}
	server, err := web.New(web.Config{Redis: redisconn.Defaults()})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	for _, routes := range server.DocumentedRoutes() {
		for path := range routes {
			if path != "/login.css" {
				want = append(want, path)
			}
		}
	}
	for _, part := range want {
		if !strings.Contains(text, part) {
			t.Errorf("docs/web.md does not have %s", part)
		}
	}
}
