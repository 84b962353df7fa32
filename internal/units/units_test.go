package units_test

import (
	"math"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/units"
)

func TestFormat(t *testing.T) {
	for _, tc := range []struct {
		v          float64
		unit, want string
	}{
		{0, "bytes", "0 B"}, {999, "bytes", "999 B"}, {1023, "bytes", "1 KiB"}, {1536, "bytes", "1.5 KiB"}, {12.1 * (1 << 30), "bytes", "12.1 GiB"},
		{1000 << 20, "bytes", "0.98 GiB"}, {5e18, "bytes", "4.34 EiB"}, {9e30, "bytes", "7806255641896 EiB"}, {-2048, "bytes", "-2 KiB"},
		{22.6e6, "bytes_per_second", "22.6 MB/s"}, {999.7, "bytes_per_second", "1 kB/s"}, {8e6, "bits_per_second", "8 Mbit/s"}, {1234, "packets_per_second", "1.23 k/s"},
		{0, "operations_per_second", "0 /s"}, {3, "per_second", "3 /s"}, {0.021, "seconds_per_second", "2.1 %"}, {3, "", "3"}, {123456, "", "123456"}, {2e6, "", "2 M"}, {0.12345, "", "0.12"}, {0.012345, "", "0.0123"}, {1e-7, "", "1e-07"},
		{5.04, "percent", "5.0 %"}, {9.96, "percent", "10 %"}, {83.7, "percent", "84 %"}, {52.5, "celsius", "52.5 °C"}, {2.4e9, "hertz", "2.4 GHz"}, {1200, "rpm", "1200 rpm"},
		{0, "seconds", "0 s"}, {0.00035, "seconds", "350 µs"}, {350, "microseconds", "350 µs"}, {1500, "milliseconds", "1.5 s"}, {59.97, "seconds", "1 min"},
		{65, "seconds", "1 min 5 s"}, {840, "seconds", "14 min"}, {3900, "seconds", "1 h 5 min"}, {90000, "seconds", "1 d 1 h"}, {41.5 * 86400, "seconds", "41 d"},
		{math.NaN(), "bytes", "–"}, {math.Inf(1), "percent", "∞"}, {math.Inf(-1), "seconds", "-∞"}, {7, "furlongs", "7 furlongs"},
	} {
		if got := units.Format(tc.v, tc.unit); got != tc.want {
			t.Errorf("%v %s: %q, want %q", tc.v, tc.unit, got, tc.want)
		}
	}
	for d, want := range map[time.Duration]string{0: "0 s ago", 2*time.Second + 400*time.Millisecond: "2 s ago", -5 * time.Second: "in 5 s", 14*time.Minute + 3*time.Second: "14 min ago", -3 * time.Hour: "in 3 h"} {
		if got := units.Age(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}
