package bench_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/rtcollector/rtcollector/cmd/rtcollector/bench"
	"github.com/rtcollector/rtcollector/internal/embedded"
	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/secret"
)

func startServer(t *testing.T) (redisconn.Config, *redis.Client) {
	t.Helper()
	url := os.Getenv("RTC_TEST_REDIS")
	if url == "" {
		s, err := embedded.Listen("127.0.0.1:0", embedded.Config{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		url = "redis://" + s.Addr()
	}
	o, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal("RTC_TEST_REDIS is not a redis:// URL")
	}
	o.Protocol, o.DisableIdentity = 2, true
	client := redis.NewClient(o)
	t.Cleanup(func() { _ = client.Close() })
	config := redisconn.Defaults()
	config.URL = secret.Literal(url)
	return config, client
}

func remainingKeys(t *testing.T, c *redis.Client) []string {
	t.Helper()
	keys, err := c.Keys(t.Context(), "rtcollector:bench:*").Result()
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestRun(t *testing.T) {
	config, client := startServer(t)
	stages := map[string]int{}
	r, err := bench.Run(t.Context(), bench.Options{Redis: config, Series: 700, Samples: 20_000}, func(stage string, done, total int) {
		stages[stage] = max(stages[stage], 100*done/total)
	})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(string(text))
	if r.SamplesPerSecond <= 0 || r.CeilingSamplesPerSecond <= 0 || r.Ratio <= 0 || r.CreateSeriesPerSecond <= 0 {
		t.Error("something was not measured")
	}
	if stages["create"] != 100 || stages["write"] != 100 {
		t.Errorf("progress ended at %v", stages)
	}
	if keys := remainingKeys(t, client); len(keys) > 0 {
		t.Errorf("left behind: %s", strings.Join(keys, " "))
	}
}

func TestInterruptedRunCleansUp(t *testing.T) {
	config, client := startServer(t)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := bench.Run(ctx, bench.Options{Redis: config, Series: 700, Samples: 20_000}, func(stage string, done, _ int) {
		if stage == "write" && done > 0 {
			if len(remainingKeys(t, client)) == 0 {
				t.Error("no keys while it runs")
			}
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if keys := remainingKeys(t, client); len(keys) > 0 {
		t.Errorf("left behind: %s", strings.Join(keys, " "))
	}
}

func TestNothingToMeasure(t *testing.T) {
	if _, err := bench.Run(t.Context(), bench.Options{}, nil); err == nil {
		t.Error("no error for a measurement of nothing")
	}
}
