package redistimeseries_test

import (
	"bufio"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs/redistimeseries"
)

// startPlain starts a Redis without modules at a port, 0 for any, and returns it.
func startPlain(t *testing.T, port int) *testServer {
	t.Helper()
	program, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("redis-server is not installed")
	}
	if port == 0 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		_, port = splitAddr(t, l.Addr().String())
		_ = l.Close()
	}
	cmd := exec.Command(program, "--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--save", "", "--dir", t.TempDir())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := &testServer{host: "127.0.0.1", port: port}
	lines := bufio.NewScanner(out)
	for !strings.Contains(lines.Text(), "Ready to accept connections") {
		if !lines.Scan() {
			t.Fatalf("redis-server ended: %v", cmd.Wait())
		}
	}
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		for lines.Scan() {
			continue
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-drained
		_ = cmd.Wait()
	})
	s.Client = redis.NewClient(&redis.Options{Addr: net.JoinHostPort(s.host, strconv.Itoa(port)), Protocol: 2})
	t.Cleanup(func() { _ = s.Close() })
	if err := s.Do(t.Context(), "TS.INFO", "x").Err(); err == nil || !strings.Contains(err.Error(), "unknown command") {
		t.Skip("this redis-server has the module")
	}
	return s
}

func TestServerWithoutModule(t *testing.T) {
	s := startPlain(t, 0)
	err := newFixture(t, s.config(), "h1", nil).Open(t.Context())
	want := "redis 127.0.0.1:" + strconv.Itoa(s.port) +
		" has no TimeSeries module: use Redis 8 or Redis Stack, or load redistimeseries.so: "
	if err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("error %v\nwant %s", err, want)
	}
}

// Somebody starts the wrong Redis at the address for a while.
func TestServerIsReplacedByOneWithoutModule(t *testing.T) {
	s := newServer(t)
	if s.embedded == nil {
		t.Skip("a server that RTC_TEST_REDIS names cannot be replaced")
	}
	f := open(t, s.config())
	g := f.gauge("g")
	write(t, f, batch(1, g))
	s.restart(t, func() {
		t.Run("meanwhile", func(t *testing.T) {
			startPlain(t, s.port)
			var err error
			for range 3 { // the first finds the connection broken
				err = f.WriteMetrics(t.Context(), []*telemetry.Batch{batch(2, g)})
			}
			if err == nil || !strings.Contains(err.Error(), "has no TimeSeries module") {
				t.Errorf("error %v", err)
			}
		})
	})
	retry(t, f, batch(2, g))
	if got := s.samples(t, "h1:g"); got != "2=2" {
		t.Error(got)
	}
}

// Sentences about a server are no use without its address.
func TestUnreachable(t *testing.T) {
	c := redistimeseries.Defaults()
	c.Host, c.Port = "127.0.0.1", 1
	err := newFixture(t, c, "h1", nil).Open(t.Context())
	if err == nil || !strings.HasPrefix(err.Error(), "redis 127.0.0.1:1 is not there: start it, or correct its address") || !strings.Contains(err.Error(), "refused") {
		t.Errorf("error %v", err)
	}
}
