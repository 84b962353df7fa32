package ui_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/servicetest"
)

// TestDemo shows what the agent itself writes: the program runs as people run it, with every input of this system and its dashboard.
func TestDemo(t *testing.T) {
	d := servicetest.New(t)
	p := openTab(t, "http://"+d.Addr(), 1360, 900)
	program := filepath.Join(d.Dir, "rtcollector")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", program, "github.com/rtcollector/rtcollector/cmd/rtcollector")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, output)
	}
	d.Args = []string{program, "demo", "--plain", "--interval", "1s", "--redis", "127.0.0.1:" + servicetest.FreePort(t), "--web", "127.0.0.1:$PORT"}
	d.Run()

	p.open("/hosts?range=5m") // is read again every five seconds
	p.wait(`/\d/.test(document.querySelector(".cell-cpu .number")?.textContent ?? "") && /\d/.test(document.querySelector(".cell-memory .number").textContent)`)
	host := eval[string](p, `document.querySelector(".host-link .name").dataset.full`)
	p.click(`document.querySelector(".host-link")`)
	p.wait(`location.pathname.startsWith("/host/") && document.querySelectorAll(".panel canvas").length >= 6`)
	if got := eval[string](p, `document.querySelector(".facts dd .name").dataset.full`); got != host {
		t.Errorf("a click on %q leads to the page of %q", host, got)
	}
	p.screenshot("demo-host.png")
	for _, tab := range eval[[]string](p, `[...document.querySelectorAll(".tabs a")].map((one) => one.getAttribute("href")).filter((href) => href.startsWith("/host/") && !href.includes("tab=metrics"))`) {
		p.open(tab)
		p.checkPanels(tab)
	}

	p.open("/agents?q=" + host)
	p.wait(`[...document.querySelectorAll("td, th")].some((one) => one.textContent === "redistimeseries")`)
	p.screenshot("demo-agents.png")
}

// checkPanels scrolls to every panel of a page: each must have a line, a unit that fits, and a title.
func (p *tab) checkPanels(where string) {
	p.t.Helper()
	p.wait(`document.querySelector(".panel canvas")`)
	count := eval[int](p, `document.querySelectorAll(".panel").length`)
	for i := range count {
		panel := fmt.Sprintf(`document.querySelectorAll(".panel")[%d]`, i)
		p.boxOf(panel)
		p.wait(panel + `.matches(":not(.loading)")`)
		title := eval[string](p, panel+`.getAttribute("aria-label")`)
		// A gauge of two samples is a line; a rate needs some more.
		p.wait(panel + `.querySelectorAll(".legend-item").length > 0`)
		if text := eval[string](p, panel+`.innerText`); strings.Contains(text, "undefined") || strings.Contains(text, "NaN") || strings.Contains(text, "[object") {
			p.t.Errorf("%s, %s: %q", where, title, text)
		}
	}
}
