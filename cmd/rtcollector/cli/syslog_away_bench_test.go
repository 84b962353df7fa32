package cli_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/servicetest"
)

// BenchmarkSyslogOutputAway measures the memory of the agent while its output is unreachable and senders never stop. With
// when_full: block the senders wait; with drop_oldest the oldest lines are dropped. An operation is a second of that.
func BenchmarkSyslogOutputAway(b *testing.B) {
	for _, full := range []string{"block", "drop_oldest"} {
		for _, senders := range []int{1, 200} {
			b.Run(fmt.Sprintf("%s-%d", full, senders), func(b *testing.B) {
				_, away, _ := net.SplitHostPort(benchAddr(b))
				listen := net.JoinHostPort("127.0.0.1", servicetest.FreePort(b))
				config := filepath.Join(b.TempDir(), "config.yaml")
				yaml := fmt.Sprintf("hostname: h\ninterval: 1s\nmax_event_buffer: 4MiB\nwhen_full: %s\ninputs: [syslog: {server: 'tcp://%s'}]\n"+
					"outputs: [redissearch: {host: 127.0.0.1, port: %s}]\n", full, listen, away)
				if err := os.WriteFile(config, []byte(yaml), 0o600); err != nil {
					b.Fatal(err)
				}
				agent := spawn(b, listen, os.Args[0], "run", "--config", config)
				idle := resident(b, agent)
				for range senders {
					go sendForever(b, listen)
				}
				most := 0.0
				for b.Loop() {
					for range 100 {
						time.Sleep(10 * time.Millisecond)
						most = max(most, resident(b, agent))
					}
				}
				b.ReportMetric(idle/1e6, "idle-MB")
				b.ReportMetric(most/1e6, "most-MB")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// sendForever sends messages as fast as they are taken, until the benchmark ends.
func sendForever(b *testing.B, addr string) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		b.Error(err)
		return
	}
	b.Cleanup(func() { _ = conn.Close() })
	line := bytes.Repeat([]byte("<86>Nov  5 19:14:15 web-1 sshd[1234]: Accepted publickey for user from 10.0.0.1 port 4711 ssh2\n"), 300)
	for {
		if _, err := conn.Write(line); err != nil {
			return
		}
	}
}
