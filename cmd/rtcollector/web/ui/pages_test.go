package ui_test

import (
	"net/http"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/web"
)

// TestServe is for people: it shows the dashboard with an invented fleet, with the files of this folder as they are now, until it is
// interrupted.
func TestServe(t *testing.T) {
	if *serve == "" {
		t.Skip("for people only: -serve 127.0.0.1:8642")
	}
	r := startRedis(t)
	r.fillFleet(t, 50, time.Now(), 2*time.Hour, 10*time.Second)
	stopFeeding := r.feedFleet(t, 50)
	defer stopFeeding()
	handler, err := web.New(web.Config{Version: "test", Redis: r.config})
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Addr: *serve, ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if file := filepath.Join("static", filepath.FromSlash(path.Clean(r.URL.Path))); path.Ext(file) != "" && !strings.HasPrefix(r.URL.Path, "/host") {
			http.ServeFile(w, r, file)
			return
		}
		handler.ServeHTTP(w, r)
	})}
	t.Error(server.ListenAndServe())
}

// TestLook takes pictures of every page.
func TestLook(t *testing.T) {
	r := startRedis(t)
	r.fillFleet(t, 9, time.Now(), 2*time.Hour, 10*time.Second)
	s := startSite(t, r)
	p := openTab(t, s.base, 1360, 900)
	p.open("/hosts?theme=dark")
	p.wait(`document.querySelector(".why:not(:empty)")`)
	p.screenshot("hosts-dark.png")
	p.open("/host/atlas?theme=light")
	p.screenshot("host-light.png")
}
