package redissearch_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/redisconn/redistest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs/outputtest"
	"github.com/rtcollector/rtcollector/outputs/redissearch"
)

// perWrite is the number of events in one write of a benchmark: the most that the agent writes at once.
const perWrite = 50_000

// logLines are events as syslog delivers them.
func (f *fixture) logLines(n int) []telemetry.Event {
	var events []telemetry.Event
	for i := range n {
		e := f.event(i/10, "Accepted publickey for user"+strconv.Itoa(i%50)+" from 10.0.0."+strconv.Itoa(i%250)+" port 51234 ssh2", "facility", "4", "remote_ip", "10.0.0."+strconv.Itoa(i%250))
		e.Host, e.App = "host"+strconv.Itoa(i%20), "app"+strconv.Itoa(i%30)
		events = append(events, e)
	}
	return events
}

func kinds() []redissearch.Storage { return []redissearch.Storage{redissearch.JSON, redissearch.Hash} }

// BenchmarkEncode measures the cost of an event in this program, without system calls.
func BenchmarkEncode(b *testing.B) {
	for _, storage := range kinds() {
		for _, ttl := range []time.Duration{0, 24 * time.Hour} {
			b.Run(fmt.Sprintf("%s/ttl=%v", storage, ttl), func(b *testing.B) {
				c := redissearch.Defaults()
				c.Storage = storage
				c.TTL.UnmarshalScalar(ttl.String())
				f := newFixture(b, c, "inst0001")
				events := f.logLines(1000)
				buf, bytes := make([]byte, 0, 4096), 0
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					buf = f.Encode(buf[:0], &events[i%len(events)])
					bytes += len(buf)
					i++
				}
				b.ReportMetric(float64(bytes)/float64(i), "B/event")
			})
		}
	}
}

// BenchmarkWrite measures complete writes, and compares them with sending the same bytes, encoded beforehand, without parsing the replies.
// Rounds of both alternate, so that other load on the machine affects both.
func BenchmarkWrite(b *testing.B) {
	for _, storage := range kinds() {
		b.Run(string(storage), func(b *testing.B) {
			s := newServer(b)
			c := s.config(storage)
			f := open(b, c)
			events := f.logLines(perWrite)
			ready := make([]byte, 0, 32<<20)
			for i := range events {
				ready = f.Encode(ready, &events[i])
			}
			var ours, raw time.Duration
			n := 0
			write(b, f, events...)
			for b.Loop() {
				// Every round begins with an empty index: overwriting costs more than writing.
				s.renew(b)
				began := time.Now()
				write(b, f, events...)
				ours += time.Since(began)
				s.renew(b)
				began = time.Now()
				s.flood(b, ready, perWrite)
				raw += time.Since(began)
				n += perWrite
			}
			b.ReportMetric(float64(n)/ours.Seconds(), "events/s")
			b.ReportMetric(float64(n)/raw.Seconds(), "ceiling/s")
			b.ReportMetric(raw.Seconds()/ours.Seconds(), "of-ceiling")
			b.ReportMetric(0, "ns/op")
			s.report(b)
		})
	}
}

// renew empties the server and creates the index again.
func (s *testServer) renew(b *testing.B) {
	b.Helper()
	var create []any
	for _, a := range createArgs(b, s) {
		create = append(create, a)
	}
	s.Empty(b)
	s.Run(b, create)
}

// createArgs rebuilds FT.CREATE from FT.INFO.
func createArgs(b *testing.B, s *testServer) []string {
	b.Helper()
	reply, err := s.Do(b.Context(), "FT.INFO", "logs_idx").Slice()
	if err != nil {
		b.Fatal(err)
	}
	var args []string
	for i := 0; i+1 < len(reply); i += 2 {
		switch reply[i] {
		case "index_definition":
			args = append(args, "FT.CREATE", "logs_idx", "ON", reply[i+1].([]any)[1].(string), "PREFIX", "1", "log:", "SCHEMA")
		case "attributes":
			for _, a := range reply[i+1].([]any) {
				w := a.([]any)
				args = append(args, w[1].(string), "AS", w[3].(string), w[5].(string))
				for _, flag := range w[6:] {
					if flag == "SORTABLE" {
						args = append(args, "SORTABLE")
					}
				}
			}
		}
	}
	return args
}

// flood sends encoded commands and counts the lines of replies.
func (s *testServer) flood(b *testing.B, ready []byte, replies int) {
	b.Helper()
	conn, err := net.Dial("tcp", s.Addr())
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	go func() { _, _ = conn.Write(ready) }()
	r := bufio.NewReaderSize(conn, 64<<10)
	for range replies {
		line, err := r.ReadSlice('\n')
		if err != nil || line[0] == '-' {
			b.Fatalf("%s %v", line, err)
		}
	}
}

// report reports the memory per document, including its part of the index.
func (s *testServer) report(b *testing.B) {
	b.Helper()
	n := s.DBSize(b.Context()).Val()
	full := s.memory(b)
	s.Empty(b)
	if empty := s.memory(b); full > empty && n > 0 {
		b.ReportMetric(float64(full-empty)/float64(n), "B/document")
	}
}

func (s *testServer) memory(b *testing.B) int64 {
	info, err := s.InfoMap(b.Context(), "memory").Result()
	if err != nil {
		return 0
	}
	n, _ := strconv.ParseInt(info["Memory"]["used_memory"], 10, 64)
	return n
}

// BenchmarkFar writes to a server one millisecond away, in writes of different sizes. "plain" is a Redis without an index, which shows
// the limit of the connection.
func BenchmarkFar(b *testing.B) {
	for _, storage := range append(kinds(), "plain") {
		for _, size := range []int{100, 1000, perWrite} {
			b.Run(fmt.Sprintf("%s/events=%d", storage, size), func(b *testing.B) {
				var s *testServer
				if storage == "plain" {
					s = &testServer{outputtest.RedisAt(b, redistest.Start(b).Addr())}
				} else {
					s = newServer(b)
				}
				n := redistest.NewNetwork(b, s.Addr())
				c := through(b, n, s.config(storage))
				var f *fixture
				var store func(context.Context, []telemetry.Event) error
				if storage == "plain" {
					c.Storage = redissearch.Hash
					f = newFixture(b, c, "inst0001")
					store, _ = f.StoreOnly(b.Context())
				} else {
					f = open(b, c)
					store = f.WriteEvents
				}
				n.Poison(b, "latency", "downstream", map[string]int{"latency": 1})
				events := f.logLines(size)
				var spent time.Duration
				written := 0
				for b.Loop() {
					if storage != "plain" {
						s.renew(b)
					}
					began := time.Now()
					if err := store(b.Context(), events); err != nil {
						b.Fatal(err)
					}
					spent += time.Since(began)
					written += size
				}
				b.ReportMetric(float64(written)/spent.Seconds(), "events/s")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}
