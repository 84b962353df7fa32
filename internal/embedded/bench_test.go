package embedded

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/embedded/resptest"
)

const (
	benchSeries = 500
	benchDepth  = 20 // commands in flight
)

// BenchmarkMADD measures pipelined TS.MADD of 500 samples over TCP, with client
// and server in one process. The result is samples/s.
func BenchmarkMADD(b *testing.B) {
	s := start(b, Config{Retention: 60_000_000_000})
	c := dial(b, s)
	for i := range benchSeries {
		c.Do("TS.CREATE", benchKey(i), "DUPLICATE_POLICY", "LAST")
	}
	w := bufio.NewWriterSize(c.Conn, 1<<20)
	done := make(chan error, 1)
	tokens := make(chan struct{}, benchDepth)
	go func() { done <- drain(c.Conn, tokens) }()
	ts, n := int64(1_700_000_000_000), 0
	buf := make([]byte, 0, 64<<10)
	b.ReportAllocs()
	for b.Loop() {
		ts += 1000
		buf = appendMADD(buf[:0], ts)
		tokens <- struct{}{}
		w.Write(buf)
		if err := w.Flush(); err != nil {
			b.Fatal(err)
		}
		n += benchSeries
	}
	for range benchDepth {
		tokens <- struct{}{}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "samples/s")
	c.Conn.(*net.TCPConn).CloseWrite()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
}

func benchKey(i int) string { return fmt.Sprintf("host-1:metric_with_a_name:%06d", i) }

// appendMADD encodes one sample for each of benchSeries keys. It is cheap,
// because client and server share the processor.
func appendMADD(buf []byte, ts int64) []byte {
	buf = append(buf, "*1501\r\n$7\r\nTS.MADD\r\n"...)
	when := strconv.AppendInt(make([]byte, 0, 16), ts, 10)
	for i := range benchSeries {
		buf = append(buf, "$32\r\nhost-1:metric_with_a_name:000"...)
		buf = append(buf, byte('0'+i/100), byte('0'+i/10%10), byte('0'+i%10))
		buf = append(append(buf, "\r\n$13\r\n"...), when...)
		buf = append(buf, "\r\n$6\r\n12.345\r\n"...)
	}
	return buf
}

// drain reads replies of benchSeries integers and returns a token for each.
func drain(conn net.Conn, tokens chan struct{}) error {
	size := len("*500\r\n") + benchSeries*len(":1700000000000\r\n")
	buf := make([]byte, size)
	for {
		if _, err := io.ReadFull(conn, buf); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if buf[6] != ':' {
			return fmt.Errorf("reply %q", buf[:40])
		}
		<-tokens
	}
}

// BenchmarkCreate measures pipelined TS.CREATE with five labels.
func BenchmarkCreate(b *testing.B) {
	s := start(b, Config{MaxSeries: 1 << 30})
	c := dial(b, s)
	done := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, c.Conn)
		done <- err
	}()
	w := bufio.NewWriterSize(c.Conn, 64<<10)
	const head = "*17\r\n$9\r\nTS.CREATE\r\n$12\r\nkey:"
	tail := strings.TrimPrefix(string(resptest.Encode("RETENTION", "86400000", "DUPLICATE_POLICY", "LAST", "LABELS",
		"__name__", "metric_with_a_name", "core", "0", "source", "linux_cpu", "unit", "bytes", "host", "h00")), "*15")
	var buf []byte
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		n++
		buf = strconv.AppendInt(append(buf[:0], head...), int64(10_000_000+n), 10)
		buf = append(buf, tail...)
		copy(buf[len(buf)-len("00\r\n"):], []byte{byte('0' + n/10%10), byte('0' + n%10)})
		w.Write(buf)
	}
	w.Write(resptest.Encode("QUIT"))
	w.Flush()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "series/s")
}

// BenchmarkRange reads 3,600 samples, raw and aggregated.
func BenchmarkRange(b *testing.B) {
	for _, tail := range [][]string{nil, {"AGGREGATION", "avg", "60000"}} {
		b.Run(fmt.Sprint("aggregated=", tail != nil), func(b *testing.B) {
			s := start(b, Config{})
			c := newConn(s, nil, 1)
			for i := range 3600 {
				c.handle([][]byte{[]byte("TS.ADD"), []byte("k"), strconv.AppendInt(nil, int64(i)*1000, 10), strconv.AppendFloat(nil, float64(i)/3, 'g', -1, 64)})
			}
			c.Out.Reset()
			args := [][]byte{[]byte("TS.RANGE"), []byte("k"), []byte("-"), []byte("+")}
			for _, a := range tail {
				args = append(args, []byte(a))
			}
			b.ReportAllocs()
			for b.Loop() {
				c.handle(args)
				c.Out.Reset()
			}
		})
	}
}

// BenchmarkMemory reports the memory of 10,000 series with one sample.
func BenchmarkMemory(b *testing.B) {
	for b.Loop() {
		s := newServer(Config{})
		c := newConn(s, nil, 1)
		before := heapBytes()
		for i := range 10_000 {
			c.handle([][]byte{
				[]byte("TS.ADD"), []byte(benchKey(i)), []byte("1700000000000"), []byte("1"), []byte("LABELS"),
				[]byte("__name__"), []byte("m" + strconv.Itoa(i%200)), []byte("host"), []byte("h" + strconv.Itoa(i/200)),
				[]byte("source"), []byte("linux_cpu"), []byte("unit"), []byte("bytes"),
			})
			c.Out.Reset()
		}
		b.ReportMetric(float64(heapBytes()-before)/(1<<20), "MB/10k-series")
		b.ReportMetric(float64(s.Stats().Bytes)/(1<<20), "MB-estimated")
		runtime.KeepAlive(s)
	}
}

func heapBytes() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
