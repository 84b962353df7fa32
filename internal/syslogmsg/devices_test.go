package syslogmsg

import (
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

var update = flag.Bool("update", false, "write the events into testdata")

// Messages that devices were observed to send become the events that follow them in the file.
func TestDevices(t *testing.T) {
	const file = "testdata/devices.txt"
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	messages := 0
	lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "= ") {
			continue
		}
		out.WriteString(line + "\n")
		if !strings.HasPrefix(line, "<") {
			continue
		}
		messages++
		var e telemetry.Event
		_, _ = New(testSettings()).Parse([]byte(line), received, &e)
		got := "= " + formatEvent(&e)
		out.WriteString(got + "\n")
		if !*update && (i+1 == len(lines) || lines[i+1] != got) {
			t.Errorf("line %d: %s\n got %s\nwant %s", i+1, line, got, lines[min(i+1, len(lines)-1)])
		}
	}
	if messages < 50 {
		t.Errorf("%d messages", messages)
	}
	if *update {
		if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// A named zone also applies to a message that was delayed. A name of several zones means the configured zone if that has the
// name.
func TestNamedZones(t *testing.T) {
	shanghai, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Skip("no time zones on this system:", err)
	}
	chicago, err := time.LoadLocation("America/Chicago")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 5, 18, 46, 10, 0, time.UTC)
	for _, c := range []struct {
		zone *time.Location
		name string
		at   string // UTC of the message
		in   string
	}{
		{nil, "EST", "18:39:10", "Nov  5 13:39:10 EST"}, {time.UTC, "EST", "18:39:10", "Nov  5 13:39:10 EST"}, {nil, "EST", "16:39:10", "Nov  5 11:39:10 EST"},
		{nil, "CST", "12:39:10", "Nov  5 06:39:10 CST"}, {nil, "CST", "18:39:10", "Nov  6 02:39:10 CST"},
		{shanghai, "CST", "05:39:10", "Nov  5 13:39:10 CST"}, {chicago, "CST", "02:39:10", "Nov  4 20:39:10 CST"},
		{time.FixedZone("", 8*3600), "CST", "05:39:10", "Nov  5 13:39:10 CST"},
		{nil, "IST", "18:39:10", "Nov  6 00:09:10 IST"}, {nil, "IST", "18:39:10", "Nov  5 20:39:10 IST"}, {nil, "BST", "18:39:10", "Nov  5 19:39:10 BST"},
		{nil, "CEST", "16:39:10", "Nov  5 18:39:10 CEST"}, {nil, "AEDT", "18:39:10", "Nov  6 05:39:10 AEDT"},
		{time.FixedZone("NewYork", -5*3600), "NewYork", "18:39:10", "Nov  5 13:39:10 NewYork"},
	} {
		p := New(Settings{Standard: Auto, Zone: c.zone})
		p.local = time.UTC
		for _, text := range []string{"<189>1: sw1: " + c.in + ": %SYS-5-X: y", "<189>1: sw1: " + strings.Replace(c.in, ":10 ", ":10.000 ", 1) + ": %SYS-5-X: y"} {
			var e telemetry.Event
			_, _ = p.Parse([]byte(text), now, &e)
			if got := e.Time.UTC().Format("15:04:05"); got != c.at || e.Message != "y" {
				t.Errorf("%s in %v is %v, want %s: %s", text, c.zone, e.Time.UTC(), c.at, formatEvent(&e))
			}
		}
	}
}
