//go:build unix

package redistimeseries

import (
	"context"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
)

// The variants of ADR 0002, each writing 20 batches of 1000 series to the server that RTC_TEST_REDIS names.
const (
	variantSeries = 1000
	variantTicks  = 20
)

type variant struct {
	writer  *Writer
	client  redis.UniversalClient
	keys    []any
	batches []*telemetry.Batch
	now     int64
	used    time.Duration // CPU time of this process when the measurement began
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func newVariant(b *testing.B) *variant {
	b.Helper()
	url := os.Getenv("RTC_TEST_REDIS")
	if url == "" {
		b.Skip("needs RTC_TEST_REDIS")
	}
	config := Defaults()
	config.URL, config.KeyPrefix, config.Retention = secret.Literal(url), "rtcollector:variant:", 60_000
	w, err := New(outputs.Env{Host: "h"}, config)
	if err != nil {
		b.Fatal(err)
	}
	if err := w.Open(b.Context()); err != nil {
		b.Fatal(err)
	}
	v := &variant{writer: w, client: w.client, now: time.Now().UnixMilli()}
	_, v.batches = encoded(variantSeries, variantTicks)
	for i := range variantSeries {
		s, _, _ := v.batches[0].Sample(i)
		v.keys = append(v.keys, w.naming.Key(s))
	}
	if err := w.WriteMetrics(b.Context(), v.batches[:1]); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		names := []string{w.naming.Liveness("h")}
		for _, k := range v.keys {
			names = append(names, k.(string))
		}
		_ = v.client.Unlink(context.Background(), names...).Err()
		_ = w.Close()
	})
	return v
}

// advance gives the batches new times. Nothing else uses them here.
func (v *variant) advance() {
	for _, b := range v.batches {
		v.now += 1000
		b.Time = v.now
	}
}

func (v *variant) report(b *testing.B) {
	b.ReportMetric(float64((cpuTime()-v.used).Nanoseconds())/float64(b.N)/(variantSeries*variantTicks), "cpu-ns/sample")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(variantSeries*variantTicks), "ns/sample")
}

func BenchmarkVariantOwnBytes(b *testing.B) {
	v := newVariant(b)
	b.ReportAllocs()
	v.used = cpuTime()
	for b.Loop() {
		v.advance()
		if err := v.writer.WriteMetrics(b.Context(), v.batches); err != nil {
			b.Fatal(err)
		}
	}
	v.report(b)
}

// goRedis sends the batches through a go-redis pipeline with arguments that args makes.
func (v *variant) goRedis(b *testing.B, args func(dst []any, batch *telemetry.Batch, i int) []any, cmd func(ctx context.Context, args []any) redis.Cmder) {
	b.ReportAllocs()
	v.used = cpuTime()
	for b.Loop() {
		v.advance()
		p := v.client.Pipeline()
		for _, batch := range v.batches {
			for start := 0; start < batch.Len(); start += int(fullCommand) {
				list := make([]any, 0, 1+3*int(fullCommand))
				list = append(list, "TS.MADD")
				for i := start; i < start+int(fullCommand); i++ {
					list = args(list, batch, i)
				}
				_ = p.Process(b.Context(), cmd(b.Context(), list))
			}
		}
		if _, err := p.Exec(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	v.report(b)
}

func plainCmd(ctx context.Context, args []any) redis.Cmder { return redis.NewCmd(ctx, args...) }

func sliceCmd(ctx context.Context, args []any) redis.Cmder { return redis.NewSliceCmd(ctx, args...) }

func BenchmarkVariantGoRedis(b *testing.B) {
	v := newVariant(b)
	v.goRedis(b, func(dst []any, batch *telemetry.Batch, i int) []any {
		_, ms, value := batch.Sample(i)
		return append(dst, v.keys[i].(string), ms, value) // boxes three values
	}, plainCmd)
}

// Keys are boxed once, times once a batch, values are pointed at.
func BenchmarkVariantGoRedisBoxed(b *testing.B) {
	v := newVariant(b)
	values := make([]float64, variantSeries)
	var stamp any
	v.goRedis(b, func(dst []any, batch *telemetry.Batch, i int) []any {
		_, ms, value := batch.Sample(i)
		if i == 0 {
			stamp = strconv.FormatInt(ms, 10)
		}
		values[i] = value
		return append(dst, v.keys[i], stamp, &values[i])
	}, sliceCmd)
}
