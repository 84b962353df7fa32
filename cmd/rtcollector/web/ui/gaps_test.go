package ui_test

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// The case gaps-null-tooltip: what a chart shows of answers with holes, single points, NaN and infinity.

const caseTime = 1750003200 // 2025-06-15 16:00:00 UTC, where the cases begin

// matrixSeries is one series of an answer of query_range.
type matrixSeries struct {
	Metric map[string]string `json:"metric"`
	Values [][2]any          `json:"values"`
}

func readGapsCase(t *testing.T) map[string]matrixSeries {
	t.Helper()
	data, err := os.ReadFile("../../../../internal/query/testdata/cases/gaps-null-tooltip/response.json")
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Data struct {
			Result []matrixSeries `json:"result"`
		} `json:"data"`
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		t.Fatal(err)
	}
	all := map[string]matrixSeries{}
	for _, s := range answer.Data.Result {
		name := s.Metric["series"]
		s.Metric = map[string]string{"sensor": name, "domain": name}
		all[name] = s
	}
	return all
}

// each returns a series with a sample every step seconds from first to last, with these values.
func each(name string, first, last, step int, value func(t int) string) matrixSeries {
	s := matrixSeries{Metric: map[string]string{"sensor": name, "domain": name}}
	for at := first; at <= last; at += step {
		if v := value(at); v != "" {
			s.Values = append(s.Values, [2]any{caseTime + at, v})
		}
	}
	return s
}

// gapsPage is the page of a host with four panels: the series of the case; a coarser series; one without samples; two with different grids.
func gapsPage(t *testing.T) *tab {
	t.Helper()
	all := readGapsCase(t)
	r := startRedis(t)
	end := time.Unix(caseTime+120, 0)
	var discovered []series
	for metric, labels := range map[string][]string{
		"sensor_temperature": {"sensor", "full"}, "sensor_voltage": {"sensor", "none"}, "sensor_power": {"sensor", "a"}, "power_energy_rate": {"domain", "b"}, "rtcollector_up": {"type", "host"},
	} {
		discovered = append(discovered, series{append([]string{"__name__", metric, "host", "demo"}, labels...), func(float64) float64 { return 1 }})
	}
	r.fillSeries(t, discovered, end, end.Add(-time.Hour), end, 10*time.Second)
	r.fillSeries(t, []series{{[]string{"__name__", "sensor_fan", "host", "demo", "sensor", "coarse"}, func(float64) float64 { return 1 }}}, end, end.Add(-time.Hour), end, 30*time.Second)
	s := startSite(t, r)
	s.answer("/api/v1/query_range", func(w http.ResponseWriter, r *http.Request) {
		query := r.FormValue("query")
		var result []matrixSeries
		switch {
		case strings.Contains(query, "sensor_temperature"):
			for _, name := range []string{"full", "hole", "late", "early", "lonely", "nan", "inf"} {
				result = append(result, all[name])
			}
		case strings.Contains(query, "sensor_fan"):
			result = append(result, all["coarse"])
		case strings.Contains(query, "sensor_power"):
			result = append(result, each("a", 0, 120, 10, func(at int) string {
				if at >= 40 && at <= 70 {
					return ""
				}
				return "10"
			}))
		case strings.Contains(query, "power_energy"):
			result = append(result, each("b", 5, 120, 15, func(int) string { return "20" }))
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"status": "success", "data": map[string]any{"resultType": "matrix", "result": append([]matrixSeries{}, result...)}})
	})
	p := openTab(t, s.base, 1360, 900)
	p.open(fmt.Sprintf("/host/demo?tab=sensors&theme=light&tz=utc&from=%d&to=%d", caseTime, caseTime+120))
	p.wait(`document.querySelectorAll(".panel canvas").length === 4`)
	p.allow("willReadFrequently") // advice for those who read pixels often
	p.script(chartProbe)
	return p
}

// chartProbe are functions that look at what charts have drawn.
const chartProbe = `
window.T = 1750003200;
window.panelOf = (title) => [...document.querySelectorAll(".panel")].find((one) => one.getAttribute("aria-label") === title).entry.panel;
// inked counts the pixels in the colour of a series, in a column of a chart, a box of 7 pixels around a value, or everything right of a time.
window.inked = (title, series, at, value) => {
  const panel = panelOf(title);
  const { plot } = panel.chart;
  const index = panel.series.findIndex((one) => one.title === series);
  const probe = document.createElement("i");
  probe.style.color = "var(--series-" + (index % 6 + 1) + ")";
  document.body.append(probe);
  const want = getComputedStyle(probe).color.match(/\d+/g).map(Number);
  probe.remove();
  const x = Math.round(plot.valToPos(T + at, "x", true));
  const box = value === undefined ? [x, plot.bbox.top - 4, 1, plot.bbox.height + 8] : [x - 3, Math.round(plot.valToPos(value, "y", true)) - 3, 7, 7];
  const { data } = plot.ctx.getImageData(...box);
  let found = 0;
  for (let i = 0; i < data.length; i += 4) if (want.every((c, k) => Math.abs(c - data[i + k]) < 48)) found++;
  return found;
};
window.tipOf = (title) => {
  const tip = panelOf(title).element.querySelector(".tip");
  if (!tip || tip.hidden) return null;
  const rows = [...tip.querySelectorAll(".tip-row")].filter((row) => !row.hidden);
  return { time: tip.querySelector(".tip-time").textContent, values: Object.fromEntries(rows.map((row) => [row.querySelector(".tip-name").textContent, row.querySelector(".tip-value").textContent.replace(/\u00a0/g, " ")])) };
};
window.placeOf = (title, at) => {
  const { plot } = panelOf(title).chart;
  const over = plot.over.getBoundingClientRect();
  return { X: over.x + plot.valToPos(T + at, "x"), Y: over.y + over.height / 2, Width: 0, Height: 0 };
};
`

// tipText is what a tooltip says.
type tipText struct {
	Time   string
	Values map[string]string
}

// point moves the mouse to a time in a chart, and returns the tooltips of that chart and of another one.
func (p *tab) point(title, other string, at float64) (own, others *tipText) {
	p.t.Helper()
	place := eval[box](p, fmt.Sprintf("placeOf(%q, %v)", title, at))
	p.moveMouse(place.X, place.Y)
	p.wait(fmt.Sprintf("tipOf(%q)", title))
	return eval[*tipText](p, fmt.Sprintf("tipOf(%q)", title)), eval[*tipText](p, fmt.Sprintf("tipOf(%q)", other))
}

func (p *tab) inked(title, series string, at float64, value ...float64) int {
	p.t.Helper()
	if len(value) > 0 {
		return eval[int](p, fmt.Sprintf("inked(%q, %q, %v, %v)", title, series, at, value[0]))
	}
	return eval[int](p, fmt.Sprintf("inked(%q, %q, %v)", title, series, at))
}

func TestGapsAreGaps(t *testing.T) {
	t.Parallel()
	p := gapsPage(t)
	for _, tc := range []struct {
		series  string
		at      float64
		drawn   bool
		meaning string
	}{
		{"hole", 15, true, "before the hole"}, {"hole", 55, false, "in the hole"}, {"hole", 40, false, "at the left end of the hole"}, {"hole", 105, true, "after the hole"},
		{"late", 5, false, "before it starts"}, {"late", 50, false, "just before it starts"}, {"late", 95, true, "after it started"},
		{"early", 15, true, "before it ends"}, {"early", 40, false, "just after it ended"}, {"early", 115, false, "after it ended"},
		{"nan", 25, true, "before NaN"}, {"nan", 55, false, "at NaN"}, {"nan", 100, true, "after NaN"},
	} {
		if got := p.inked("Temperatures", tc.series, tc.at) > 0; got != tc.drawn {
			t.Errorf("%s, %s (+%v): drawn %v", tc.series, tc.meaning, tc.at, got)
		}
	}
	if n := p.inked("Temperatures", "lonely", 60, 30); n < 6 {
		t.Errorf("the only sample of a series covers %d pixels: it cannot be seen", n)
	}
	if n := p.inked("Temperatures", "lonely", 70) + p.inked("Temperatures", "lonely", 50); n > 0 {
		t.Error("a line leads from the only sample of a series")
	}
	if got := eval[string](p, `panelOf("Temperatures").legend.innerText`); !strings.Contains(got, "lonely") || strings.Contains(got, "NaN") {
		t.Errorf("the legend: %q", got)
	}
	if got := eval[[]float64](p, `(({ scales: { x } }) => [x.min, x.max])(panelOf("Temperatures").chart.plot)`); !slices.Equal(got, []float64{caseTime, caseTime + 120}) {
		t.Errorf("the time axis goes from %v to %v", got[0]-caseTime, got[1]-caseTime)
	}
	if got := eval[[]float64](p, `panelOf("Temperatures").chart.yTicks`); got[0] != 0 || got[len(got)-1] > 60 {
		t.Errorf("the value axis with an infinite value: %v", got)
	}
	// Different grids in one chart: no gap where only the other series has a sample.
	for at := 8.0; at < 110; at += 5 {
		inHole := at > 30 && at < 80
		if got := p.inked("Power", "a", at) > 0; got == inHole {
			t.Errorf("the series with a hole, +%v: drawn %v", at, got)
		}
		if p.inked("Power", "b", at) == 0 {
			t.Errorf("the series without a hole has one at +%v", at)
		}
	}
}

func TestEmptyPanelSaysSo(t *testing.T) {
	t.Parallel()
	p := gapsPage(t)
	if got := eval[string](p, `panelOf("Voltages").message.innerText`); !strings.HasPrefix(got, "No data in this range") {
		t.Errorf("a panel without samples says %q", got)
	}
	if got := eval[int](p, `(({ ctx, bbox }) => ctx.getImageData(0, 0, ctx.canvas.width, ctx.canvas.height).data.filter((v, i) => i % 4 === 3 && v > 0).length)(panelOf("Voltages").chart.plot)`); got < 100 {
		t.Errorf("a panel without samples has %d pixels: no axes", got)
	}
}

func TestTooltipTellsTheTruth(t *testing.T) {
	t.Parallel()
	p := gapsPage(t)
	own, _ := p.point("Temperatures", "Fans", 50)
	want := map[string]string{"full": "5 °C", "hole": "–", "late": "–", "early": "–", "lonely": "–", "nan": "NaN", "inf": "∞"}
	for series, value := range want {
		if own.Values[series] != value {
			t.Errorf("at +50, %s: %q, want %q", series, own.Values[series], value)
		}
	}
	if own.Time != "2025-06-15 16:00:50" {
		t.Errorf("the tooltip's time is %q", own.Time)
	}
	// Between two samples it shows those of one time.
	own, _ = p.point("Temperatures", "Fans", 55.5)
	at, err := time.Parse(time.DateTime, own.Time)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%d °C", (at.Unix()-caseTime)/10); own.Values["full"] != got {
		t.Errorf("at %s the tooltip says %q, want %q", own.Time, own.Values["full"], got)
	}
	// The crosshair of the other chart is at the same time; its tooltip shows its own nearest sample, with the sample's time.
	for _, tc := range []struct {
		at         float64
		time, want string
	}{{50, "2025-06-15 16:01:00", "42 rpm"}, {40, "2025-06-15 16:00:30", "41 rpm"}, {110, "2025-06-15 16:02:00", "44 rpm"}} {
		_, other := p.point("Temperatures", "Fans", tc.at)
		if other == nil || other.Time != tc.time || other.Values["coarse"] != tc.want {
			t.Errorf("the other chart's tooltip while the pointer is at +%v: %v, want %s at %s", tc.at, other, tc.want, tc.time)
		}
		line := eval[float64](p, `(({ plot }) => plot.posToVal(plot.cursor.left, "x") - T)(panelOf("Fans").chart)`)
		if math.Abs(line-tc.at) > 1 {
			t.Errorf("the other chart's crosshair is at +%.1f, want +%v", line, tc.at)
		}
	}
	p.moveMouse(4, 4)
	p.wait(`!tipOf("Temperatures") && !tipOf("Fans")`)
}

func TestLegendHidesAllAndShowsOneAgain(t *testing.T) {
	t.Parallel()
	p := gapsPage(t)
	click := func(series string, modifiers string) {
		p.script(fmt.Sprintf(`[...panelOf("Temperatures").legend.children].find((one) => one.textContent === %q).dispatchEvent(new MouseEvent("click", {bubbles: true, %s}))`, series, modifiers))
	}
	for _, series := range []string{"full", "hole", "late", "early", "lonely", "nan", "inf"} {
		click(series, "ctrlKey: true")
	}
	if got := eval[int](p, `panelOf("Temperatures").chart.shown.filter(Boolean).length`); got != 0 {
		t.Fatalf("%d series are shown after hiding all", got)
	}
	click("hole", "ctrlKey: true")
	if got := eval[[]float64](p, `panelOf("Temperatures").chart.yTicks`); len(got) < 3 || got[0] != 0 || got[len(got)-1] != 12 && got[len(got)-1] != 15 {
		t.Errorf("the value axis of a series from 0 to 12 after all were hidden: %v", got)
	}
	p.wait(`inked("Temperatures", "hole", 105) > 0`)
	click("hole", "")
	if got := eval[int](p, `panelOf("Temperatures").chart.shown.filter(Boolean).length`); got != 7 {
		t.Errorf("%d series are shown after the last one was clicked, want all", got)
	}
}

// script runs statements in the page.
func (p *tab) script(statements string) {
	p.t.Helper()
	eval[bool](p, statements+"\n;true")
}
