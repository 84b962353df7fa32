package connections

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/connlog"
	"github.com/rtcollector/rtcollector/internal/terminal"
)

func exported(t *testing.T, format Format, fields []string, events ...connlog.Event) string {
	t.Helper()
	var out bytes.Buffer
	x, err := NewExporter(&out, format, fields, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	if err := x.WriteHeader(); err != nil {
		t.Fatal(err)
	}
	for i := range events {
		if err := x.Write(&events[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := x.Flush(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func example() connlog.Event {
	return connlog.Event{
		Time: time.UnixMilli(1_700_000_000_123), Kind: connlog.Close, Comm: "=cmd|' /C calc'!A0", Cmdline: "a,\"b\"\nc\x1b[2J", PID: 7, Domain: "-a.example", Direction: connlog.Out,
		Remote: netip.MustParseAddrPort("[2001:db8::1]:443"), HasDuration: true, Duration: 1500 * time.Microsecond, TxBytes: 0, RxBytes: -1, User: "@bob",
	}
}

func TestCSV(t *testing.T) {
	fields := []string{"time", "timestamp", "event", "comm", "cmdline", "pid", "domain", "remote_ip", "remote_port", "duration_ms", "tx_bytes", "rx_bytes", "user"}
	got := exported(t, CSV, fields, example())
	want := strings.Join(fields, ",") + "\n2023-11-14 22:13:20.123,1700000000123,close,'=cmd|' /C calc'!A0,\"a,\"\"b\"\"\\x0ac\\x1b[2J\",7,'-a.example,2001:db8::1,443,1.5,0,,'@bob\n"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	rows, err := csv.NewReader(strings.NewReader(exported(t, CSV, nil, example(), example()))).ReadAll()
	if err != nil || len(rows) != 3 || !slices.Equal(rows[0], Fields()) {
		t.Errorf("%v, %v", rows, err)
	}
}

func TestJSONL(t *testing.T) {
	text := exported(t, JSONL, nil, example())
	var doc map[string]any
	if err := json.Unmarshal([]byte(text), &doc); err != nil || doc["comm"] != "=cmd|' /C calc'!A0" || doc["cmdline"] != "a,\"b\"\nc\x1b[2J" || doc["duration_ms"] != 1.5 || strings.Count(text, "\n") != 1 {
		t.Errorf("%s: %v", text, err)
	}
	if got, want := exported(t, JSONL, []string{"pid", "time", "rx_bytes"}, example()), `{"pid":7,"time":"2023-11-14T22:13:20.123Z"}`+"\n"; got != want {
		t.Errorf("got %s want %s", got, want)
	}
	if got := exported(t, JSONL, []string{"rx_bytes"}, example()); got != "{}\n" {
		t.Errorf("nothing to write: %q", got)
	}
	for _, bad := range [][]string{{"nope"}, {""}} {
		if _, err := NewExporter(nil, CSV, bad, time.UTC); err == nil || !strings.Contains(err.Error(), "use some of time, timestamp") {
			t.Error(err)
		}
	}
	if _, err := NewExporter(nil, "xml", nil, time.UTC); err == nil {
		t.Error("a format that does not exist was accepted")
	}
}

// FuzzSafeCell: whatever a text is, a spreadsheet does not see a formula, and a CSV reader gets one cell on one line.
func FuzzSafeCell(f *testing.F) {
	for _, s := range []string{"", "=1+1", " =1", "\t=1", "\r\n=1", "+1", "-1", "@SUM(1)", "＝1", "'=1", "a,b\"c", "\x00=1", "\xff", "ünd", "\u200b=1", "\u00a0=1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		cell := safeCell(text)
		if trimmed := strings.TrimLeft(cell, " \u00a0\t\r\n"); trimmed != "" && strings.ContainsRune("=+-@＝＋－＠", firstRune(trimmed)) {
			t.Errorf("%q became %q", text, cell)
		}
		var out bytes.Buffer
		w := csv.NewWriter(&out)
		_ = w.Write([]string{cell, "x"})
		w.Flush()
		rows, err := csv.NewReader(&out).ReadAll()
		if err != nil || len(rows) != 1 || len(rows[0]) != 2 || rows[0][0] != cell || terminal.Line(cell) != cell {
			t.Errorf("%q became %q, which is read as %q, %v", text, cell, rows, err)
		}
	})
}
