package redistimeseries_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rtcollector/rtcollector/agent"
	"github.com/rtcollector/rtcollector/internal/redisconn/redistest"
	"github.com/rtcollector/rtcollector/internal/selfstat"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
	"github.com/rtcollector/rtcollector/outputs/redistimeseries"
	"github.com/rtcollector/rtcollector/plugins"
)

// ledger is a server with time series at the end of a [redistest.Link]. It records what arrives. The embedded server listens on real
// sockets only, on which fake time does not work.
type ledger struct {
	mu      sync.Mutex
	series  map[string][]string // key → times in the order in which they came first
	have    map[string]bool     // key@time
	texts   map[string]text
	noSet   string // what SET is answered
	bytes   int    // of commands that did something new
	arrived int    // samples, without the liveness samples
	order   error  // a sample that came before an older one of its series
}

func newLedger() *ledger {
	return &ledger{series: map[string][]string{}, have: map[string]bool{}, texts: map[string]text{}}
}

func (l *ledger) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	in := bufio.NewReader(conn)
	for {
		args, size, err := readCommand(in)
		if err != nil {
			return
		}
		if _, err := io.WriteString(conn, l.execute(args, size)); err != nil {
			return
		}
	}
}

// readCommand reads a command and returns its size as well.
func readCommand(r *bufio.Reader) (args []string, size int, err error) {
	number := func() (n int) {
		var line string
		if line, err = r.ReadString('\n'); err == nil {
			size += len(line)
			n, err = strconv.Atoi(strings.TrimSpace(line[1:]))
		}
		return n
	}
	for range number() {
		text := make([]byte, number()+2)
		if err != nil {
			return nil, 0, err
		}
		if _, err = io.ReadFull(r, text); err != nil {
			return nil, 0, err
		}
		size += len(text)
		args = append(args, string(text[:len(text)-2]))
	}
	return args, size, err
}

func (l *ledger) execute(args []string, size int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch args[0] {
	case "TS.INFO":
		return "-ERR TSDB: the key does not exist\r\n"
	case "TS.CREATE":
		if _, exists := l.series[args[1]]; exists {
			return "-ERR TSDB: key already exists\r\n"
		}
		l.series[args[1]] = []string{}
		l.bytes += size
	case "TS.MADD":
		return l.add(args[1:], size)
	case "hello":
		return "*0\r\n"
	case "set": // key value ex seconds get
		return l.set(args)
	}
	return "+OK\r\n"
}

// set keeps a text, and returns the one before.
func (l *ledger) set(args []string) string {
	if l.noSet != "" {
		return "-" + l.noSet + "\r\n"
	}
	before, exists := l.texts[args[1]]
	seconds, _ := strconv.Atoi(args[4])
	l.texts[args[1]] = text{args[2], time.Now().Add(time.Duration(seconds) * time.Second)}
	if !exists || time.Now().After(before.until) {
		return "$-1\r\n"
	}
	return fmt.Sprintf("$%d\r\n%s\r\n", len(before.text), before.text)
}

type text struct {
	text  string
	until time.Time
}

func (l *ledger) add(args []string, size int) string {
	samples, fresh := len(args)/3, 0
	var reply strings.Builder
	fmt.Fprintf(&reply, "*%d\r\n", samples)
	for ; len(args) >= 3; args = args[3:] {
		key, at := args[0], args[1]
		times, exists := l.series[key]
		if !exists {
			reply.WriteString("-ERR TSDB: the key is not a TSDB key\r\n")
			continue
		}
		if !l.have[key+"@"+at] {
			l.have[key+"@"+at] = true
			l.series[key] = append(times, at)
			fresh++
			if strings.HasPrefix(key, "h1:") {
				l.arrived++
				if n := len(times); n > 0 && times[n-1] > at {
					l.order = fmt.Errorf("%s: %s came after %s", key, at, times[n-1])
				}
			}
		}
		reply.WriteString(":" + at + "\r\n")
	}
	l.bytes += size * fresh / samples
	return reply.String()
}

// state returns how many samples arrived, how many bytes they came in, and whether they were in order.
func (l *ledger) state() (arrived, bytes int, order error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.arrived, l.bytes, l.order
}

func (l *ledger) count() int {
	n, _, _ := l.state()
	return n
}

// loadInput delivers a sample of each series for each of many ticks at once, as after an outage.
type loadInput struct {
	series []*telemetry.Series
	ticks  int
	given  bool
}

func (in *loadInput) Gather(_ context.Context, b *telemetry.Batch) error {
	if in.given {
		return nil
	}
	in.given = true
	for tick := range in.ticks {
		for _, s := range in.series {
			b.AddAt(s, float64(tick), 1_700_000_000_000+int64(tick)*1000)
		}
	}
	return nil
}

// linkAgent is an agent that writes through a link, and what it counts.
func linkAgent(t *testing.T, link *redistest.Link, series, ticks int) (*agent.Agent, *selfstat.Registry, *servicetest.Log) {
	t.Helper()
	log, self := &servicetest.Log{}, &selfstat.Registry{}
	logger := slog.New(slog.NewTextHandler(log, nil))
	config := redistimeseries.Defaults()
	config.Dial = link.Dial
	out, err := redistimeseries.New(outputs.Env{ID: "redistimeseries", Host: "h1", Log: logger}, config)
	if err != nil {
		t.Fatal(err)
	}
	f := telemetry.NewFactory("h1", "test", nil)
	in := &loadInput{ticks: ticks}
	for i := range series {
		in.series = append(in.series, f.Gauge("some_metric_name", telemetry.None, telemetry.Label{Key: "n", Value: strconv.Itoa(i)}))
	}
	a, err := agent.New(agent.Config{
		Inputs:  []agent.Input{{ID: "load", Interval: time.Hour, Build: func() (plugins.Input, error) { return plugins.Input{Gatherer: in}, nil }}},
		Outputs: []agent.Output{{ID: "redistimeseries", Build: func(telemetry.Slot) (outputs.Output, error) { return out, nil }}},
		Limits:  agent.Limits{Flush: 10 * time.Second, Buffer: 1_000_000, EventBuffer: 1 << 20}, Grace: 8 * time.Second, Self: self, Log: logger,
	})
	if err != nil {
		t.Fatal(err)
	}
	return a, self, log
}

// randomLink has a rate between 5 and 500 kB/s, up to 300 ms of latency, and connections that break after some bytes,
// some time, or never.
func randomLink(r *rand.Rand) *redistest.Link {
	l := &redistest.Link{Rate: 5000 << r.IntN(8), Latency: time.Duration(r.IntN(300)) * time.Millisecond}
	perSecond := func(seconds float64) int { return int(float64(l.Rate) * seconds) }
	switch r.IntN(4) {
	case 0:
	case 1:
		l.ResetBytes = max(perSecond(1+10*r.Float64()), 6_000)
	case 2:
		l.ResetAfter = time.Duration(4000+r.IntN(20_000)) * time.Millisecond
	case 3:
		l.ResetBytes, l.ResetAfter = max(perSecond(5+10*r.Float64()), 6_000), time.Duration(8000+r.IntN(20_000))*time.Millisecond
	}
	return l
}

// On any link, everything arrives, in the order of each series. At least half of what the link can carry is useful data.
func TestEverythingArrivesOverAnyLink(t *testing.T) {
	const series, ticks = 200, 100
	for seed := range uint64(24) {
		r := rand.New(rand.NewPCG(seed, 7))
		link := randomLink(r)
		name := fmt.Sprintf("seed %d: %d B/s, %v, reset after %d bytes or %v", seed, link.Rate, link.Latency, link.ResetBytes, link.ResetAfter)
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLedger()
				link.Serve = l.serve
				a, self, log := linkAgent(t, link, series, ticks)
				ctx, stop := context.WithCancel(t.Context())
				done := make(chan error)
				begin := time.Now()
				go func() { done <- a.Run(ctx) }()
				for l.count() < series*ticks && time.Since(begin) < 2*time.Hour {
					time.Sleep(100 * time.Millisecond)
				}
				took := time.Since(begin)
				time.Sleep(time.Minute) // the last replies
				stop()
				err := <-done
				n, bytes, order := l.state()
				if err != nil || n != series*ticks || order != nil {
					t.Fatalf("%s: %d of %d samples arrived in %v, %v, %v\n%s", name, n, series*ticks, took, err, order, log)
				}
				if o := self.Outputs()[0]; o.Written.Load() != series*ticks || o.Dropped.Load() != 0 {
					t.Errorf("%s: %d written, %d dropped", name, o.Written.Load(), o.Dropped.Load())
				}
				connecting := time.Duration(link.Dials()) * 10 * link.Latency // the handshakes of TCP and Redis
				capacity := float64(link.Rate) * (took - connecting).Seconds()
				t.Logf("%s: %v on %d connections, %.0f %% of the link", name, took, link.Dials(), 100*float64(bytes)/capacity)
				if float64(bytes) < capacity/2 {
					t.Errorf("%s: only %.0f %% of the link were used\n%s", name, 100*float64(bytes)/capacity, log)
				}
			})
		})
	}
}

// An agent that is stopped on a slow link settles what fits into its grace period, and reports the exact number of lost samples.
func TestStopOnASlowLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const series, ticks = 200, 100
		l := newLedger()
		link := &redistest.Link{Rate: 20_000, Latency: 50 * time.Millisecond, Serve: l.serve}
		a, self, _ := linkAgent(t, link, series, ticks)
		ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
		defer stop()
		begin := time.Now()
		err := a.Run(ctx)
		if took := time.Since(begin); took > 28*time.Second+100*time.Millisecond {
			t.Errorf("stopped after %v", took)
		}
		o := self.Outputs()[0]
		written, lost := int(o.Written.Load()), int(o.Dropped.Load())
		if written+lost != series*ticks || err == nil || !strings.Contains(err.Error(), fmt.Sprintf(" %d samples were still buffered", lost)) {
			t.Errorf("%d written, %d lost, %v", written, lost, err)
		}
		defer time.Sleep(time.Minute) // what is still in transit
		if n, bytes, _ := l.state(); n < written || n > written+2*500 || float64(bytes) < 0.9*20_000*28 {
			t.Errorf("%d arrived, %d are said to be written; %d bytes", n, written, bytes)
		}
	})
}

// After an outage, a slow link catches up.
func TestSlowLinkCatchesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const series, ticks = 200, 100
		l := newLedger()
		begin := time.Now()
		link := &redistest.Link{Rate: 20_000, Latency: 50 * time.Millisecond}
		link.Serve = func(conn net.Conn) {
			if time.Since(begin) > 110*time.Second {
				l.serve(conn)
				return
			}
			_, _ = io.Copy(io.Discard, conn) // a network that swallows everything
		}
		a, self, log := linkAgent(t, link, series, ticks)
		ctx, stop := context.WithTimeout(t.Context(), 260*time.Second)
		defer stop()
		if err := a.Run(ctx); err != nil || self.Outputs()[0].Written.Load() != series*ticks {
			t.Errorf("%v, %d written, %s", err, self.Outputs()[0].Written.Load(), log)
		}
	})
}
