package embedded

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

// logSchema has ten fields, like an index over log lines.
const logSchema = "FT.CREATE logs ON JSON PREFIX 1 log: SCHEMA $.timestamp AS timestamp NUMERIC SORTABLE $.host AS host TAG $.appname AS appname TAG " +
	"$.severity AS severity NUMERIC SORTABLE $.facility AS facility NUMERIC $.pid AS pid NUMERIC $.level AS level TAG $.source AS source TAG " +
	"$.msgid AS msgid TAG $.message AS message TEXT"

// logDocument returns a log line of about 300 bytes.
func logDocument(n int) string {
	hosts, apps := []string{"atila", "mini-pc", "web-1", "web-2"}, []string{"sshd", "kernel", "nginx", "cron", "systemd"}
	return fmt.Sprintf(`{"timestamp":%d,"host":"%s","appname":"%s","severity":%d,"facility":%d,"pid":%d,"level":"%s","source":"syslog","msgid":"ID%d",`+
		`"message":"Accepted publickey for user%d from 10.%d.%d.%d port %d ssh2: session opened, connection number %d took %d ms"}`,
		1_748_552_776_684+int64(n), hosts[n%4], apps[n%5], n%8, n%24, 1000+n%5000, []string{"info", "warning", "error"}[n%3], n%50,
		n%100, n%256, n/256%256, n%13, 1024+n%60000, n, n%977)
}

// BenchmarkWriteDocuments measures JSON.SET of log lines into an index, through
// a pipelined go-redis client in this process. The result is documents/s.
func BenchmarkWriteDocuments(b *testing.B) {
	const batch, distinct = 500, 100_000
	s := start(b, Config{})
	c := redis.NewClient(&redis.Options{Addr: s.Addr(), Protocol: 3})
	defer c.Close()
	ctx := context.Background()
	if err := c.Do(ctx, words2any(logSchema)...).Err(); err != nil {
		b.Fatal(err)
	}
	keys, docs := make([]string, distinct), make([]string, distinct)
	for i := range docs {
		keys[i], docs[i] = "log:"+strconv.Itoa(i), logDocument(i)
	}
	b.ReportAllocs()
	n, done := 0, make(chan error, 1)
	done <- nil
	for b.Loop() {
		pipe := c.Pipeline()
		for range batch {
			pipe.Do(ctx, "JSON.SET", keys[n%distinct], "$", docs[n%distinct])
			n++
		}
		if err := <-done; err != nil { // the next batch is built while this one is sent
			b.Fatal(err)
		}
		go func() {
			_, err := pipe.Exec(ctx)
			done <- err
		}()
	}
	if err := <-done; err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "documents/s")
	b.ReportMetric(float64(len(docs[0])), "bytes/document")
}

// BenchmarkPutDocument measures the part of the server alone.
func BenchmarkPutDocument(b *testing.B) {
	const distinct = 100_000
	s := start(b, Config{})
	dial(b, s).Do(strings.Fields(logSchema)...)
	docs, keys := make([][]byte, distinct), make([][]byte, distinct)
	for i := range docs {
		docs[i], keys[i] = []byte(logDocument(i)), []byte("log:"+strconv.Itoa(i))
	}
	c := newConn(s, nil, 1)
	args := [][]byte{[]byte("JSON.SET"), nil, []byte("$"), nil}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		args[1], args[3] = keys[n%distinct], docs[n%distinct]
		c.handle(args)
		c.Out.Reset()
	}
}

// BenchmarkPutHash is the same for a hash in an index of 100,000 hashes.
func BenchmarkPutHash(b *testing.B) {
	const distinct = 100_000
	s := start(b, Config{})
	dial(b, s).Do(strings.Fields("FT.CREATE logs ON HASH PREFIX 1 log: SCHEMA timestamp NUMERIC SORTABLE host TAG message TEXT")...)
	c := newConn(s, nil, 1)
	put := func(n int) {
		id := strconv.Itoa(n % distinct)
		c.handle([][]byte{[]byte("HSET"), []byte("log:" + id), []byte("timestamp"), []byte(id), []byte("host"), []byte("web"), []byte("message"), []byte("connection closed " + id)})
		c.Out.Reset()
	}
	for n := range distinct {
		put(n)
	}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		put(n)
	}
}

func words2any(command string) []any {
	var list []any
	for _, w := range strings.Fields(command) {
		list = append(list, w)
	}
	return list
}

// BenchmarkDocumentMemory reports the memory of 10,000 indexed log lines.
func BenchmarkDocumentMemory(b *testing.B) {
	const count = 10_000
	for b.Loop() {
		s := start(b, Config{})
		dial(b, s).Do(strings.Fields(logSchema)...)
		c := newConn(s, nil, 1)
		before := heapBytes()
		for i := range count {
			c.handle([][]byte{[]byte("JSON.SET"), []byte("log:" + strconv.Itoa(i)), []byte("$"), []byte(logDocument(i))})
			c.Out.Reset()
		}
		b.ReportMetric(float64(heapBytes()-before)/count, "bytes/document")
		b.ReportMetric(float64(s.Stats().Bytes)/count, "estimated-bytes/document")
	}
}
