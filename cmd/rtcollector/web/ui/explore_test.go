package ui_test

import (
	"math"
	"strings"
	"testing"
	"time"
)

const expression = `document.querySelector("textarea.expression").value`

// TestCompletion writes an expression with the help of the list, and runs it.
func TestCompletion(t *testing.T) {
	_, s := fleet(t)
	p := openTab(t, s.base, 1200, 800)
	p.open("/explore?live=0")
	for _, step := range []struct{ typed, offered, key, want string }{
		{"su", "sum", "\t", "sum("}, {"system_lo", "system_load1", "\t", "sum(system_load1"}, {"{ho", "host", "\t", `sum(system_load1{host="`}, {"ced", "cedar", "\t", `sum(system_load1{host="cedar`},
	} {
		p.press(step.typed)
		p.wait(`document.querySelector("[role=option][aria-selected=true] bdi")?.textContent === "` + step.offered + `"`)
		p.press(step.key)
		if got := eval[string](p, expression); got != step.want {
			t.Fatalf("after %q and Tab the expression is %q, want %q", step.typed, got, step.want)
		}
	}
	p.press("\"})\r")
	p.wait(`document.querySelectorAll(".legend-item").length === 1`)
	if got := eval[string](p, `new URLSearchParams(location.search).get("expr")`); got != `sum(system_load1{host="cedar"})` {
		t.Errorf("the address has the expression %q", got)
	}
	p.click(`document.querySelector(".history summary")`)
	p.wait(`document.querySelector(".history .menu").innerText.includes("cedar")`)
}

// TestBuilder makes an expression without writing PromQL.
func TestBuilder(t *testing.T) {
	_, s := fleet(t)
	p := openTab(t, s.base, 1200, 800)
	p.open("/explore?live=0")
	p.click(`document.querySelector(".builder-box summary")`)
	p.click(`document.querySelector(".builder > input")`)
	p.press("net_rx_bytes\t")
	p.wait(expression + ` === "net_rx_bytes"`)
	choose := func(label, value string) {
		eval[bool](p, `(() => { const e = document.querySelector("[aria-label='`+label+`']"); e.value = "`+value+`"; e.dispatchEvent(new Event("change", { bubbles: true })); return true; })()`)
	}
	p.wait(`document.querySelectorAll("[aria-label='For each'] option").length > 2`)
	choose("Over time", "rate")
	choose("Combined as", "sum")
	choose("For each", "env")
	p.wait(expression + ` === "sum by (env) (rate(net_rx_bytes[5m]))"`)
	p.wait(`document.querySelectorAll(".legend-item").length === 5`)
}

// TestJumpToLogs goes from a point of a chart to the log lines of that time.
func TestJumpToLogs(t *testing.T) {
	_, s := fleet(t)
	p := openTab(t, s.base, 1200, 800)
	p.open("/host/cedar?live=0")
	over := p.boxOf(`document.querySelector(".u-over")`)
	x, y := over.middle()
	p.moveMouse(x, y)
	p.click(`document.querySelector(".u-over")`)
	p.wait(`document.querySelector(".pick:not([hidden]) a")`)
	at := time.Now().Add(-30 * time.Minute)
	p.click(`document.querySelector(".pick:not([hidden]) a")`)
	p.wait(`location.pathname === "/logs" && document.querySelector(".line.at")`)
	if got := eval[string](p, "location.search"); !strings.Contains(got, "host=cedar") {
		t.Errorf("the lines are not those of the host: %s", got)
	}
	middle := eval[float64](p, `((p) => (Number(p.get("from")) + Number(p.get("to"))) / 2)(new URLSearchParams(location.search))`)
	if away := math.Abs(middle - float64(at.Unix())); away > 120 {
		t.Errorf("the range of the lines is %v s away from the point that was clicked", away)
	}
}
