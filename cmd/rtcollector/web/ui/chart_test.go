package ui_test

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// gapsTime is the start of the case gaps-null-tooltip; its range is two minutes.
const gapsTime = 1750003200

// gapsSite answers range queries with the case: "demo" with every series but coarse, "coarse" with that one, "both" with some of both, and
// "none" with nothing.
func gapsSite(t *testing.T) *site {
	t.Helper()
	text, err := os.ReadFile("../../../../internal/query/testdata/cases/gaps-null-tooltip/response.json")
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Status string `json:"status"`
		Data   struct {
			ResultType string           `json:"resultType"`
			Result     []map[string]any `json:"result"`
		} `json:"data"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		t.Fatal(err)
	}
	all := answer.Data.Result
	s := startSite(t, startRedis(t))
	s.answer("/api/v1/query_range", func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		chosen := answer
		chosen.Data.Result = slices.DeleteFunc(slices.Clone(all), func(series map[string]any) bool {
			name := series["metric"].(map[string]any)["series"]
			switch r.Form.Get("query") {
			case "coarse":
				return name != "coarse"
			case "both":
				return name != "coarse" && name != "full" && name != "hole"
			case "none":
				return true
			}
			return name == "coarse"
		})
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(chosen)
	})
	return s
}

// chartTools are functions for the tests of charts.
const chartTools = `
window.panels = () => [...document.querySelectorAll(".panel")].map((e) => e.panel).filter(Boolean);
// ink counts the coloured pixels of a chart in a stripe at a time. Grid lines and texts are grey.
window.ink = (panel, time, width = 3) => {
  const plot = panel.chart.plot, ratio = devicePixelRatio;
  const x = Math.round(plot.bbox.left + (time - panel.chart.start) / (panel.chart.end - panel.chart.start) * plot.bbox.width);
  const data = plot.ctx.getImageData(x - Math.floor(width / 2), plot.bbox.top, width, plot.bbox.height).data;
  let count = 0;
  for (let i = 0; i < data.length; i += 4) {
    const [r, g, b, a] = data.subarray(i, i + 4);
    if (a > 100 && Math.max(r, g, b) - Math.min(r, g, b) > 40) count++;
  }
  return count;
};
window.grey = (panel) => {
  const { width, height } = panel.chart.plot.ctx.canvas;
  const data = panel.chart.plot.ctx.getImageData(0, 0, width, height).data;
  let count = 0;
  for (let i = 3; i < data.length; i += 4) if (data[i] > 100) count++;
  return count;
};
// tip returns the rows of a panel's tooltip: {name: value}, and its time.
window.tip = (panel) => {
  const e = panel.element.querySelector(".tip");
  if (!e || e.hidden) return null;
  const rows = {};
  for (const row of e.querySelectorAll(".tip-row")) if (!row.hidden) rows[row.querySelector(".tip-name").textContent] = row.querySelector(".tip-value").textContent;
  return { time: e.querySelector(".tip-time").textContent, rows };
};
window.legend = (panel, name) => [...panel.element.querySelectorAll(".legend-item")].find((e) => e.textContent === name);
true`

type tip struct {
	Time string            `json:"time"`
	Rows map[string]string `json:"rows"`
}

// hover moves the pointer to a time in a panel, and returns the tooltip of another (or the same) panel.
func (p *tab) hover(panel int, start, end, at float64, shownIn int) *tip {
	p.t.Helper()
	over := p.boxOf(fmt.Sprintf(`panels()[%d].element.querySelector(".u-over")`, panel))
	p.moveMouse(over.X+over.Width*(at-start)/(end-start), over.Y+over.Height/2)
	p.wait(fmt.Sprintf(`tip(panels()[%d])`, shownIn))
	return eval[*tip](p, fmt.Sprintf(`tip(panels()[%d])`, shownIn))
}

func (p *tab) ink(panel int, at float64) int {
	p.t.Helper()
	return eval[int](p, fmt.Sprintf(`ink(panels()[%d], %v)`, panel, at))
}

func gapsPath(expressions ...string) string {
	query := url.Values{"expr": expressions, "from": {strconv.Itoa(gapsTime)}, "to": {strconv.Itoa(gapsTime + 120)}, "tz": {"utc"}, "theme": {"light"}}
	return "/explore?" + query.Encode()
}

// TestGapsAndTooltip is the case gaps-null-tooltip: gaps stay gaps, and a tooltip never shows the value of another time.
func TestGapsAndTooltip(t *testing.T) {
	s := gapsSite(t)
	p := openTab(t, s.base, 1200, 900)
	p.allow("willReadFrequently") // this test reads pixels
	p.open(gapsPath("demo", "coarse", "none", "both"))
	eval[bool](p, chartTools)
	p.wait(`panels().length === 4 && panels()[0].series.length === 7`)
	p.screenshot("gaps.png")
	at := func(seconds float64) float64 { return gapsTime + seconds }

	if got := eval[[]float64](p, `[panels()[0].chart.plot.scales.x.min, panels()[0].chart.plot.scales.x.max]`); got[0] != gapsTime || got[1] != gapsTime+120 {
		t.Errorf("the time axis spans %v, want the whole range", got)
	}
	if got := eval[[]float64](p, `[panels()[0].chart.plot.scales.y.min, panels()[0].chart.plot.scales.y.max]`); got[0] != 0 || got[1] < 30 || got[1] > 60 {
		t.Errorf("the value axis spans %v, want 0 to a little more than 30 although a value is infinite", got)
	}
	for _, c := range []struct {
		series       string
		ink, without []float64 // seconds at which the series must, and must not be drawn
	}{
		{"full", []float64{5, 15, 55, 115}, nil},
		{"hole", []float64{5, 25, 85, 115}, []float64{35, 40, 55, 70, 75}},
		{"late", []float64{65, 115}, []float64{5, 30, 55}},
		{"early", []float64{5, 25}, []float64{35, 60, 115}},
		{"lonely", []float64{60}, []float64{5, 55, 65, 115}},
		{"nan", []float64{5, 35, 75, 115}, []float64{45, 50, 60, 65}},
		{"inf", []float64{5, 35, 65, 115}, []float64{45, 50, 55}},
	} {
		p.click(fmt.Sprintf(`legend(panels()[0], %q)`, c.series))
		p.wait(fmt.Sprintf(`legend(panels()[0], %q).getAttribute("aria-pressed") === "true" && panels()[0].element.querySelectorAll("[aria-pressed=true].legend-item").length === 1`, c.series))
		p.settleFrame()
		for _, seconds := range c.ink {
			if p.ink(0, at(seconds)) == 0 {
				t.Errorf("%s is not drawn at +%v", c.series, seconds)
			}
		}
		for _, seconds := range c.without {
			if n := p.ink(0, at(seconds)); n != 0 {
				t.Errorf("%s is drawn at +%v, where it has no value: %d pixels", c.series, seconds, n)
			}
		}
	}
	p.click(`legend(panels()[0], "inf")`) // the only one that is shown brings all back
	p.wait(`panels()[0].element.querySelectorAll("[aria-pressed=true].legend-item").length === 7`)

	got := p.hover(0, gapsTime, gapsTime+120, at(50), 0)
	want := map[string]string{"full": "5", "hole": "–", "late": "–", "early": "–", "lonely": "–", "nan": "NaN", "inf": "∞"}
	if got.Time != "2025-06-15 16:00:50" || fmt.Sprint(got.Rows) != fmt.Sprint(want) {
		t.Errorf("at +50 the tooltip shows %v, want %v at 16:00:50", got, want)
	}
	if second := eval[*tip](p, `tip(panels()[1])`); second == nil || second.Time != "2025-06-15 16:01:00" || fmt.Sprint(second.Rows) != `map[demo{series="coarse"}:42]` {
		t.Errorf("with the pointer at +50 the tooltip of the coarse panel shows %v, want its sample of +60 with that time", second)
	}
	line := `(() => { const x = (i) => { const o = panels()[i].element.querySelector(".u-over").getBoundingClientRect(); return (panels()[i].element.querySelector(".u-cursor-x").getBoundingClientRect().right - o.left) / o.width; }; return [x(0), x(1)]; })()`
	if got := eval[[]float64](p, line); math.Abs(got[0]-got[1]) > 0.01 {
		t.Errorf("the crosshair is at %v of the first and %v of the second panel, want the same time", got[0], got[1])
	}
	got = p.hover(0, gapsTime, gapsTime+120, at(55.5), 0)
	if got.Time != "2025-06-15 16:01:00" || got.Rows["full"] != "6" || got.Rows["hole"] != "–" || got.Rows["lonely"] != "30" {
		t.Errorf("near +55 the tooltip shows %v, want one time and its values", got)
	}
	got = p.hover(1, gapsTime, gapsTime+120, at(45.5), 0)
	if got.Rows["hole"] != "–" {
		t.Errorf("with the pointer in the coarse panel, the first shows %v over its hole", got)
	}

	if text := eval[string](p, `panels()[2].element.querySelector(".panel-message").innerText`); !strings.Contains(text, "No data in this range") {
		t.Errorf("a panel without samples says %q", text)
	}
	if eval[int](p, `grey(panels()[2])`) < 100 {
		t.Error("a panel without samples has no axes")
	}

	for _, seconds := range []float64{40, 45, 50, 70} { // coarse has no sample of its own there, but hole has a gap
		p.click(`legend(panels()[3], "coarse")`)
		p.settleFrame()
		if p.ink(3, at(seconds)) == 0 {
			t.Errorf("the coarse series of a chart with finer ones has a gap at +%v", seconds)
		}
		p.click(`legend(panels()[3], "coarse")`)
	}

	for _, name := range []string{"full", "hole", "late", "early", "lonely", "nan", "inf"} {
		p.ctrlClick(fmt.Sprintf(`legend(panels()[0], %q)`, name))
	}
	p.wait(`panels()[0].element.querySelectorAll("[aria-pressed=true].legend-item").length === 0`)
	p.ctrlClick(`legend(panels()[0], "late")`)
	p.wait(`panels()[0].element.querySelectorAll("[aria-pressed=true].legend-item").length === 1`)
	p.settleFrame()
	if got := eval[[]float64](p, `[panels()[0].chart.plot.scales.y.min, panels()[0].chart.plot.scales.y.max]`); got[0] != 0 || got[1] < 20 || got[1] > 40 {
		t.Errorf("after hiding all series and showing one, the value axis spans %v", got)
	}
	if p.ink(0, at(100)) == 0 {
		t.Error("after hiding all series, late is not drawn")
	}
}

// settleFrame waits until the browser has drawn.
func (p *tab) settleFrame() {
	p.t.Helper()
	eval[bool](p, `new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))`)
}

func (p *tab) ctrlClick(expression string) {
	p.t.Helper()
	x, y := p.boxOf(expression).middle()
	p.run(chromedp.MouseClickXY(x, y, chromedp.ButtonModifiers(chromedp.ModifierCtrl)))
}

// TestTooltipIsTheQuery compares the tooltip with what the API answers for that time.
func TestTooltipIsTheQuery(t *testing.T) {
	_, s := fleet(t)
	p := openTab(t, s.base, 1360, 900)
	end := time.Now().Add(-5 * time.Minute).Unix()
	p.open(fmt.Sprintf("/host/borg?from=%d&to=%d&tz=utc", end-1800, end))
	eval[bool](p, chartTools)
	for panel, c := range []struct{ title, label, expr, unit string }{
		{"CPU", "user", `cpu_usage_user{host="borg",core="cpu-total"}`, "percent"},
		{"Memory", "used", `mem_used{host="borg"}`, "bytes"},
		{"Pressure, 10 s", "io", `kernel_pressure_avg10{host="borg",resource="io",type="some"}`, "percent"},
		{"Load", "1 min", `system_load1{host="borg"}`, ""},
		{"Disk throughput", "read", `sum(diskio_read_bytes_rate{host="borg",device="sda"})`, "bytes/s"},
	} {
		if title := eval[string](p, fmt.Sprintf(`panels()[%d].spec.title`, panel)); title != c.title {
			t.Fatalf("panel %d is %q, want %q", panel, title, c.title)
		}
		got := p.hover(panel, float64(end-1800), float64(end), float64(end-700), panel)
		at, err := time.Parse("2006-01-02 15:04:05", got.Time)
		if err != nil {
			t.Fatal(err)
		}
		want := eval[string](p, fmt.Sprintf(`(async () => { const {instant} = await import("/js/api.js"); const {current} = await import("/js/units.js"); const {data} = await instant(%s, %d); return current(Number(data.result[0].value[1]), %q); })()`, quote(c.expr), at.Unix(), c.unit))
		if got.Rows[c.label] != want {
			t.Errorf("%s: the tooltip shows %q at %s, the query gives %q", c.title, got.Rows[c.label], got.Time, want)
		}
	}
}

// TestDataIsDrawn checks that charts of different data differ, and that the legend decides what is drawn.
func TestDataIsDrawn(t *testing.T) {
	_, s := fleet(t)
	p := openTab(t, s.base, 1360, 900)
	picture := func(host string) string {
		p.open("/host/" + host + "?live=0")
		eval[bool](p, chartTools)
		return eval[string](p, `panels()[0].chart.plot.ctx.canvas.toDataURL()`)
	}
	if a, b := picture("atlas"), picture("borg"); a == b {
		t.Error("the CPU of two hosts looks alike")
	}
	before := eval[string](p, `panels()[0].chart.plot.ctx.canvas.toDataURL()`)
	p.click(`legend(panels()[0], "iowait")`)
	p.settleFrame()
	if eval[string](p, `panels()[0].chart.plot.ctx.canvas.toDataURL()`) == before {
		t.Error("isolating a series does not change the chart")
	}
	p.click(`panels()[0].tableButton`)
	p.wait(`panels()[0].element.querySelectorAll(".panel-table tbody tr").length === 100`)
	if heads := eval[[]string](p, `[...panels()[0].element.querySelectorAll("thead th")].map((e) => e.innerText)`); fmt.Sprint(heads) != "[Time user system iowait]" {
		t.Errorf("the table of the chart has the columns %v", heads)
	}
	for _, unit := range []string{"%", "GiB", "MB/s"} {
		if text := eval[string](p, `panels().map((x) => x.value.textContent).join(" ")`); !strings.Contains(text, unit) {
			t.Errorf("no panel shows a value in %s: %s", unit, text)
		}
	}
}

// TestZoom drags over a chart, goes back with the browser's key and with a double click.
func TestZoom(t *testing.T) {
	_, s := fleet(t)
	p := openTab(t, s.base, 1360, 900)
	p.open("/host/cedar")
	eval[bool](p, chartTools)
	over := p.boxOf(`panels()[1].element.querySelector(".u-over")`)
	p.drag(over.X+over.Width/4, over.Y+40, over.X+over.Width/2, over.Y+40)
	p.wait(`new URLSearchParams(location.search).has("from")`)
	p.settle()
	seconds := eval[float64](p, `new URLSearchParams(location.search).get("to") - new URLSearchParams(location.search).get("from")`)
	if math.Abs(seconds-900) > 30 {
		t.Errorf("a drag over a quarter of an hour chart shows %v s, want 900", seconds)
	}
	if got := eval[float64](p, `panels()[0].chart.end - panels()[0].chart.start`); math.Abs(got-seconds) > 1 {
		t.Errorf("another panel shows %v s, want %v", got, seconds)
	}
	eval[bool](p, `(history.back(), true)`)
	p.wait(`!new URLSearchParams(location.search).has("from")`)
	eval[bool](p, `(history.forward(), true)`)
	p.wait(`new URLSearchParams(location.search).has("from")`)
	p.settle()
	x, y := over.middle()
	p.run(chromedp.MouseClickXY(x, y, chromedp.ClickCount(1)), chromedp.MouseClickXY(x, y, chromedp.ClickCount(2)))
	p.wait(`!new URLSearchParams(location.search).has("from")`)
}
