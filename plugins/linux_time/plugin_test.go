package linuxtime

import (
	"errors"
	"math"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/plugins"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// newPlugin returns the input's definition with a clock that the test controls.
func newPlugin(c *clockState, err *error) plugins.Definition {
	return plugins.Poll("linux_time", Plugin.Summary(), func() Config { return Config{} }, func(env plugins.Env, _ Config) (plugins.Gatherer, error) {
		if env.Host != nil {
			return newHostInput(env), nil
		}
		return newInput(env, func() (clockState, error) { return *c, *err }), nil
	}).On("linux").As("time").Elsewhere("darwin", "freebsd").Doc(readme)
}

const sourceFile = "sys/devices/system/clocksource/clocksource0/current_clocksource"

func newTree(tb testing.TB, source string) string {
	return plugintest.Files(tb, "", map[string]string{sourceFile: source + "\n"})
}

func TestConformance(t *testing.T) {
	none := error(nil)
	c := gpsClock()
	plugintest.Run(t, newPlugin(&c, &none), plugintest.Case{Name: "a pulse per second", Root: newTree(t, "tsc")},
		plugintest.Case{Name: "macOS", Host: "macos-15"},
		plugintest.Case{Name: "FreeBSD", Host: "freebsd-14", Then: "freebsd-14-later"},
		plugintest.Case{Name: "this machine's files"})
}

// gpsClock returns the clock of a server whose GPS receiver supplies a pulse per second.
func gpsClock() clockState {
	return clockState{
		status: 0x2107, offset: -1523, frequency: -1234567, maxError: 1500, estimatedError: 2, constant: 3, tick: 10000, tai: 37,
		ppsFrequency: -655360, ppsJitter: 1500, ppsShift: 8, ppsStability: 65536,
		ppsCalibrations: 80, ppsErrors: 4, ppsJitterExceeded: 12, ppsStabilityExceeded: 7,
	}
}

func TestGather(t *testing.T) {
	none := error(nil)
	c := gpsClock()
	p := plugintest.Start(t, newPlugin(&c, &none), "", plugintest.Env("linux_time", newTree(t, "tsc")))
	want := map[string]float64{
		"time_synchronized": 1, "time_offset_seconds": -1.523e-6, "time_frequency": -1234567.0 / 65536, "time_max_error_seconds": 1.5e-3,
		"time_estimated_error_seconds": 2e-6, "time_state": 0, "time_status": 0x2107, "time_loop_constant": 3, "time_tick": 10000, "time_tai_offset_seconds": 37,
		"time_clocksource": 1, "time_pps_frequency": -10, "time_pps_stability": 1, "time_pps_jitter_seconds": 1.5e-6, "time_pps_interval_seconds": 256,
		"time_pps_calibrations": 80, "time_pps_errors": 4, "time_pps_jitter_exceeded": 12, "time_pps_stability_exceeded": 7,
	}
	if diff := cmp.Diff(want, p.Gather(0)); diff != "" {
		t.Error(diff)
	}
	c.ppsErrors += 20
	if got := p.Gather(10); got["time_pps_errors_rate"] != 2 {
		t.Errorf("%v", got)
	}
	c = clockState{state: timeError, status: staUnsync, offset: 1500, maxError: 16_000_000, tick: 10000}
	want = map[string]float64{
		"time_synchronized": 0, "time_offset_seconds": 1.5e-3, "time_frequency": 0, "time_max_error_seconds": 16, "time_estimated_error_seconds": 0,
		"time_state": 5, "time_status": 64, "time_loop_constant": 0, "time_tick": 10000, "time_tai_offset_seconds": 0, "time_clocksource": 1,
	}
	if diff := cmp.Diff(want, p.Gather(20)); diff != "" {
		t.Error(diff)
	}
}

func TestSynchronized(t *testing.T) {
	for want, clocks := range map[float64][]clockState{
		1: {{}, {state: 1}, {state: 4, status: 0x2001}},
		0: {{state: timeError}, {status: staUnsync}, {state: timeError, status: 0x2001}},
	} {
		for _, c := range clocks {
			if got := c.synchronizedValue(); got != want {
				t.Errorf("%+v is synchronized: %v", c, got)
			}
		}
	}
}

// When the kernel changes the clock source, the series stays the same and its label changes.
func TestSourceChanges(t *testing.T) {
	none := error(nil)
	dir := newTree(t, "tsc")
	p := plugintest.Start(t, newPlugin(&clockState{}, &none), "", plugintest.Env("linux_time", dir))
	for _, source := range []string{"tsc", "hpet"} {
		plugintest.Files(t, dir, map[string]string{sourceFile: source + "\n"})
		b, err := p.Batch(0)
		want := `time_clocksource{clocksource="` + source + `",environment="test",host="testhost",source="linux_time"}`
		if got := plugintest.BySeries(b); got[want] != 1 || err != nil {
			t.Errorf("no %s in %v, %v", want, got, err)
		}
	}
}

func TestSourceIsMissingOrUnparsable(t *testing.T) {
	none := error(nil)
	for source, want := range map[string]string{"": "", "\x00\xff noise": "not a name", strings.Repeat("x", 33): "not a name"} {
		p := plugintest.Start(t, newPlugin(&clockState{}, &none), "", plugintest.Env("linux_time", newTree(t, source)))
		b, err := p.Batch(0)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if strings.HasPrefix(got, "parse ") != (want != "") || !strings.HasSuffix(got, want) || b.Len() != 10 {
			t.Errorf("%q: %d samples, %v", source, b.Len(), err)
		}
	}
	p := plugintest.Start(t, newPlugin(&clockState{}, &none), "", plugintest.Env("linux_time", t.TempDir()))
	if b, err := p.Batch(0); err != nil || b.Len() != 10 {
		t.Errorf("no clocksource: %d samples, %v", b.Len(), err)
	}
}

// A sandbox that forbids the call does not affect other samples. The error says what to do.
func TestForbidden(t *testing.T) {
	for _, errno := range []error{syscall.EPERM, syscall.ENOSYS, syscall.EACCES} {
		p := plugintest.Start(t, newPlugin(&clockState{}, &errno), "", plugintest.Env("linux_time", newTree(t, "tsc")))
		b, err := p.Batch(0)
		if !errors.Is(err, errno) || !strings.HasPrefix(err.Error(), "call adjtimex: ") || !strings.Contains(err.Error(), "seccomp") || b.Len() != 1 {
			t.Errorf("%v: %d samples, %v", errno, b.Len(), err)
		}
	}
	if err := adjtimexError(syscall.EINVAL); strings.Contains(err.Error(), "seccomp") {
		t.Errorf("%v", err)
	}
}

func FuzzClock(f *testing.F) {
	f.Add(0, uint32(0x2107), int64(-1523), int32(8), []byte("tsc"))
	f.Add(5, uint32(64), int64(math.MinInt64), int32(-1), []byte("\x00"))
	f.Fuzz(func(t *testing.T, state int, status uint32, n int64, shift int32, source []byte) {
		c := clockState{state: state, status: status, offset: float64(n), frequency: float64(n), ppsJitter: float64(n), ppsShift: shift}
		for _, g := range append(clockGauges(), append(ppsGauges(), ppsCounters()...)...) {
			if v := g.value(&c); math.IsNaN(v) || math.IsInf(v, 0) {
				t.Errorf("%s is %v", g.name, v)
			}
		}
		if isClocksourceName(source) && (len(source) == 0 || strings.ContainsAny(string(source), " \n\x00")) {
			t.Errorf("%q", source)
		}
	})
}
