package ui_test

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/web"
	"github.com/rtcollector/rtcollector/internal/httpauth"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// TestLoginWithToken logs in at a server that wants a token: once, for the page, its requests and the log that it follows. After a
// restart of the server, which forgets all sessions, the page asks again and comes back to where it was.
func TestLoginWithToken(t *testing.T) {
	r, _ := fleet(t)
	settings := r.webConfig()
	settings.Settings.Auth = &httpauth.Auth{Token: secret.Literal("sesame")}
	var handler atomic.Pointer[web.Server]
	start := func() {
		t.Helper()
		server, err := web.New(settings)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = server.Close() })
		handler.Store(server)
	}
	start()
	var beforeTail sync.Once
	listener := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/api/logs/tail" { // a line that comes after the page read the lines and before it follows them must not be lost
			beforeTail.Do(func() {
				r.writeEvents(t, telemetry.Event{Time: time.Now(), Source: "syslog", Severity: telemetry.Error, Host: "atlas", App: "sshd", Message: "follows the log"})
			})
		}
		handler.Load().ServeHTTP(w, req)
	}))
	t.Cleanup(listener.Close)

	p := openTab(t, listener.URL, 1200, 800)
	p.allow("401")
	p.run(chromedp.Navigate(p.base + "/explore?expr=system_load1"))
	p.wait(`location.pathname === "/login" && document.activeElement.name === "token"`)
	p.press("wrong\r")
	p.wait(`document.querySelector("[role=alert]")?.textContent.includes("wrong")`)
	p.wait(`document.activeElement.name === "token"`)
	p.press("sesame\r")
	p.wait(`location.pathname === "/explore" && document.querySelectorAll(".legend-item").length === 9`)
	if cookie := eval[string](p, `document.cookie`); cookie != "" {
		t.Errorf("scripts can read the cookie: %q", cookie)
	}

	p.open("/logs?text=follows")
	p.wait(`document.querySelector(".line-message")?.textContent === "follows the log"`)

	start()
	p.allow("ERR_INCOMPLETE_CHUNKED_ENCODING") // the end of the log that the page followed
	listener.CloseClientConnections()
	p.wait(`location.pathname === "/login" && document.activeElement.name === "token"`)
	p.press("sesame\r")
	p.wait(`location.pathname === "/logs" && location.search.includes("follows") && document.querySelector(".line-message")?.textContent === "follows the log"`)
}
