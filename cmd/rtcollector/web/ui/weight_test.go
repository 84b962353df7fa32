package ui_test

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/web"
	"github.com/rtcollector/rtcollector/cmd/rtcollector/web/ui"
	"github.com/rtcollector/rtcollector/internal/redisconn"
)

// maxWeight bounds what a browser loads for all pages together, compressed.
const maxWeight = 250_000

func TestWeight(t *testing.T) {
	t.Parallel()
	server, err := web.New(web.Config{Version: "test", Redis: redisconn.Defaults()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	total := 0
	err = fs.WalkDir(ui.Files(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1/"+path, nil)
		req.Header.Set("Accept-Encoding", "gzip")
		answer := httptest.NewRecorder()
		server.ServeHTTP(answer, req)
		if answer.Code != http.StatusOK && path != "index.html" { // "/index.html" is "/"
			t.Errorf("%s: status %d", path, answer.Code)
		}
		total += answer.Body.Len()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("all files: %d bytes, compressed", total)
	if total > maxWeight {
		t.Errorf("the files of the dashboard are %d bytes, compressed, want at most %d", total, maxWeight)
	}
}

// TestPolicy checks that the browser applies the Content-Security-Policy: code and styles that come as text do nothing.
func TestPolicy(t *testing.T) {
	r := startRedis(t)
	p := openTab(t, startSite(t, r).base, 800, 600)
	p.open("/hosts")
	p.allow("Content Security Policy")
	p.script(`
		document.body.append(Object.assign(document.createElement("script"), { textContent: "window.evil = 1" }));
		document.getElementById("main").setAttribute("style", "color: rgb(1, 2, 3)");
		document.body.append(Object.assign(document.createElement("p"), { id: "clicked" }));
		document.getElementById("clicked").setAttribute("onclick", "window.evil = 2");
		document.getElementById("clicked").click();`)
	if got := eval[string](p, `String(window.evil)`); got != "undefined" {
		t.Errorf("code that came as text ran: %s", got)
	}
	if got := eval[string](p, `getComputedStyle(document.getElementById("main")).color`); got == "rgb(1, 2, 3)" {
		t.Error("a style that came as text is applied")
	}
}
