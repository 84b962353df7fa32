package ui_test

import (
	"regexp"
	"strings"
	"testing"
)

// TestPanelsReadKnownMetrics checks that inputs write what the panels of a host read: docs/inputs.md lists all metrics.
func TestPanelsReadKnownMetrics(t *testing.T) {
	known := map[string]bool{}
	var patterns []string
	for _, m := range regexp.MustCompile("`([a-z][a-zA-Z0-9_]*\\*?)`").FindAllStringSubmatch(readFile(t, "../../../../docs/inputs.md"), -1) {
		if prefix, ok := strings.CutSuffix(m[1], "*"); ok {
			patterns = append(patterns, prefix)
		}
		known[m[1]] = true
	}
	p := openTab(t, startSite(t, startRedis(t)).base, 800, 600)
	p.open("/login")
	metrics := eval[[]string](p, `import("/js/plan.js").then(({ catalogue }) => catalogue())`)
	if len(metrics) < 100 {
		t.Fatalf("the panels read %d metrics", len(metrics))
	}
	for _, metric := range metrics {
		name := strings.TrimSuffix(metric, "_rate")
		if known[metric] || known[name] || startsWithAny(name, patterns) {
			continue
		}
		t.Errorf("a panel reads %s, which no input writes", metric)
	}
}

func startsWithAny(text string, prefixes []string) bool {
	for _, prefix := range prefixes {
		if strings.HasPrefix(text, prefix) {
			return true
		}
	}
	return false
}

// TestLogFilters adds filters for a host and an app by hand, and removes one.
func TestLogFilters(t *testing.T) {
	_, s := fleet(t)
	p := openTab(t, s.base, 1360, 900)
	p.open("/logs?live=0")
	p.wait(`document.querySelectorAll("#log-hosts option").length === 9`)
	add := func(key, value string) {
		p.click(`document.querySelector("input.adder[placeholder=` + key + `]")`)
		p.press(value + "\r")
	}
	add("host", "cedar")
	p.wait(`document.querySelectorAll(".chip").length === 1 && document.querySelectorAll(".line").length > 0 && [...document.querySelectorAll(".line-host")].every((one) => one.textContent === "cedar")`)
	p.settle()
	all := eval[int](p, `document.querySelectorAll(".line").length`)
	add("app", "ngi*")
	p.wait(`document.querySelectorAll(".chip").length === 2 && document.querySelectorAll(".line").length > 0 && [...document.querySelectorAll(".line-app")].every((one) => one.textContent === "nginx")`)
	p.click(`document.querySelectorAll(".chip")[1]`)
	p.wait(`document.querySelectorAll(".chip").length === 1`)
	p.settle()
	if got := eval[int](p, `document.querySelectorAll(".line").length`); got != all {
		t.Errorf("after removing a filter there are %d lines, want %d", got, all)
	}
}
