package proclog

import (
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/rtcollector/rtcollector/internal/eventdoc"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

func fullRow() Row {
	return Row{
		Time: time.UnixMilli(1_700_000_000_123), Host: "web-1", Snapshot: 1_700_000_000_120, Rank: 3, PID: 300, Parent: 1, Start: time.UnixMilli(1_600_000_000_001),
		User: "alice", Name: "nginx: \x1b[2J", Cmdline: "nginx --password [redacted]", Group: "web", Subgroup: "nginx", Unit: "nginx.service", Container: strings.Repeat("a", 64),
		CPU: 212.75, RSS: 1 << 40, PSS: 12, Read: 0.25, Write: 1e9, Rx: 3, Tx: 0.125, Threads: 9,
	}
}

// parseBoth parses an event as it is stored: as a JSON object and as a hash.
func parseBoth(t *testing.T, e telemetry.Event) (fromJSON, fromHash Row) {
	t.Helper()
	doc := eventdoc.Document(nil).Fill(&e)
	var pairs []string
	for _, f := range doc {
		pairs = append(pairs, f.Key, f.Text())
	}
	parsed, err := eventdoc.ParseJSON(doc.AppendJSON(nil))
	if err != nil {
		t.Fatal(err)
	}
	if fromJSON, err = Parse(parsed); err != nil {
		t.Fatal(err)
	}
	if fromHash, err = Parse(eventdoc.ParseHash(pairs)); err != nil {
		t.Fatal(err)
	}
	return fromJSON, fromHash
}

// Whatever a row holds is read back, from JSON and from a hash.
func TestRoundTrip(t *testing.T) {
	full := fullRow()
	for i := range reflect.TypeFor[Row]().NumField() {
		if reflect.ValueOf(full).Field(i).IsZero() {
			t.Errorf("the test has no value for %s", reflect.TypeFor[Row]().Field(i).Name)
		}
	}
	little := Row{Time: time.UnixMilli(1), Snapshot: 1, RSS: Unknown, PSS: Unknown, Read: Unknown, Write: Unknown, Rx: Unknown, Tx: Unknown}
	numbers := full
	numbers.Name, numbers.User, numbers.Cmdline = "12", "1000", "true"
	for _, want := range []Row{full, little, numbers} {
		fromJSON, fromHash := parseBoth(t, want.Event())
		if fromJSON != want || fromHash != want {
			t.Errorf("\nwant %+v\nJSON %+v\nhash %+v", want, fromJSON, fromHash)
		}
	}
}

func TestEvent(t *testing.T) {
	r := fullRow()
	e := r.Event()
	if e.Source != "process_top" || e.App != r.Name || e.Proc != "300" || e.Host != "web-1" || e.Severity != telemetry.Debug || !e.Time.Equal(r.Time) {
		t.Errorf("%+v", e)
	}
	if want := "nginx: \x1b[2J[300] of alice: 213 % CPU, 1 TiB memory"; e.Message != want {
		t.Errorf("got %q want %q", e.Message, want)
	}
	if len(e.Fields) != fieldCount {
		t.Errorf("%d fields, not %d", len(e.Fields), fieldCount)
	}
	r.User, r.RSS = "", Unknown
	if got := r.Summary(); got != "nginx: \x1b[2J[300]: 213 % CPU" {
		t.Error(got)
	}
}

// Texts that are too long are cut between characters, and numbers that no process has are unknown.
func TestLimits(t *testing.T) {
	r := fullRow()
	r.Cmdline = strings.Repeat("é", 1000) + "x"
	r.Name, r.User, r.Unit, r.Host = "x"+strings.Repeat("😀", 1000), strings.Repeat("u", 1000), strings.Repeat("\xbf", 1000)+".", strings.Repeat("h", 1000)
	r.Group, r.Subgroup, r.Container = strings.Repeat("日", 100), strings.Repeat("g", 129), strings.Repeat("c", 1000)
	r.CPU, r.Read, r.Write, r.Rx, r.Tx = math.NaN(), math.Inf(1), -7, math.NaN(), math.Inf(-1)
	r.RSS, r.PSS, r.PID, r.Parent, r.Rank, r.Threads = -5, math.MinInt64, -1, -2, -3, -4
	got, _ := parseBoth(t, r.Event())
	if len(got.Cmdline) != 512 || len(got.Name) != 253 || len(got.User) != 255 || len(got.Host) != 255 || len(got.Group) != 126 || len(got.Subgroup) != 128 || len(got.Container) != 128 {
		t.Errorf("%d %d %d %d %d %d %d", len(got.Cmdline), len(got.Name), len(got.User), len(got.Host), len(got.Group), len(got.Subgroup), len(got.Container))
	}
	if !utf8.ValidString(got.Cmdline) || !utf8.ValidString(got.Name) || !utf8.ValidString(got.Group) {
		t.Error("a character was cut in two")
	}
	if got.CPU != 0 || got.Read != Unknown || got.Write != Unknown || got.Rx != Unknown || got.Tx != Unknown || got.RSS != Unknown || got.PSS != Unknown {
		t.Errorf("%+v", got)
	}
	if got.PID != 0 || got.Parent != 0 || got.Rank != 0 || got.Threads != 0 {
		t.Errorf("%+v", got)
	}
}

func TestOtherDocuments(t *testing.T) {
	for name, doc := range map[string]eventdoc.Document{
		"nothing":          {},
		"another event":    {telemetry.Text("source", Source), telemetry.Text("event", "login"), telemetry.Int("snapshot", 1)},
		"another source":   {telemetry.Text("source", "syslog"), telemetry.Text("event", kind), telemetry.Int("snapshot", 1)},
		"no snapshot":      {telemetry.Text("source", Source), telemetry.Text("event", kind)},
		"no real snapshot": {telemetry.Text("source", Source), telemetry.Text("event", kind), telemetry.Text("snapshot", "x")},
	} {
		if r, err := Parse(doc); err == nil {
			t.Errorf("%s was taken: %+v", name, r)
		}
	}
}

// FuzzParse: whatever a document holds, a row has bounded texts and possible numbers, and its event gives the same row again.
func FuzzParse(f *testing.F) {
	r := fullRow()
	e := r.Event()
	doc := eventdoc.Document(nil).Fill(&e)
	f.Add(doc.AppendJSON(nil))
	for _, s := range []string{
		`{}`, `{"source":"process_top","event":"process","snapshot":1e3}`, `{"source":"process_top","event":"process","snapshot":1,"pid":9223372036854775807,"rank":-1}`,
		`{"source":"process_top","event":"process","snapshot":"7","cpu_percent":"NaN","rx_bytes_rate":"+Inf","pss_bytes":null,"comm":["x"],"start":-1}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		doc, err := eventdoc.ParseJSON(data)
		if err != nil {
			return
		}
		row, err := Parse(doc)
		if err != nil {
			return
		}
		if len(row.Cmdline) > maxCmdline || len(row.Name) > maxName || len(row.Group) > maxID || !(row.CPU >= 0) || row.RSS < Unknown || row.PID < 0 {
			t.Errorf("%+v", row)
		}
		if again, _ := parseBoth(t, row.Event()); again != row {
			t.Errorf("\n got %+v\nthen %+v", row, again)
		}
	})
}
