package linuxtime

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// TestAgainstAdjtimex compares our values with glibc's adjtimex(3), called from Python.
func TestAgainstAdjtimex(t *testing.T) {
	const program = `
import ctypes
class timex(ctypes.Structure):
    _fields_ = [("modes", ctypes.c_uint), ("offset", ctypes.c_long), ("freq", ctypes.c_long), ("maxerror", ctypes.c_long),
                ("esterror", ctypes.c_long), ("status", ctypes.c_int), ("constant", ctypes.c_long), ("precision", ctypes.c_long),
                ("tolerance", ctypes.c_long), ("sec", ctypes.c_long), ("usec", ctypes.c_long), ("tick", ctypes.c_long), ("rest", ctypes.c_char * 200)]
t = timex()
state = ctypes.CDLL(None).adjtimex(ctypes.byref(t))
print(state, t.status, t.tick, t.freq, t.constant)`
	p := plugintest.Start(t, Plugin, "", plugintest.Env("linux_time", ""))
	var got map[string]float64
	plugintest.Compare(t, func(d *plugintest.Differences) {
		text := servicetest.CommandOutput(t, "python3", "-c", program)
		got = p.Gather(0)
		fields := strings.Fields(text)
		for i, key := range []string{"time_state", "time_status", "time_tick", "time_frequency", "time_loop_constant"} {
			want, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				t.Fatal(err)
			}
			if key == "time_frequency" {
				want /= ppmDivisor
			}
			if got[key] != want {
				d.Errorf("%s is %v, glibc says %v", key, got[key], want)
			}
		}
	})
	if source, err := os.ReadFile("/" + sourceFile); err == nil && len(source) > 1 && got["time_clocksource"] != 1 {
		t.Errorf("no clocksource, the kernel has %s", source)
	}
}
