package redisinput

import (
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/redisconn/redistest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

// BenchmarkGather asks a redis-server on this machine that has seen twenty commands; cpu-µs/op is this process's time.
func BenchmarkGather(b *testing.B) {
	s := redistest.Start(b)
	for _, command := range []string{"GET", "SET", "HSET", "HGET", "LPUSH", "LPOP", "SADD", "SREM", "ZADD", "ZREM", "INCR", "DECR", "EXPIRE", "TTL", "DEL", "EXISTS", "TYPE", "STRLEN", "APPEND", "MGET"} {
		_ = s.Client().Do(b.Context(), command, "a", "1", "b").Err()
	}
	p := start(b, s, "")
	plugintest.Cost(b, p)
}

// BenchmarkParse takes a reply of 10 kB apart.
func BenchmarkParse(b *testing.B) {
	text := []byte(record(b, "redis-8.2-master.txt"))
	settings := defaultSettings()
	s := newServer(maker{telemetry.NewFactory("h", "redis", nil, 1), &settings, nil}, meanings(), "a:1")
	b.ReportAllocs()
	b.SetBytes(int64(len(text)))
	batch := telemetry.NewBatch(time.Now(), time.Now(), 1024)
	for b.Loop() {
		*batch = *telemetry.NewBatch(time.Now(), time.Now(), 1024)
		if err := s.add(batch, text); err != nil {
			b.Fatal(err)
		}
		s.sweep(batch)
	}
}
