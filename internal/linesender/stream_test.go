package linesender_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/linesender"
	"github.com/rtcollector/rtcollector/internal/redisconn/redistest"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/internal/tlsx/tlstest"
)

// numbers writes the value of each sample, padded so that a line has a hundred bytes.
type numbers struct{}

func (numbers) NewLine(s *telemetry.Series, n linesender.Naming) (head, tail []byte, isExact bool) {
	return append([]byte(s.Name()), ' '), []byte(strings.Repeat(".", 80) + "\n"), true
}

func (numbers) Append(buf []byte, l *linesender.Line, _ int64, v float64) []byte {
	return append(append(linesender.AppendNumber(append(buf, l.Head...), v), ' '), l.Tail...)
}

func kind() linesender.Kind {
	return linesender.Kind{
		Name: "receiver", Port: 2003, Path: "/put",
		Protocols: []linesender.Protocol{linesender.TCP, linesender.TLS, linesender.UDP, linesender.Unix, linesender.HTTP, linesender.HTTPS},
	}
}

func defaults(destinations ...string) linesender.Config {
	c := linesender.Defaults(kind())
	c.Destination, c.Timeout, c.ConnectTimeout = destinations, conf.Duration(300*time.Millisecond), conf.Duration(time.Second)
	return c
}

func newSender(t testing.TB, c linesender.Config, answers bool) (*linesender.Sender, *servicetest.Log) {
	t.Helper()
	log := &servicetest.Log{}
	s, err := linesender.New(linesender.Env{Host: "h", Log: slog.New(slog.NewTextHandler(log, nil)), Secrets: secret.Env{}}, c, kind(), numbers{}, answers)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, log
}

// counting returns a batch with the values from first up to, but not including, end.
func counting(first, end int) *telemetry.Batch {
	at := time.Unix(1_700_000_000, 0)
	b := telemetry.NewBatch(at, at, end-first)
	s := telemetry.NewFactory("h", "test", nil).Gauge("n", telemetry.None)
	for i := first; i < end; i++ {
		b.AddAt(s, float64(i), at.UnixMilli())
	}
	return b
}

func write(ctx context.Context, s *linesender.Sender, b *telemetry.Batch) linesender.Result {
	return s.Write(ctx, []*telemetry.Batch{b})
}

// receiver keeps the complete lines that it has read, as numbers.
type receiver struct {
	addr string

	mu      sync.Mutex
	numbers []int
	torn    int // connections that ended in the middle of a line, without an error
	broken  []string
}

// newReceiver starts a receiver. Before it reads from a connection, it waits for what before returns.
func newReceiver(t testing.TB, before func(net.Conn)) *receiver {
	r := &receiver{}
	r.addr = servicetest.ServeRaw(t, func(c net.Conn) {
		if before != nil {
			before(c)
		}
		r.read(c)
	})
	return r
}

func (r *receiver) read(c net.Conn) {
	lines := bufio.NewReader(c)
	for {
		line, err := lines.ReadString('\n')
		r.mu.Lock()
		if err != nil {
			if errors.Is(err, io.EOF) && line != "" {
				r.torn++
			}
			r.mu.Unlock()
			return
		}
		fields := strings.Fields(line)
		if n, err := strconv.Atoi(fields[min(1, len(fields)-1)]); err == nil && len(fields) == 3 && fields[0] == "n" && len(fields[2]) == 80 {
			r.numbers = append(r.numbers, n)
		} else {
			r.broken = append(r.broken, line)
		}
		r.mu.Unlock()
	}
}

func (r *receiver) received() []int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]int(nil), r.numbers...)
}

func (r *receiver) checkWhole(t *testing.T) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.torn > 0 || len(r.broken) > 0 {
		t.Errorf("%d connections ended within a line, and these are no lines: %q", r.torn, r.broken)
	}
}

// TestResume writes to a receiver that accepts a part and then nothing more. The write resumes with another receiver at the first line that has
// not arrived as a whole: together they have each line once.
func TestResume(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells what the peer has acknowledged")
	}
	const lines = 50_000 // 5 MB, more than the buffers of both systems
	for _, protocol := range []string{"tcp", "tls"} {
		t.Run(protocol, func(t *testing.T) {
			wake := make(chan struct{})
			silent, second := newReceiver(t, func(net.Conn) { <-wake }), newReceiver(t, nil)
			first, other := silent.addr, second.addr
			c := defaults()
			if protocol == "tls" {
				ca := tlstest.New(t)
				cert, key := ca.Issue(t, tlstest.Cert{})
				pair, err := tls.LoadX509KeyPair(cert, key)
				if err != nil {
					t.Fatal(err)
				}
				serve := func(r *receiver, before func()) string {
					return servicetest.ServeRaw(t, func(raw net.Conn) {
						secure := tls.Server(raw, &tls.Config{Certificates: []tls.Certificate{pair}})
						if secure.Handshake() != nil {
							return
						}
						before()
						r.read(secure)
					})
				}
				first, other = "tls:"+serve(silent, func() { <-wake }), "tls:"+serve(second, func() {})
				c.TLS.CA = ca.File
			}
			c.Destination = []string{first, other}
			s, _ := newSender(t, c, false)
			r := write(t.Context(), s, counting(0, lines))
			if r.Err == nil || r.Settled == 0 || r.Settled == lines || !strings.Contains(r.Err.Error(), "does not accept data") {
				t.Fatalf("settled %d, error %v", r.Settled, r.Err)
			}
			close(wake)
			done := r.Settled
			if r = write(t.Context(), s, counting(done, lines)); r.Err != nil || r.Settled != lines-done {
				t.Fatalf("settled %d, error %v", r.Settled, r.Err)
			}
			servicetest.Until(t, "all lines have arrived", func(context.Context) error {
				if n := len(second.received()); n != lines-done {
					return fmt.Errorf("%d of %d", n, lines-done)
				}
				return nil
			})
			count := len(silent.received())
			if protocol == "tcp" && count != done {
				t.Errorf("the first receiver has %d lines, %d were settled", count, done)
			}
			if protocol == "tls" && count < done { // within a chunk, nobody knows which bytes are which line's
				t.Errorf("the first receiver has %d lines, %d were settled", count, done)
			}
			for i, n := range second.received() {
				if n != done+i {
					t.Fatalf("line %d of the second receiver is %d", i, n)
				}
			}
			silent.checkWhole(t)
			second.checkWhole(t)
		})
	}
}

// TestBreakingNetwork writes through a proxy that ends each connection after a random-looking number of bytes. What the proxy took and did not
// forward is lost, but nothing arrives twice, and no line is cut by us.
func TestBreakingNetwork(t *testing.T) {
	r := newReceiver(t, nil)
	network := redistest.NewNetwork(t, r.addr)
	s, _ := newSender(t, defaults(network.Listen), false)
	const lines = 20_000
	next := 0
	for i := 0; next < lines; i++ {
		network.Poison(t, "limit_data", "upstream", map[string]int{"bytes": 100_000 + 7919*i})
		next += write(t.Context(), s, counting(next, lines)).Settled
		network.Heal(t)
		if i == 1000 {
			t.Fatalf("after 1000 writes only %d lines are settled", next)
		}
	}
	seen := map[int]bool{}
	for _, n := range r.received() { // in any order, because the connections are read at the same time
		if seen[n] {
			t.Fatalf("%d has arrived twice", n)
		}
		seen[n] = true
	}
	if n := len(r.received()); n < 1000 {
		t.Errorf("only %d lines have arrived", n)
	}
	if len(r.broken) > 0 {
		t.Errorf("no lines: %q", r.broken)
	}
}

// TestSlowNetwork has less bandwidth than the write needs within the timeout. It is progress that counts.
func TestSlowNetwork(t *testing.T) {
	r := newReceiver(t, nil)
	network := redistest.NewNetwork(t, r.addr)
	network.Poison(t, "bandwidth", "upstream", map[string]int{"rate": 4000}) // kB/s
	s, _ := newSender(t, defaults(network.Listen), false)
	const lines = 50_000
	if got := write(t.Context(), s, counting(0, lines)); got.Err != nil || got.Settled != lines {
		t.Fatalf("settled %d, error %v", got.Settled, got.Err)
	}
	servicetest.Until(t, "all lines have arrived", func(context.Context) error {
		if n := len(r.received()); n != lines {
			return fmt.Errorf("%d", n)
		}
		return nil
	})
	r.checkWhole(t)
}

func TestFailover(t *testing.T) {
	a, b := newReceiver(t, nil), newReceiver(t, nil)
	first, second := redistest.NewNetwork(t, a.addr), redistest.NewNetwork(t, b.addr)
	c := defaults(first.Listen, servicetest.RefusingAddr, second.Listen)
	c.ReturnAfter = conf.Duration(time.Nanosecond)
	s, log := newSender(t, c, false)
	next := 0
	// goesTo writes until lines arrive at r. A connection that has just been closed may take a write, which is lost then.
	goesTo := func(r *receiver) {
		t.Helper()
		before := len(r.received())
		servicetest.Until(t, "lines arrive", func(ctx context.Context) error {
			next += write(ctx, s, counting(next, next+10)).Settled
			if len(r.received()) == before {
				return errors.New("no line has arrived")
			}
			return nil
		})
	}
	goesTo(a)
	first.Stop()
	goesTo(b)
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	goesTo(a)
	second.Stop()
	first.Stop()
	servicetest.Until(t, "the error names all destinations", func(ctx context.Context) error {
		r := write(ctx, s, counting(next, next+10))
		for _, want := range []string{"receiver at " + first.Listen, "receiver at " + servicetest.RefusingAddr, "receiver at " + second.Listen, "start it, or correct the address"} {
			if r.Err == nil || !strings.Contains(r.Err.Error(), want) {
				return fmt.Errorf("%w, want %q in it", r.Err, want)
			}
		}
		return nil
	})
	if !strings.Contains(log.String(), "writing to another destination") {
		t.Errorf("not logged: %s", log)
	}
	a.checkWhole(t)
	b.checkWhole(t)
}

// TestClosesAfterEachLine writes to a receiver that reads a line and closes the connection. What is written meanwhile is lost, but each write
// gets through, and the log says so once.
func TestClosesAfterEachLine(t *testing.T) {
	var mu sync.Mutex
	got := 0
	addr := servicetest.ServeRaw(t, func(c net.Conn) {
		if _, err := bufio.NewReaderSize(c, 16).ReadString('\n'); err == nil {
			mu.Lock()
			got++
			mu.Unlock()
		}
	})
	s, log := newSender(t, defaults(addr), false)
	for i := range 20 {
		done := i
		servicetest.Until(t, "a line is settled", func(ctx context.Context) error {
			r := write(ctx, s, counting(done, i+1))
			done += r.Settled
			return r.Err
		})
		servicetest.Until(t, "a line arrives", func(ctx context.Context) error {
			mu.Lock()
			defer mu.Unlock()
			if got <= i {
				return fmt.Errorf("%d", got)
			}
			return nil
		})
	}
	if n := log.Count("has closed the connection"); n > 1 {
		t.Errorf("logged %d times", n)
	}
}

// TestGarbage has receivers that answer with what nobody asked for. It is read and dropped.
func TestGarbage(t *testing.T) {
	for name, text := range servicetest.GarbageReplies() {
		t.Run(name, func(t *testing.T) {
			r := newReceiver(t, func(c net.Conn) { go func() { _, _ = c.Write(text) }() })
			s, log := newSender(t, defaults(r.addr), false)
			servicetest.CheckAllocated(t, 8<<20, func() {
				for i := range 50 {
					if got := write(t.Context(), s, counting(10*i, 10*i+10)); got.Err != nil || len(got.Rejected) > 0 {
						t.Fatal(got)
					}
				}
			})
			servicetest.Until(t, "all lines have arrived", func(context.Context) error {
				if n := len(r.received()); n != 500 {
					return fmt.Errorf("%d", n)
				}
				return nil
			})
			if n := log.Count("sends something"); n > 1 || strings.Contains(log.String(), "\x00") {
				t.Errorf("%d warnings: %.300q", n, log)
			}
		})
	}
}

// TestTalksAndNeverReads has a receiver that sends all the time. That is no progress of our write.
func TestTalksAndNeverReads(t *testing.T) {
	addr := servicetest.ServeRaw(t, func(c net.Conn) {
		for {
			if _, err := c.Write(bytes.Repeat([]byte("no\n"), 100)); err != nil {
				return
			}
		}
	})
	s, _ := newSender(t, defaults(addr), true)
	got := write(t.Context(), s, counting(0, 200_000))
	if got.Err == nil || !strings.Contains(got.Err.Error(), "does not accept data") {
		t.Fatalf("error %v", got.Err)
	}
	if n := got.Rejected["refused"]; n > got.Settled {
		t.Errorf("%d rejected of %d", n, got.Settled)
	}
}

// TestAnswers has a server that answers one line with an error, as OpenTSDB does.
func TestAnswers(t *testing.T) {
	addr := servicetest.ServeRaw(t, func(c net.Conn) {
		lines := bufio.NewScanner(c)
		for lines.Scan() {
			if strings.HasPrefix(lines.Text(), "n 7777 ") {
				_, _ = io.WriteString(c, "put: illegal argument: \x1b[2J no such value: \"7777\"\n")
			}
		}
	})
	s, _ := newSender(t, defaults(addr), true)
	got := write(t.Context(), s, counting(7700, 7800))
	servicetest.Until(t, "the answer is reported", func(ctx context.Context) error {
		if got.Err != nil {
			t.Fatal(got.Err)
		}
		if got.Rejected["refused"] > 0 {
			return nil
		}
		got = write(ctx, s, counting(0, 1))
		return errors.New("not yet")
	})
	if got.Rejected["refused"] != 1 || strings.Contains(got.Why.Error(), "\x1b") || !strings.Contains(got.Why.Error(), "no such value: \"7777\"") {
		t.Errorf("%+v", got)
	}
}

func TestCancelledWrite(t *testing.T) {
	ignore := goleak.IgnoreCurrent()
	wake := make(chan struct{})
	var once sync.Once
	r := newReceiver(t, func(net.Conn) { once.Do(func() { <-wake }) })
	c := defaults(r.addr)
	c.Timeout = conf.Duration(time.Minute)
	s, _ := newSender(t, c, false)
	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if got := write(ctx, s, counting(0, 200_000)); !errors.Is(got.Err, context.Canceled) || got.Settled == 200_000 {
		t.Fatalf("%+v", got)
	}
	close(wake)
	if got := write(t.Context(), s, counting(0, 10)); got.Err != nil {
		t.Error(got.Err)
	}
	_ = s.Close()
	goleak.VerifyNone(t, ignore, goleak.IgnoreAnyFunction("net.(*conn).Read"), goleak.IgnoreAnyFunction("github.com/rtcollector/rtcollector/internal/servicetest.Serve.func1"),
		goleak.IgnoreAnyFunction("github.com/rtcollector/rtcollector/internal/servicetest.Serve.func1.2"), goleak.IgnoreAnyFunction("github.com/rtcollector/rtcollector/internal/servicetest.Serve.func1.1"))
}

func TestSOCKS5(t *testing.T) {
	servicetest.RequireCommands(t, "microsocks", "microsocks")
	d := servicetest.New(t)
	d.Args = []string{"microsocks", "-i", "127.0.0.1", "-p", "$PORT", "-u", "user", "-P", "geheim"}
	d.Run()
	r := newReceiver(t, nil)
	c := defaults(r.addr)
	c.SOCKS5Proxy = secret.Literal("socks5://user:geheim@" + d.Addr())
	s, _ := newSender(t, c, false)
	if got := write(t.Context(), s, counting(0, 1000)); got.Err != nil {
		t.Fatal(got.Err)
	}
	servicetest.Until(t, "all lines have arrived", func(context.Context) error {
		if n := len(r.received()); n != 1000 {
			return fmt.Errorf("%d", n)
		}
		return nil
	})
	c.SOCKS5Proxy = secret.Literal("socks5://user:geheim2@" + d.Addr())
	s, _ = newSender(t, c, false)
	if err := s.Open(t.Context()); err == nil || !strings.Contains(err.Error(), "cannot be reached through its proxy") || strings.Contains(err.Error(), "geheim") {
		t.Error(err)
	}
}

func TestTLSAdvice(t *testing.T) {
	cert, key := tlstest.New(t).Issue(t, tlstest.Cert{})
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	addr := servicetest.ServeRaw(t, func(c net.Conn) { _ = tls.Server(c, &tls.Config{Certificates: []tls.Certificate{pair}}).Handshake() })
	s, _ := newSender(t, defaults("tls:"+addr), false)
	if err := s.Open(t.Context()); err == nil || !strings.Contains(err.Error(), "has a certificate of an unknown authority: set tls.ca") {
		t.Error(err)
	}
}

// TestNobodyListens sends datagrams to a port where nobody listens. The system tells that some time after a write.
func TestNobodyListens(t *testing.T) {
	r, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	s, log := newSender(t, defaults("udp:127.0.0.1:1", "udp:"+r.LocalAddr().String()), false)
	got := make(chan string)
	go func() {
		room := make([]byte, 2000)
		n, _, _ := r.ReadFrom(room)
		got <- string(room[:n])
	}()
	servicetest.Until(t, "the second destination is used", func(ctx context.Context) error {
		w := write(ctx, s, counting(7, 8))
		select {
		case text := <-got:
			if !strings.HasPrefix(text, "n 7 ") {
				t.Errorf("%q", text)
			}
			return nil
		default:
			return fmt.Errorf("%+v", w)
		}
	})
	if !strings.Contains(log.String(), "writing to another destination") {
		t.Error(log)
	}
}

// TestNothingIsSettledWhereNobodyListens: a write that counts as progress would be lost, and would be tried again at once.
func TestNothingIsSettledWhereNobodyListens(t *testing.T) {
	s, log := newSender(t, defaults("udp:127.0.0.1:1"), false)
	for n := range 5 {
		if w := write(t.Context(), s, counting(0, 5000)); w.Err == nil || w.Settled != 0 || !strings.Contains(w.Err.Error(), "cannot be reached: start it") {
			t.Errorf("write %d: %+v", n, w)
		}
	}
	if strings.Contains(log.String(), "closed the connection") {
		t.Error(log)
	}
}

func TestUnixSocket(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("paths of sockets differ")
	}
	path := t.TempDir() + "/s"
	got := make(chan string, 1)
	servicetest.ServeRawSocket(t, path, func(c net.Conn) { text, _ := io.ReadAll(c); got <- string(text) })
	s, _ := newSender(t, defaults("unix:"+path), false)
	if r := write(t.Context(), s, counting(0, 1)); r.Err != nil {
		t.Fatal(r.Err)
	}
	_ = s.Close()
	if text := <-got; !strings.HasPrefix(text, "n 0 ") {
		t.Errorf("%q", text)
	}
}
