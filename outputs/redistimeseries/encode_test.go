package redistimeseries

import (
	"math"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/buffer"
	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// encoded returns a writer without a server, and batches of series that it assumes to exist.
func encoded(series, ticks int) (*Writer, []*telemetry.Batch) {
	w := &Writer{commandSize: fullCommand}
	f := telemetry.NewFactory("host-with-a-name", "bench", nil)
	var all []*telemetry.Series
	for i := range series {
		s := f.Gauge("disk_used", telemetry.Bytes, telemetry.Label{Key: "mount", Value: strconv.Itoa(i)})
		s.SetMemo(telemetry.Slot{}, &entry{owner: w, status: ready, keyArg: redisconn.AppendArg(nil, "host-with-a-name:"+s.BareKey())})
		all = append(all, s)
	}
	var batches []*telemetry.Batch
	for tick := range ticks {
		at := time.UnixMilli(1_700_000_000_000 + int64(tick)*1000)
		b := telemetry.NewBatch(at, at, series)
		for i, s := range all {
			b.Add(s, float64(i)*1000+float64(i%2)*0.25)
		}
		batches = append(batches, b)
	}
	return w, batches
}

func TestCommandsAreWellFormed(t *testing.T) {
	for _, samples := range []int{0, 1, 2, 9, 499, 500, 501, 1000, 3333} {
		w, batches := encoded(samples, 1)
		w.samples.reset(batches, 0)
		w.request.reset(w)
		var all []byte
		commands := 0
		for {
			chunk, count := w.request.appendChunk(nil)
			if count == 0 {
				break
			}
			all, commands = append(all, chunk...), commands+count
		}
		if want := (samples + int(fullCommand) - 1) / int(fullCommand); commands != want {
			t.Errorf("%d samples: %d commands, want %d", samples, commands, want)
		}
		left := samples
		rest := string(all)
		for rest != "" {
			var head string
			head, rest, _ = strings.Cut(rest, "\r\n")
			size := min(left, int(fullCommand))
			if head != "*"+strconv.Itoa(1+3*size) {
				t.Fatalf("%d samples: head %q", samples, head)
			}
			left -= size
			for range 1 + 3*size {
				var length, arg string
				length, rest, _ = strings.Cut(rest, "\r\n")
				arg, rest, _ = strings.Cut(rest, "\r\n")
				if length != "$"+strconv.Itoa(len(arg)) {
					t.Fatalf("%d samples: %q before %q", samples, length, arg)
				}
			}
		}
		if left != 0 {
			t.Errorf("%d samples: %d not sent", samples, left)
		}
	}
}

func TestValuesAreShortAndExact(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", -1: "-1", 0.1: "0.1", 1e15: "1000000000000000", 1 << 53: "9.007199254740992e+15", 1e21: "1e+21", -2.5: "-2.5",
		math.SmallestNonzeroFloat64: "5e-324", math.MinInt64: "-9.223372036854775808e+18", 1e300: "1e+300",
	} {
		got := string(appendValue(nil, v))
		_, text, _ := strings.Cut(strings.TrimSuffix(got, "\r\n"), "\r\n")
		back, err := strconv.ParseFloat(text, 64)
		if err != nil || back != v || got != "$"+strconv.Itoa(len(text))+"\r\n"+text+"\r\n" {
			t.Errorf("%v became %q", v, got)
		}
		if len(text) > len(want) {
			t.Errorf("%v became %q, longer than %q", v, text, want)
		}
	}
}

// An unknown refusal is repeated in the error, so that it reaches the log. Only the first text is kept.
func TestUnknownRefusalIsRepeated(t *testing.T) {
	w, batches := encoded(3, 1)
	w.samples.reset(batches, 0)
	w.request.reset(w)
	for i, text := range []string{"ERR TSDB: the moon is full", "ERR TSDB: Timestamp is older than retention", "ERR TSDB: the tide is low"} {
		w.request.judge(i, []byte(text))
	}
	w.samples.refusal = w.request.refusal
	const want = "3 rejected: 1 older than the retention of their series, or these have samples from the future (see \"Wrong clocks\" in docs/operating.md)\n2 refused: ERR TSDB: the moon is full"
	if err := w.samples.rejected(3); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// After a refused command, it is unclear which samples the later replies are about. They stay open.
func TestRepliesAfterARefusedCommand(t *testing.T) {
	w, batches := encoded(6, 1)
	w.samples.reset(batches, 0)
	w.request.reset(w)
	reader := redisconn.NewReader(strings.NewReader("*2\r\n:1\r\n:1\r\n-OOM no memory\r\n*2\r\n:1\r\n:1\r\n"))
	for range 3 {
		_ = w.request.receive(reader)
	}
	if n := w.samples.settledPrefix(); n != 2 || slices.Contains(w.samples.verdicts[2:], accepted) {
		t.Errorf("%d settled, verdicts %v", n, w.samples.verdicts)
	}
}

func TestEncodingDoesNotAllocate(t *testing.T) {
	w, batches := encoded(1000, 3)
	buf := make([]byte, 0, 256<<10)
	allocs := testing.AllocsPerRun(20, func() {
		w.samples.reset(batches, 0)
		w.request.reset(w)
		for {
			if _, count := w.request.appendChunk(buf); count == 0 {
				return
			}
		}
	})
	if allocs > 0 {
		t.Errorf("%v allocations for 3000 samples", allocs)
	}
}

func TestReadingDoesNotAllocate(t *testing.T) {
	reply := "*500\r\n" + strings.Repeat(":1700000000000\r\n", 500)
	source := strings.NewReader(reply)
	reader := redisconn.NewReader(source)
	w, batches := encoded(500, 1)
	receive := w.request.receive
	allocs := testing.AllocsPerRun(20, func() {
		source.Reset(reply)
		w.samples.reset(batches, 0)
		w.request.reset(w)
		if err := receive(reader); err != nil {
			t.Error(err)
		}
	})
	if allocs > 0 {
		t.Errorf("%v allocations for 500 replies", allocs)
	}
}

func BenchmarkEncode(b *testing.B) {
	w, batches := encoded(1000, 10)
	buf := make([]byte, 0, 256<<10)
	b.ReportAllocs()
	for b.Loop() {
		w.samples.reset(batches, 0)
		w.request.reset(w)
		for {
			chunk, count := w.request.appendChunk(buf[:0])
			if count == 0 {
				break
			}
			buf = chunk
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/10_000, "ns/sample")
}

func BenchmarkReceive(b *testing.B) {
	reply := "*500\r\n" + strings.Repeat(":1700000000000\r\n", 500)
	source := strings.NewReader(reply)
	reader := redisconn.NewReader(source)
	w, batches := encoded(500, 1)
	b.ReportAllocs()
	for b.Loop() {
		source.Reset(reply)
		w.samples.reset(batches, 0)
		w.request.reset(w)
		if err := w.request.receive(reader); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/500, "ns/sample")
}

// BenchmarkBuffered measures the memory of a million buffered samples: 1000 series, one batch per second.
func BenchmarkBuffered(b *testing.B) {
	const series, ticks = 1000, 1000
	var grown uint64
	for b.Loop() {
		_, warm := encoded(series, 1)
		before := heap()
		q := buffer.New(2*series*ticks, series*ticks, (*telemetry.Batch).Len, nil)
		for tick := range ticks {
			at := time.UnixMilli(int64(tick) * 1000)
			batch := telemetry.NewBatch(at, at, series)
			for i := range series {
				s, _, v := warm[0].Sample(i)
				batch.Add(s, v)
			}
			q.Push(batch)
		}
		grown = heap() - before
		runtime.KeepAlive(q)
		runtime.KeepAlive(warm)
	}
	b.ReportMetric(float64(grown)/(1<<20), "MB")
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
