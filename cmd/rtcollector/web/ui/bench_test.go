package ui_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"

	"github.com/rtcollector/rtcollector/internal/embedded"
	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/servicetest"
)

// benchHosts have the series that the pages draw, for 24 hours with a sample every 10 seconds.
const benchHosts = 50

// benchSite serves a store of benchHosts. It takes about two minutes to fill.
func benchSite(b *testing.B) *site {
	b.Helper()
	r := startLargeRedis(b)
	end := time.Now()
	for i := range benchHosts {
		drawn := slices.DeleteFunc(hostSeries(i), func(s series) bool { return strings.HasPrefix(s.labels[1], "internal_") })
		r.fillSeries(b, drawn, end, end.Add(-24*time.Hour), end, 10*time.Second)
	}
	return startSite(b, r)
}

// startLargeRedis returns RTC_TEST_REDIS, which it empties, or starts an embedded server that keeps 50 million samples.
func startLargeRedis(b *testing.B) *redis {
	b.Helper()
	if named := os.Getenv("RTC_TEST_REDIS"); named != "" {
		u := parseURL(b, named)
		r := openRedis(b, u.Host)
		if err := r.client.FlushAll(b.Context()).Err(); err != nil {
			b.Fatal(err)
		}
		return r
	}
	server, err := embedded.Listen("127.0.0.1:0", embedded.Config{MaxSamples: 50_000_000})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = server.Close() })
	r := openRedis(b, server.Addr())
	r.server = server
	return r
}

// openRedis opens a client of a Redis.
func openRedis(b *testing.B, addr string) *redis {
	b.Helper()
	connection := redisconn.Defaults()
	connection.Host, connection.Port = servicetest.HostPort(b, addr)
	client, err := redisconn.Open(b.Context(), connection, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = client.Close() })
	return &redis{client: client, config: connection}
}

// What is there when the pages are complete: every panel of the window; every host, with its newest values.
const (
	hostDrawn  = `document.querySelectorAll(".panel").length >= 9 && document.querySelectorAll(".panel.loading").length === 0 && document.querySelectorAll(".panel canvas").length >= 9`
	hostsDrawn = `document.querySelectorAll(".hosts .host-link").length === 50 && document.querySelector(".cell-cpu .number")?.textContent.includes("%")`
)

// BenchmarkPages measures the time from the address to the complete page.
func BenchmarkPages(b *testing.B) {
	s := benchSite(b)
	for _, one := range []aPage{
		{"host", "/host/atlas?range=24h&live=0", hostDrawn},
		{"host 1 h", "/host/atlas?live=0", hostDrawn},
		{"hosts", "/hosts?live=0", hostsDrawn},
		{"hosts 24 h", "/hosts?range=24h&live=0", hostsDrawn},
	} {
		b.Run(one.name, func(b *testing.B) {
			p := openTab(b, s.base, 1360, 900)
			call(p, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: fmt.Sprintf(`
				(function watch() {
					if (%s) window.completeAt = performance.now();
					else requestAnimationFrame(watch);
				})()`, one.complete)})
			var times, slowest []float64
			for b.Loop() {
				p.open("/login") // another page, so that the next one is loaded as a whole
				p.open(one.path)
				p.wait("window.completeAt")
				times = append(times, eval[float64](p, `completeAt`))
				slowest = append(slowest, eval[float64](p, `Math.max(...performance.getEntriesByType("resource").filter((one) => one.name.includes("/api/") && one.responseEnd <= completeAt).map((one) => one.responseEnd - one.requestStart))`))
			}
			b.ReportMetric(median(times), "ms/page")
			b.ReportMetric(median(slowest), "ms/slowest-answer")
		})
	}
}

// BenchmarkCrosshair moves the pointer over one of 12 charts of 2,000 points, which all follow it.
func BenchmarkCrosshair(b *testing.B) {
	p := openTab(b, startSite(b, startRedis(b)).base, 1360, 900)
	p.open("/login")
	eval[bool](p, `
		window.charts = import("/js/chart.js").then(({ Chart }) => {
			const grid = document.createElement("div");
			grid.className = "panels";
			document.getElementById("main").replaceChildren(grid);
			return Array.from({ length: 12 }, (_, k) => {
				const panel = Object.assign(document.createElement("section"), { className: "panel" });
				const plot = Object.assign(document.createElement("div"), { className: "plot" });
				panel.append(plot);
				grid.append(panel);
				const chart = new Chart(plot, { unit: "percent" });
				const x = Array.from({ length: 2000 }, (_, i) => 1750003200 + i * 10);
				chart.set({ x, columns: [0, 1, 2].map((s) => x.map((_, i) => 50 + 40 * Math.sin(i / (20 + k) + s))), names: ["a", "b", "c"], shown: [true, true, true], start: x[0], end: x.at(-1) });
				return chart;
			});
		});
		true`)
	eval[bool](p, `charts.then((all) => new Promise((resolve) => setTimeout(() => resolve(all.length === 12), 200)))`)
	const moves = 240
	var frames, work []float64
	for b.Loop() {
		measured := eval[[][]float64](p, fmt.Sprintf(`charts.then((all) => new Promise((resolve) => {
			const { over } = all[0].plot;
			const box = over.getBoundingClientRect();
			const frames = [], work = [];
			let last = 0, moved = 0;
			const step = (now) => {
				if (last) frames.push(now - last);
				last = now;
				if (moved++ === %d) return resolve([frames, work]);
				const start = performance.now();
				over.dispatchEvent(new MouseEvent("mousemove", { bubbles: true, clientX: box.x + (box.width * moved) / %d, clientY: box.y + 40 }));
				void document.body.offsetHeight; // the layout belongs to the work
				work.push(performance.now() - start);
				requestAnimationFrame(step);
			};
			requestAnimationFrame(step);
		}))`, moves, moves+2))
		frames, work = append(frames, measured[0]...), append(work, measured[1]...)
	}
	b.ReportMetric(median(frames), "ms/frame")
	b.ReportMetric(percentile(frames, 0.95), "ms/frame-p95")
	b.ReportMetric(median(work), "ms/move")
	b.ReportMetric(percentile(work, 0.95), "ms/move-p95")
}

func median(values []float64) float64 { return percentile(values, 0.5) }

func percentile(values []float64, part float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[int(part*float64(len(sorted)-1))]
}
