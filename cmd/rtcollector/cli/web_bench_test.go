package cli_test

import (
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/rtcollector/rtcollector/internal/query/querytest"
)

const (
	webPages  = 20 // that are open at once
	webSeries = 60 // of a host
	webPanels = 30 // of a page, with two series each
)

// fillDay writes a day of samples of one host, every 10 s, and returns the address of the embedded server that has them.
func fillDay(b *testing.B, end time.Time) string {
	client := querytest.Open(b)
	const interval = 10 * time.Second
	for n := range webSeries {
		l := labels.FromStrings("__name__", fmt.Sprintf("metric_%02d", n/2), "host", "a", "part", strconv.Itoa(n%2))
		var samples []querytest.Sample
		for t := end.Add(-24 * time.Hour); t.Before(end); t = t.Add(interval) {
			samples = append(samples, querytest.Sample{Labels: l, Time: t.UnixMilli(), Value: math.Round(1000*math.Sin(float64(t.Unix())/3000+float64(n))) / 10})
		}
		querytest.Add(b, client, samples)
	}
	return client.Addr
}

// BenchmarkWebMemory opens 20 pages of a host at once. Each asks for 30 panels of 24 hours in 1,000 points, six at a time as browsers do. It
// reports the most memory that the process had.
func BenchmarkWebMemory(b *testing.B) {
	end := time.Now().Truncate(time.Minute)
	redis, addr := fillDay(b, end), benchAddr(b)
	pid := spawn(b, addr, os.Args[0], "web", "--redis", redis, "--listen", addr)
	atStart := memoryOf(b, pid, "VmRSS")
	var answered int64
	for b.Loop() {
		var pages sync.WaitGroup
		for range webPages {
			pages.Go(func() { openPage(b, "http://"+addr, end) })
		}
		pages.Wait()
		answered += webPages * webPanels
	}
	b.ReportMetric(atStart, "MB/start")
	b.ReportMetric(memoryOf(b, pid, "VmHWM"), "MB/peak")
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(answered), "ms/panel")
}

func openPage(b *testing.B, base string, end time.Time) {
	var requests sync.WaitGroup
	places := make(chan struct{}, 6)
	for n := range webPanels {
		places <- struct{}{}
		requests.Go(func() {
			defer func() { <-places }()
			form := url.Values{"query": {fmt.Sprintf(`avg_over_time(metric_%02d{host="a"}[2m])`, n)}, "start": {fmt.Sprint(end.Add(-24 * time.Hour).Unix())}, "end": {fmt.Sprint(end.Unix())}, "step": {"86.4"}}
			resp, err := http.PostForm(base+"/api/v1/query_range", form)
			if err != nil {
				b.Error(err)
				return
			}
			defer resp.Body.Close()
			if size, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK || size < 20_000 {
				b.Errorf("%s, %d bytes, %v", resp.Status, size, err)
			}
		})
	}
	requests.Wait()
}

// memoryOf returns a line of /proc/<pid>/status in MB (proc(5)).
func memoryOf(b *testing.B, pid int, line string) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Skip("needs /proc")
	}
	_, rest, _ := strings.Cut(string(text), line+":")
	kB, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
	if err != nil {
		b.Fatal(err)
	}
	return kB / 1024
}
