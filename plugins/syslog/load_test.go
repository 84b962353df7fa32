package sysloginput

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// countingEmitter is an emitter that counts events.
type countingEmitter struct{ events atomic.Int64 }

func (c *countingEmitter) Emit(_ context.Context, b *telemetry.Batch) {
	c.events.Add(int64(len(b.Events)))
}

// waitFor waits until the number of events has been emitted.
func (c *countingEmitter) waitFor(b *testing.B, want int64) {
	for deadline := time.Now().Add(time.Minute); c.events.Load() < want; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			b.Fatalf("%d of %d events", c.events.Load(), want)
		}
	}
}

// manyLines returns the data of one write of a sender, and the number of messages in it.
func manyLines() (data []byte, n int) {
	for len(data) < 32<<10 {
		data = fmt.Appendf(data, "<86>Nov  5 19:14:15 web-1 sshd[%d]: Accepted publickey for user%d from 10.0.0.%d port %d ssh2\n", 1000+n%500, n%50, n%250, 1024+n)
		n++
	}
	return data, n
}

// BenchmarkStream measures the throughput of a process, which also contains the senders. They write prepared data.
func BenchmarkStream(b *testing.B) {
	certs := issue(b)
	for _, network := range []string{"tcp", "tls", "unix"} {
		for _, senders := range []int{1, 8} {
			b.Run(fmt.Sprintf("%s-%d", network, senders), func(b *testing.B) {
				server, addr := freeAddress(b, network)
				config := "{server: '" + server + "'"
				kind := network
				if network == "tls" {
					config, kind = config+fmt.Sprintf(", tls_cert: '%s', tls_key: '%s'", certs.cert, certs.key), "tcp"
				}
				c := &countingEmitter{}
				serve(b, config+"}", c)
				var all []io.Writer
				for range senders {
					conn := io.Writer(dial(b, kind, addr))
					if network == "tls" {
						conn = tls.Client(conn.(net.Conn), &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // on loopback
					}
					all = append(all, conn)
				}
				data, n := manyLines()
				const rounds = 50
				cpu, sent := servicetest.CPUTime(), int64(0)
				for b.Loop() {
					var sending sync.WaitGroup
					for _, w := range all {
						sending.Go(func() {
							for range rounds {
								send(b, w, string(data))
							}
						})
					}
					sending.Wait()
					sent += int64(rounds * n * senders)
					c.waitFor(b, sent)
				}
				b.ReportMetric(float64(sent)/b.Elapsed().Seconds(), "messages/s")
				b.ReportMetric((servicetest.CPUTime()-cpu).Seconds()*1e6/float64(sent), "cpu-us/message")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// serve runs an input with any emitter.
func serve(b *testing.B, config string, out *countingEmitter) *input {
	return startInputWithEmitter(b, config, out).in
}

// BenchmarkDatagrams receives 50,000 datagrams per second for five seconds from another process, and reports the lost ones.
func BenchmarkDatagrams(b *testing.B) {
	const rate, seconds = 50_000, 5
	server, addr := freePort(b, "udp")
	c := &countingEmitter{}
	in := serve(b, "server: '"+server+"'", c)
	cpu, sent := servicetest.CPUTime(), int64(0)
	for b.Loop() {
		startHelper(b, "pace", addr, strconv.Itoa(rate), strconv.Itoa(rate*seconds)).wait(b)
		sent += rate * seconds
	}
	servicetest.Until(b, "all are accounted for", func(context.Context) error {
		if drops, _ := in.listeners[0].kernelDrops(); c.events.Load()+int64(drops) != sent {
			return fmt.Errorf("%d came, %d dropped, of %d", c.events.Load(), drops, sent)
		}
		return nil
	})
	drops, _ := in.listeners[0].kernelDrops()
	b.ReportMetric(float64(sent)/b.Elapsed().Seconds(), "sent/s")
	b.ReportMetric(float64(sent), "sent")
	b.ReportMetric(float64(c.events.Load()), "received")
	b.ReportMetric(float64(drops), "kernel-drops")
	b.ReportMetric((servicetest.CPUTime()-cpu).Seconds()*1e6/float64(sent), "cpu-us/message")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkConnections receives 10,000 connections from another process. Each sends a message and stays open.
func BenchmarkConnections(b *testing.B) {
	const n = 10_000
	server, addr := freePort(b, "tcp")
	c := &countingEmitter{}
	in := serve(b, "{server: '"+server+"', max_connections: 0}", c)
	before, sent := residentMemory(b), int64(0)
	for b.Loop() {
		h := startHelper(b, "open", addr, strconv.Itoa(n))
		sent += n
		c.waitFor(b, sent)
		runtime.GC()
		b.ReportMetric(float64(in.listeners[0].counts.openConnections.Load()), "open")
		b.ReportMetric((residentMemory(b)-before)/1e3/n, "kB/connection")
		files, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			b.Skip(err)
		}
		b.ReportMetric(float64(len(files)), "descriptors")
		h.wait(b)
		for in.listeners[0].counts.openConnections.Load() > 0 {
			time.Sleep(time.Millisecond)
		}
	}
	b.ReportMetric(float64(sent)/b.Elapsed().Seconds(), "connections/s")
	b.ReportMetric(0, "ns/op")
}

// residentMemory returns the resident memory of this process.
func residentMemory(b *testing.B) float64 {
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		b.Skip(err)
	}
	var total, pages int
	if _, err := fmt.Sscan(string(data), &total, &pages); err != nil {
		b.Fatal(err)
	}
	return float64(pages * os.Getpagesize())
}

// helpVariable is the environment variable that tells a process of this test program what to send.
const helpVariable = "RTC_SYSLOG_HELPER"

type process struct {
	cmd   *exec.Cmd
	stdin io.Closer
}

func startHelper(b *testing.B, args ...string) process {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), helpVariable+"="+strings.Join(args, " "))
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	return process{cmd, stdin}
}

// wait ends the process and waits for it.
func (p process) wait(b *testing.B) {
	_ = p.stdin.Close()
	if err := p.cmd.Wait(); err != nil {
		b.Fatal(err)
	}
}

// runHelper is the main function of the process.
func runHelper(args []string) error {
	switch args[0] {
	case "pace":
		rate, _ := strconv.Atoi(args[2])
		n, _ := strconv.Atoi(args[3])
		return sendAtRate(args[1], rate, n)
	default:
		n, _ := strconv.Atoi(args[2])
		var open []net.Conn
		for i := range n {
			conn, err := net.Dial("tcp", args[1])
			if err != nil {
				return err
			}
			open = append(open, conn)
			if _, err := fmt.Fprintf(conn, "<13>%d\n", i); err != nil {
				return err
			}
		}
		_, err := io.Copy(io.Discard, os.Stdin) // until the parent closes it
		runtime.KeepAlive(open)
		return err
	}
}

// sendAtRate sends datagrams at a rate per second.
func sendAtRate(addr string, rate, n int) error {
	conn, err := net.Dial("udp", addr)
	if err != nil {
		return err
	}
	began, sent := time.Now(), 0
	for sent < n {
		for due := min(n, int(time.Since(began).Seconds()*float64(rate))); sent < due; sent++ {
			if _, err := fmt.Fprintf(conn, "<86>Nov  5 19:14:15 web-1 sshd[%d]: Accepted publickey for user from 10.0.0.1 port %d ssh2", sent%500, sent); err != nil {
				return err
			}
		}
		time.Sleep(time.Millisecond)
	}
	return nil
}
