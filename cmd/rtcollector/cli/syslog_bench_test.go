package cli_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rtcollector/rtcollector/internal/servicetest"
)

// BenchmarkSyslog measures the whole path of a log line: four senders over TCP, "rtcollector run" in a process of its own, and
// documents with an index in an embedded Redis in another. An operation is 100,000 messages; none may be missing.
func BenchmarkSyslog(b *testing.B) {
	const perRound, senders = 100_000, 4
	addr := benchAddr(b)
	server := spawn(b, addr, os.Args[0], "embedded", "--listen", addr)
	listen := net.JoinHostPort("127.0.0.1", servicetest.FreePort(b))
	config := filepath.Join(b.TempDir(), "config.yaml")
	_, port, _ := net.SplitHostPort(addr)
	yaml := fmt.Sprintf("hostname: h\ninterval: 1s\ninputs: [syslog: {server: 'tcp://%s'}]\noutputs:\n  - redissearch: {host: 127.0.0.1, port: %s, storage: %s}\n"+
		"  - redistimeseries: {host: 127.0.0.1, port: %s}\n", listen, port, benchStorage(), port)
	if err := os.WriteFile(config, []byte(yaml), 0o600); err != nil {
		b.Fatal(err)
	}
	agent := spawn(b, listen, os.Args[0], "run", "--config", config)
	c := redis.NewClient(&redis.Options{Addr: addr, Protocol: 2, DisableIdentity: true})
	b.Cleanup(func() { _ = c.Close() })

	agentCPU, serverCPU := cpuTime(b, agent), cpuTime(b, server)
	sent := 0
	for b.Loop() {
		failed := make(chan error, senders)
		for s := range senders {
			go func() { failed <- sendLines(listen, s, perRound/senders) }()
		}
		for range senders {
			if err := <-failed; err != nil {
				b.Fatal(err)
			}
		}
		sent += perRound
		untilDocuments(b, c, perRound)
		if err := c.FlushAll(b.Context()).Err(); err != nil { // the embedded server holds some 200,000 in all; the output creates the index again
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(sent)/b.Elapsed().Seconds(), "messages/s")
	b.ReportMetric((cpuTime(b, agent)-agentCPU).Seconds()*1e6/float64(sent), "agent-cpu-us/message")
	b.ReportMetric((cpuTime(b, server)-serverCPU).Seconds()*1e6/float64(sent), "server-cpu-us/message")
	b.ReportMetric(resident(b, agent)/1e6, "agent-MB")
	b.ReportMetric(0, "ns/op")
}

// resident returns the resident memory of a process in bytes.
func resident(b *testing.B, pid int) float64 {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		b.Fatal(err)
	}
	var total, pages int
	if _, err := fmt.Sscan(string(data), &total, &pages); err != nil {
		b.Fatal(err)
	}
	return float64(pages * os.Getpagesize())
}

// benchStorage returns how documents are stored: RTC_BENCH_STORAGE, or JSON.
func benchStorage() string {
	if s := os.Getenv("RTC_BENCH_STORAGE"); s != "" {
		return s
	}
	return "json"
}

// sendLines sends messages as fast as they are taken.
func sendLines(addr string, sender, n int) error {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	for i := range n {
		fmt.Fprintf(&out, "<86>%s web-%d sshd[%d]: Accepted publickey for user%d from 10.0.0.%d port %d ssh2\n", time.Now().Format(time.Stamp), sender, 1000+i%500, i%50, i%250, 1024+i%60000)
		if out.Len() > 32<<10 || i == n-1 {
			if _, err := out.WriteTo(conn); err != nil {
				return err
			}
		}
	}
	return conn.Close()
}

// untilDocuments waits until the index holds a number of documents.
func untilDocuments(b *testing.B, c *redis.Client, want int) {
	servicetest.Until(b, "all messages are documents", func(ctx context.Context) error {
		info, err := c.FTInfo(ctx, "logs_idx").Result()
		if err == nil && info.NumDocs != want {
			err = fmt.Errorf("%d of %d", info.NumDocs, want)
		}
		return err
	})
}
