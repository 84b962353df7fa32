package syslogmsg

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/leodido/go-syslog/v4/rfc5424"

	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// No text of a message is lost, and the time of the event is plausible.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`<165>1 2026-11-05T22:14:15.003+04:00 m.example evntslog 4711 ID47 [ex@32473 iut="3" e="\]"][x@1] text`,
		"<34>Nov  5 19:14:15 mymachine su[12]: 'su root' failed", "<189>237: 000485: router1: .Nov  5 19:14:15.295 CET: %LINK-3-UPDOWN: Interface down",
		"<166>Nov 05 2026 19:14:15 fw1 : %ASA-6-302013: Built", "<13>2026-11-05T19:14:15.123456+02:00 vm su[1]: x",
		`<30>Nov  5 19:14:15 ("U7PG2,788a20123456,v3.9.19.8123") hostapd: ath0`, "<14>Nov  5 19:14:15 NAS WinFileService Event: read", "<999>", "", `<13>1 - h a - - [x y="C:\d" z="\q\"\]"][z] m\`, "<190>1: r RP/0/RSP1/CPU0:Nov  5 19:14:15 CET: bgp[1]: %ROUTING-BGP-5-MAXPFX : x", "<189>2: r: Nov  5 19:14:15 UTC+1: text",
		"<0>\x00\xff",
	} {
		f.Add([]byte(s))
	}
	samples, err := os.ReadFile("testdata/devices.txt")
	if err != nil {
		f.Fatal(err)
	}
	for line := range strings.Lines(string(samples)) {
		if strings.HasPrefix(line, "<") {
			f.Add([]byte(line))
		}
	}
	guessing := New(Settings{})
	strict, lax := New(testSettings()), New(Settings{Standard: RFC5424, BestEffort: true, Separator: "."})
	old := New(Settings{Standard: RFC3164})
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, p := range []*Parser{strict, lax, old, guessing} {
			var e telemetry.Event
			_, err := p.Parse(data, received, &e)
			if err != nil && e.Message != strings.TrimPrefix(strings.TrimRight(string(data), "\r\n\x00"), "\ufeff") {
				t.Errorf("%v, but the message is %q", err, e.Message)
			}
			if e.Severity > telemetry.Debug || len(e.Fields) == 0 {
				t.Errorf("%+v", e)
			}
			if e.Time.Before(received.Add(-maxAge)) || e.Time.After(received.Add(maxAhead)) {
				t.Errorf("it was sent at %v", e.Time)
			}
			kept := len(e.Host) + len(e.App) + len(e.Proc) + len(e.MsgID) + len(e.Message)
			for _, field := range e.Fields {
				kept += len(field.Key) + len(field.Text())
			}
			const forms = 120 // priority, time, zone, colons and blanks
			if lost := len(strings.Join(strings.Fields(string(data)), " ")) - kept; lost > forms {
				t.Errorf("%d of %d bytes are nowhere: %+v", lost, len(data), e)
			}
		}
	})
}

func benchmarkParse(b *testing.B, text string) {
	p, data := New(testSettings()), []byte(text)
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		e := telemetry.Event{}
		if _, err := p.Parse(data, now, &e); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
	b.ReportMetric(0, "ns/op")
}

func BenchmarkParse5424(b *testing.B) {
	benchmarkParse(b, "<165>1 2026-11-05T22:14:15.003123+02:00 mymachine.example.com evntslog 4711 ID47 - An application event log entry that is as long as they usually are")
}

const structured = `<165>1 2026-11-05T22:14:15.003123+02:00 mymachine.example.com evntslog 4711 ID47 [exampleSDID@32473 iut="3" eventSource="Application" eventID="1011"] An application event log entry`

func BenchmarkParse5424Data(b *testing.B) {
	benchmarkParse(b, structured)
}

// BenchmarkLibraryData measures the library's share of BenchmarkParse5424Data.
func BenchmarkLibraryData(b *testing.B) {
	m := rfc5424.NewMachine(rfc5424.WithBestEffort())
	data := []byte(structured)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Parse(data); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
	b.ReportMetric(0, "ns/op")
}

func BenchmarkParse3164(b *testing.B) {
	benchmarkParse(b, "<34>Nov  5 22:14:15 mymachine su[123]: 'su root' failed for lonvick on /dev/pts/8 and something that is as long as they usually are")
}

func BenchmarkParseCisco(b *testing.B) {
	benchmarkParse(b, "<189>237: 000485: router1: .Nov  5 19:14:15.295 CET: %LINK-3-UPDOWN: Interface GigabitEthernet0/1, changed state to down")
}

// The fields of structured data are those that the library parses: the same names, and the last value of each.
func FuzzData(f *testing.F) {
	for _, s := range []string{`[ex@32473 iut="3" e="\]\"\\"][x@1]`, `[a b="1" b="2" c="3"][d]`, `[a b="1"][a b="2"][a]`, `[a b="`, `[a b="\`, `[a`, `-`} {
		f.Add(s)
	}
	machine, p := rfc5424.NewMachine(rfc5424.WithBestEffort()), New(Settings{Standard: RFC5424, Separator: " "})
	f.Fuzz(func(t *testing.T, data string) {
		text := "<13>1 - - - - - " + data + " m"
		parsed, err := machine.Parse([]byte(text))
		m, _ := parsed.(*rfc5424.SyslogMessage)
		if err != nil || m == nil || m.StructuredData == nil {
			return
		}
		want := map[string]string{}
		for id, parameters := range *m.StructuredData {
			for name, v := range parameters {
				want[id+" "+name] = v
			}
			if len(parameters) == 0 {
				want[id] = "true"
			}
		}
		var e telemetry.Event
		if _, err := p.Parse([]byte(text), received, &e); err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for _, field := range e.Fields {
			if _, twice := got[field.Key]; twice {
				t.Errorf("%s appears twice", field.Key)
			}
			got[field.Key] = field.Text()
		}
		delete(got, "facility")
		if raw := got[Repeated]; raw != "" && !strings.HasPrefix(data, raw) {
			t.Errorf("as it came: %q", raw)
		}
		delete(got, Repeated)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}
