package stdout_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/embedded"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/internal/terminal"
	"github.com/rtcollector/rtcollector/outputs"
	"github.com/rtcollector/rtcollector/outputs/outputtest"
	"github.com/rtcollector/rtcollector/outputs/stdout"
)

func TestConformance(t *testing.T) {
	for _, format := range []stdout.Format{stdout.Table, stdout.JSON, stdout.TSAdd} {
		t.Run(string(format), func(t *testing.T) {
			outputtest.Run(t, outputtest.Case{Definition: stdout.Plugin, Config: "format: " + string(format)})
		})
	}
}

func testBatch() *telemetry.Batch {
	f := telemetry.NewFactory("h1", "test", nil)
	at := time.UnixMilli(1_700_000_000_000)
	b := telemetry.NewBatch(at, at, 0)
	b.Add(f.Gauge("disk_used", telemetry.Bytes, telemetry.Label{Key: "mount", Value: `/mnt/a "b" \é`}), 1e15)
	b.Add(f.Gauge("load1", telemetry.None), 0.25)
	b.AddAt(f.Gauge("bad", telemetry.None), math.NaN(), b.Time) // Add would reject it
	return b
}

func printBatch(t *testing.T, format stdout.Format) string {
	t.Helper()
	var out bytes.Buffer
	p, err := stdout.New(outputs.Env{Stdout: &out}, stdout.Config{Format: format})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.WriteMetrics(t.Context(), []*telemetry.Batch{testBatch()}); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestCommands(t *testing.T) {
	want := `TS.ADD "h1:disk_used_mnt_a_\"b\"_\\\xc3\xa9" 1700000000000 1000000000000000 ON_DUPLICATE LAST LABELS __name__ disk_used host h1 mount "/mnt/a \"b\" \\\xc3\xa9" source test unit bytes
TS.ADD h1:load1 1700000000000 0.25 ON_DUPLICATE LAST LABELS __name__ load1 host h1 source test
`
	if diff := cmp.Diff(want, printBatch(t, stdout.TSAdd)); diff != "" {
		t.Error(diff)
	}
}

// redis-cli accepts the printed commands.
func TestCommandsRunInRedisCLI(t *testing.T) {
	cli, err := exec.LookPath("redis-cli")
	if err != nil {
		t.Skip("redis-cli is not installed")
	}
	s, err := embedded.Listen("127.0.0.1:0", embedded.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	cmd := exec.CommandContext(t.Context(), cli, "-u", "redis://"+s.Addr())
	cmd.Stdin = strings.NewReader(printBatch(t, stdout.TSAdd) + "TS.MGET WITHLABELS FILTER source=test\n")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, want := range []string{`/mnt/a "b" \é`, "h1:load1", "mount"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %s in:\n%s", want, out)
		}
	}
}

func TestJSON(t *testing.T) {
	want := `{"time":1700000000000,"key":"h1:disk_used_mnt_a_\"b\"_\\é","value":1000000000000000,"labels":{"__name__":"disk_used","host":"h1","mount":"/mnt/a \"b\" \\é","source":"test","unit":"bytes"}}
{"time":1700000000000,"key":"h1:load1","value":0.25,"labels":{"__name__":"load1","host":"h1","source":"test"}}
{"time":1700000000000,"key":"h1:bad","value":null,"labels":{"__name__":"bad","host":"h1","source":"test"}}
`
	if diff := cmp.Diff(want, printBatch(t, stdout.JSON)); diff != "" {
		t.Error(diff)
	}
}

func TestTable(t *testing.T) {
	clock := time.UnixMilli(1_700_000_000_000).Format("15:04:05")
	want := strings.ReplaceAll(`TIME      HOST  METRIC     INSTANCE             VALUE             UNIT
CLOCKTIM  h1    disk_used  mount=/mnt/a "b" \é  1000000000000000  bytes
CLOCKTIM  h1    load1                           0.25              
CLOCKTIM  h1    bad                             NaN               
`, "CLOCKTIM", clock)
	if diff := cmp.Diff(want, printBatch(t, stdout.Table)); diff != "" {
		t.Error(diff)
	}
}

type closedPipe struct{}

func (closedPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestNobodyReads(t *testing.T) {
	p, err := stdout.New(outputs.Env{Stdout: closedPipe{}}, stdout.Defaults())
	if err != nil {
		t.Fatal(err)
	}
	err = p.WriteMetrics(t.Context(), []*telemetry.Batch{testBatch()})
	if !outputs.IsPermanent(err) || !errors.Is(err, io.ErrClosedPipe) {
		t.Error(err)
	}
}

func testEvents() []telemetry.Event {
	return []telemetry.Event{
		{
			Time: time.UnixMilli(1_700_000_000_000), Severity: telemetry.Error, Host: "h1", Source: "syslog", App: "sshd", Proc: "12", MsgID: "M",
			Message: "line 1\nline \"2\" \xff", Fields: []telemetry.Field{telemetry.Text("facility", "4"), telemetry.Text("host", "\x1b[31m")},
		},
		{Time: time.UnixMilli(1_700_000_001_000), Severity: telemetry.Debug},
	}
}

func TestEvents(t *testing.T) {
	first, second := time.UnixMilli(1_700_000_000_000).Format("15:04:05"), time.UnixMilli(1_700_000_001_000).Format("15:04:05")
	for format, want := range map[stdout.Format]string{
		stdout.JSON: `{"timestamp":1700000000000,"severity":3,"level":"error","host":"h1","source":"syslog","appname":"sshd","procid":"12","msgid":"M",` +
			`"message":"line 1\nline \"2\" \ufffd","facility":4,"field_host":"\u001b[31m","invalid_utf8":"message"}
{"timestamp":1700000001000,"severity":7,"level":"debug","message":""}
`,
		stdout.Table: `TIME      HOST  LEVEL  SOURCE  APP       MESSAGE
` + first + `  h1    error  syslog  sshd[12]  line 1\x0aline "2" \xff facility=4 host=\x1b[31m
` + second + `        debug                    
`,
		stdout.TSAdd: "",
	} {
		var out, log bytes.Buffer
		p, err := stdout.New(outputs.Env{Stdout: &out, Log: slog.New(slog.NewTextHandler(&log, nil))}, stdout.Config{Format: format})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.WriteEvents(t.Context(), testEvents()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Errorf("%s: %s", format, diff)
		}
		if err := p.WriteEvents(t.Context(), nil); err != nil || out.String() != want {
			t.Errorf("%s: no event prints %q", format, out.String())
		}
		_ = p.WriteEvents(t.Context(), testEvents())
		if n := strings.Count(log.String(), "events are not printed with format ts.add"); n != 1 && format == stdout.TSAdd || n != 0 && format != stdout.TSAdd {
			t.Errorf("%s: logged %d times", format, n)
		}
	}
}

func TestNobodyReadsEvents(t *testing.T) {
	p, err := stdout.New(outputs.Env{Stdout: closedPipe{}}, stdout.Defaults())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.WriteEvents(t.Context(), testEvents()); !outputs.IsPermanent(err) || !errors.Is(err, io.ErrClosedPipe) {
		t.Error(err)
	}
}

// TestHostileNames prints names that a terminal would obey: none of them reaches it, and programs read them as they are.
func TestHostileNames(t *testing.T) {
	const evil = "a\x1b[2J\u009b31m\u202eb\nc"
	b := telemetry.NewBatch(time.UnixMilli(1_700_000_000_000), time.UnixMilli(1_700_000_000_000), 0)
	b.Add(telemetry.NewFactory(evil, "test", map[string]string{evil: evil}).Gauge("m", telemetry.None, telemetry.Label{Key: "device", Value: evil}), 1)
	b.Events = []telemetry.Event{{Time: time.UnixMilli(1_700_000_000_000), Host: evil, App: evil, Message: evil}}
	for _, format := range []stdout.Format{stdout.Table, stdout.JSON, stdout.TSAdd} {
		var out bytes.Buffer
		p, err := stdout.New(outputs.Env{Stdout: &out}, stdout.Config{Format: format})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(p.WriteMetrics(t.Context(), []*telemetry.Batch{b}), p.WriteEvents(t.Context(), b.Events)); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(out.String()) {
			if got := terminal.Line(strings.TrimSuffix(line, "\n")); got != strings.TrimSuffix(line, "\n") {
				t.Errorf("%s prints %q", format, line)
			}
			if format != stdout.JSON {
				continue
			}
			var object struct {
				Labels  map[string]string
				Message string
			}
			if err := json.Unmarshal([]byte(line), &object); err != nil || object.Labels["host"] != evil && object.Message != evil {
				t.Errorf("%s: %v", line, err)
			}
		}
	}
}

// TestJSONNumbers compares numbers with those of encoding/json.
func TestJSONNumbers(t *testing.T) {
	at := time.UnixMilli(1_700_000_000_000)
	b := telemetry.NewBatch(at, at, 0)
	f := telemetry.NewFactory("h1", "test", nil)
	values := []float64{0, 1, -1, 0.1, 1e-6, 9.9e-7, -1e-9, 1.5e-10, 1e20, 1e21, -1.25e300, math.MaxFloat64, math.SmallestNonzeroFloat64}
	for i, v := range values {
		b.AddAt(f.Gauge("g", telemetry.None, telemetry.Label{Key: "n", Value: string(rune('a' + i))}), v, b.Time)
	}
	var out bytes.Buffer
	p, err := stdout.New(outputs.Env{Stdout: &out}, stdout.Config{Format: stdout.JSON})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.WriteMetrics(t.Context(), []*telemetry.Batch{b}); err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(strings.TrimSpace(out.String()), "\n") {
		want, _ := json.Marshal(values[i])
		var got struct{ Value json.RawMessage }
		if err := json.Unmarshal([]byte(line), &got); err != nil || string(got.Value) != string(want) {
			t.Errorf("%v: %s, %v; want %s", values[i], got.Value, err, want)
		}
	}
}

// BenchmarkSamples prints samples of series that were printed before, as a running agent does.
func BenchmarkSamples(b *testing.B) {
	f := telemetry.NewFactory("host.example.com", "linux_net", map[string]string{"site": "north"})
	at := time.UnixMilli(1_700_000_000_000)
	batch := telemetry.NewBatch(at, at, 0)
	for i := range 1000 {
		batch.Add(f.Gauge("net_rx_bytes_rate", telemetry.Bytes.PerSecond(), telemetry.Label{Key: "iface", Value: fmt.Sprint("eth", i)}), float64(i)*1.25)
	}
	for _, format := range []stdout.Format{stdout.JSON, stdout.TSAdd, stdout.Table} {
		b.Run(string(format), func(b *testing.B) {
			p, err := stdout.New(outputs.Env{}, stdout.Config{Format: format})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := p.WriteMetrics(b.Context(), []*telemetry.Batch{batch}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch.Len()), "ns/sample")
		})
	}
}
