package cli_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/cli"
	"github.com/rtcollector/rtcollector/internal/embedded"
	outputsall "github.com/rtcollector/rtcollector/outputs/all"
	pluginsall "github.com/rtcollector/rtcollector/plugins/all"
)

// BenchmarkStartToFirstSample measures the time from the start of "rtcollector run" until a sample is in Redis.
func BenchmarkStartToFirstSample(b *testing.B) {
	if runtime.GOOS != "linux" {
		b.Skip("the inputs are Linux ones")
	}
	var total time.Duration
	runs := 0
	for b.Loop() {
		total += startToFirstSample(b)
		runs++
	}
	b.ReportMetric(float64(total.Milliseconds())/float64(runs), "ms/first-sample")
}

func startToFirstSample(b *testing.B) time.Duration {
	s, err := embedded.Listen("127.0.0.1:0", embedded.Config{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	file := filepath.Join(b.TempDir(), "config.yaml")
	if err := os.WriteFile(file, []byte(yamlFor(s.Addr(), "h", "interval: 10s")), 0o600); err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	began := time.Now()
	done := make(chan int, 1)
	go func() {
		done <- cli.Main(ctx, []string{"run", "--config", file}, cli.App{
			Inputs: pluginsall.Catalog(), Outputs: outputsall.Catalog(), Stdout: io.Discard, Stderr: io.Discard,
			Getenv: os.LookupEnv, GOOS: runtime.GOOS,
		})
	}()
	for s.Stats().Samples == 0 {
		runtime.Gosched()
	}
	took := time.Since(began)
	cancel()
	<-done
	return took
}
