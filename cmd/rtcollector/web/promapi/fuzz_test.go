package promapi

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"testing"
	"time"
)

// FuzzTime: a time that is accepted is one that milliseconds can express.
func FuzzTime(f *testing.F) {
	for _, text := range []string{"1750003295.123", "2025-06-15T16:01:35.250Z", "2025-06-15 16:01:35", "1e300", "-1e14", "NaN", "0x1p-2", minTime, maxTime, "", "9999-12-31T23:59:59Z"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		at, err := ParseTime(text)
		if err != nil {
			return
		}
		if ms := at.UnixMilli(); ms < -maxSeconds*1000 || ms > maxSeconds*1000 {
			t.Errorf("%q is %d ms", text, ms)
		}
		if seconds, err := strconv.ParseFloat(text, 64); err == nil && math.Abs(seconds) < 1e10 && math.Abs(float64(at.UnixMilli())-seconds*1000) > 1 {
			t.Errorf("%q is %v", text, at)
		}
	})
}

// FuzzStep: a step that is accepted has the right sign and size.
func FuzzStep(f *testing.F) {
	for _, text := range []string{"15", "0.5", "1e1", "1m30s", "1y", "9999999999y", "1e300", "-5", "NaN", "+Inf", "1.5m", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := parseDuration(text)
		if err != nil {
			return
		}
		if seconds, err := strconv.ParseFloat(text, 64); err == nil {
			if math.Abs(d.Seconds()-seconds) > math.Abs(seconds)*1e-6+1e-9 {
				t.Errorf("%q is %v", text, d)
			}
		} else if d < 0 {
			t.Errorf("%q is %v", text, d)
		}
	})
}

// FuzzEncoder: times, values and texts are JSON that says the same.
func FuzzEncoder(f *testing.F) {
	f.Add(int64(1750003200123), 1e21, "a\"b\\<\u2028\xff")
	f.Add(int64(-1), math.Inf(-1), "")
	f.Add(int64(-1001), math.Copysign(0, -1), "\x00")
	f.Fuzz(func(t *testing.T, ms int64, v float64, text string) {
		if ms < -maxSeconds*1000 || ms > maxSeconds*1000 {
			return
		}
		var buf bytes.Buffer
		e := newEncoder(&buf)
		e.raw("[")
		e.point(ms, v)
		e.raw(",")
		e.text(text)
		e.raw("]")
		e.close()
		var got []any
		d := json.NewDecoder(&buf)
		d.UseNumber()
		if err := d.Decode(&got); err != nil {
			t.Fatal(err, buf.String())
		}
		point, _ := got[0].([]any)
		number, _ := point[0].(json.Number)
		seconds, err := number.Float64()
		if err != nil || time.UnixMilli(ms).UnixMilli() != int64(math.Round(seconds*1000)) && ms < 1e15 {
			t.Errorf("%d ms is written as %s", ms, number)
		}
		if back, err := strconv.ParseFloat(point[1].(string), 64); err != nil || back != v && !math.IsNaN(v) {
			t.Errorf("%v is written as %v", v, point[1])
		}
	})
}
