package main

import (
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// event is a line that "go test -json" prints; see "go doc test2json".
type event struct {
	Action, Package, Test, Output string
}

// report turns events into readable output.
type report struct {
	w                         io.Writer
	outputs                   map[string][]string // of running tests, by package and test
	skipped                   map[string][]string // tests by reason
	passed, failed, skipCount int
}

func newReport(w io.Writer) *report {
	return &report{w: w, outputs: map[string][]string{}, skipped: map[string][]string{}}
}

func (r *report) addEvent(e event) {
	name := e.Package + "." + e.Test
	switch e.Action {
	case "build-output":
		fmt.Fprint(r.w, e.Output)
	case "output":
		if e.Test == "" {
			r.addPackageOutput(e.Output)
		} else {
			r.outputs[name] = append(r.outputs[name], e.Output)
		}
	case "pass", "fail", "skip":
		if e.Test == "" {
			r.finishPackage(e)
		} else {
			r.finishTest(e, name)
		}
		delete(r.outputs, name)
	}
}

// addPackageOutput prints the output of a package outside of its tests: its result, panics, races.
func (r *report) addPackageOutput(text string) {
	if text != "PASS\n" && !strings.HasPrefix(text, "-test.shuffle") && !strings.Contains(text, "[no test files]") {
		fmt.Fprint(r.w, text)
	}
}

// finishPackage prints the output of tests that did not end, because the package crashed or timed out.
func (r *report) finishPackage(e event) {
	if e.Action != "fail" {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(r.outputs)) {
		if strings.HasPrefix(name, e.Package+".") {
			fmt.Fprint(r.w, strings.Join(r.outputs[name], ""))
			delete(r.outputs, name)
		}
	}
}

func (r *report) finishTest(e event, name string) {
	switch e.Action {
	case "pass":
		r.passed++
	case "fail":
		r.failed++
		fmt.Fprint(r.w, strings.Join(r.outputs[name], ""))
	case "skip":
		r.skipCount++
		reason := skipReason(r.outputs[name])
		r.skipped[reason] = append(r.skipped[reason], shortName(e))
	}
}

// skipPosition matches what t.Skip prints before the reason.
var skipPosition = regexp.MustCompile(`^\s+\w+\.go:\d+: `)

// skipReason returns the reason from the output of a skipped test, which is its last message.
func skipReason(lines []string) string {
	for _, line := range slices.Backward(lines) {
		if at := skipPosition.FindStringIndex(line); at != nil {
			return strings.TrimSpace(line[at[1]:])
		}
	}
	return "no reason given"
}

// shortName returns the test with the last element of its package's path.
func shortName(e event) string {
	return e.Package[strings.LastIndexByte(e.Package, '/')+1:] + "." + e.Test
}

// writeSummary prints the skipped tests by reason, and the counts.
func (r *report) writeSummary() {
	if len(r.skipped) > 0 {
		fmt.Fprintln(r.w, "\nskipped tests:")
	}
	for _, reason := range slices.Sorted(maps.Keys(r.skipped)) {
		tests := r.skipped[reason]
		slices.Sort(tests)
		fmt.Fprintf(r.w, "%4d  %s\n      %s\n", len(tests), reason, strings.Join(tests, " "))
	}
	fmt.Fprintf(r.w, "\n%d passed, %d failed, %d skipped\n", r.passed, r.failed, r.skipCount)
}
