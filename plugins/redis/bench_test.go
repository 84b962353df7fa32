package redisinput

import (
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/redisconn/redistest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// BenchmarkGather gathers from a local redis-server that has executed twenty commands. cpu-µs/op is the time of this process.
func BenchmarkGather(b *testing.B) {
	s := redistest.Start(b)
	for _, command := range []string{"GET", "SET", "HSET", "HGET", "LPUSH", "LPOP", "SADD", "SREM", "ZADD", "ZREM", "INCR", "DECR", "EXPIRE", "TTL", "DEL", "EXISTS", "TYPE", "STRLEN", "APPEND", "MGET"} {
		_ = s.Client().Do(b.Context(), command, "a", "1", "b").Err()
	}
	p := startInput(b, s, "")
	plugintest.Cost(b, p)
}

// BenchmarkParse parses a reply of 10 kB.
func BenchmarkParse(b *testing.B) {
	text := []byte(readRecord(b, "redis-8.2-master.txt"))
	settings := defaultSettings()
	s := newServer(seriesMaker{telemetry.NewFactory("h", "redis", nil), &settings, nil}, knownFields(), "a:1")
	b.ReportAllocs()
	b.SetBytes(int64(len(text)))
	batch := telemetry.NewBatch(time.Now(), time.Now(), 1024)
	for b.Loop() {
		*batch = *telemetry.NewBatch(time.Now(), time.Now(), 1024)
		if err := s.addInfo(batch, text); err != nil {
			b.Fatal(err)
		}
		s.sweep(batch)
	}
}
