package windowseventlog

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

var now = time.Date(2026, 11, 5, 20, 0, 0, 0, time.UTC)

func readXML(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name + ".xml")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestEvents(t *testing.T) {
	for name, tt := range map[string]struct {
		message string
		want    telemetry.Event
	}{
		"service": {"Dienst \"Datenträgerdefragmentierung\" befindet sich jetzt im Status \"Ausgeführt\".\r\n", telemetry.Event{
			Time: time.Date(2026, 11, 5, 18, 44, 14, 123456700, time.UTC), Severity: telemetry.Informational, Host: "SRV.example.org", App: "Service Control Manager",
			Proc: "700", MsgID: "7036", Message: `Dienst "Datenträgerdefragmentierung" befindet sich jetzt im Status "Ausgeführt".`,
			Fields: []telemetry.Field{
				telemetry.Text("channel", "System"), telemetry.Int("record_id", 4711), telemetry.Int("thread_id", 9044),
				telemetry.Text("data_param1", "Datenträgerdefragmentierung"), telemetry.Text("data_param2", "Wird ausgeführt"), telemetry.Text("data_Binary", "640065006600"),
			},
		}},
		"logon": {"", telemetry.Event{
			Time: time.Date(2026, 11, 5, 18, 44, 15, 0, time.UTC), Severity: telemetry.Warning, Host: "SRV", App: "Microsoft-Windows-Security-Auditing",
			Proc: "516", MsgID: "4625", Message: "TargetUserName=admin <x> Status=0xc000006d first second",
			Fields: []telemetry.Field{
				telemetry.Text("channel", "Security"), telemetry.Int("record_id", 229977), telemetry.Int("thread_id", 3240), telemetry.Int("task", 12544),
				telemetry.Text("user_sid", "S-1-5-18"), telemetry.Text("data_TargetUserName", "admin <x>"), telemetry.Text("data_Status", "0xc000006d"),
				telemetry.Text("data_Data", "first"), telemetry.Text("data_Data_2", "second"),
			},
		}},
		"userdata": {"", telemetry.Event{
			Time: time.Date(2026, 11, 5, 18, 44, 16, 500000000, time.UTC), Severity: telemetry.Error, Host: "SRV", App: "Microsoft-Windows-Eventlog",
			Proc: "1", MsgID: "104", Message: "SubjectUserName=Mémoire Channel=Application",
			Fields: []telemetry.Field{
				telemetry.Text("channel", "System"), telemetry.Int("record_id", 1), telemetry.Int("thread_id", 2), telemetry.Int("task", 104),
				telemetry.Text("data_SubjectUserName", "Mémoire"), telemetry.Text("data_Channel", "Application"),
			},
		}},
	} {
		if diff := cmp.Diff(tt.want, makeEvent(readXML(t, name), tt.message, now)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// What cannot be parsed is kept, and says so.
func TestOddEvents(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":   "",
		"cut":       readXML(t, "service")[:300],
		"no XML":    "\x00\xff<",
		"too long":  "<Event>" + strings.Repeat(" ", maxXML),
		"too deep":  strings.Repeat("<a>", 100),
		"deep data": "<Event><System/><UserData>" + strings.Repeat("<a>", 100),
		"no system": "<Event></Event>",
	} {
		e := makeEvent(text, "", now)
		if len(e.Fields) != 1 || e.Fields[0].Key != "parse_error" || !e.Time.Equal(now) || len(e.Message) > maxMessage {
			t.Errorf("%s: %v, %d bytes", name, e.Fields, len(e.Message))
		}
	}
	many := "<Event><System><Level>1</Level></System><EventData>" + strings.Repeat("<Data>x</Data>", 1000) + "<Data>" + strings.Repeat("é", 1<<16) + "</Data></EventData></Event>"
	if e := makeEvent(many, "", now); len(e.Fields) != 1+maxData || e.Severity != telemetry.Critical || !e.Time.Equal(now) {
		t.Errorf("%d fields, %v", len(e.Fields), e.Severity)
	}
}

func FuzzMakeEvent(f *testing.F) {
	plugintest.Seed(f, "testdata/*.xml")
	f.Fuzz(func(t *testing.T, text []byte) {
		e := makeEvent(string(text), string(text), now)
		if len(e.Fields) > maxData+5 || len(e.Message) > 3*maxMessage || e.Time.IsZero() {
			t.Errorf("%d fields, %d bytes, %v", len(e.Fields), len(e.Message), e.Time)
		}
		for _, field := range e.Fields {
			if field.Key == "" || len(field.Key) > 2*maxKey || len(field.Text()) > maxMessage*3 {
				t.Errorf("field %q has %d bytes", field.Key, len(field.Text()))
			}
		}
	})
}
