package ui_test

import "testing"

// TestPolicy checks that the browser applies the Content-Security-Policy: code and styles that come as text do nothing.
func TestPolicy(t *testing.T) {
	p := openTab(t, startSite(t, startRedis(t)).base, 800, 600)
	p.open("/hosts")
	p.allow("Content Security Policy")
	eval[bool](p, `
		document.body.append(Object.assign(document.createElement("script"), { textContent: "window.evil = 1" }));
		document.getElementById("main").setAttribute("style", "color: rgb(1, 2, 3)");
		document.body.append(Object.assign(document.createElement("p"), { id: "clicked" }));
		document.getElementById("clicked").setAttribute("onclick", "window.evil = 2");
		document.getElementById("clicked").click();
		true`)
	if got := eval[string](p, `String(window.evil)`); got != "undefined" {
		t.Errorf("code that came as text ran: %s", got)
	}
	if got := eval[string](p, `getComputedStyle(document.getElementById("main")).color`); got == "rgb(1, 2, 3)" {
		t.Error("a style that came as text is applied")
	}
}
