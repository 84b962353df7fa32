package embedded

import (
	"context"
	"net"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
)

func tool(t *testing.T, s *Server, name string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed on this machine", name)
	}
	host, port, _ := net.SplitHostPort(s.Addr())
	out, err := exec.CommandContext(t.Context(), path, append([]string{"-h", host, "-p", port}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

func TestRedisCLI(t *testing.T) {
	s := start(t, Config{})
	for _, c := range []struct{ args, want string }{
		{"PING", "PONG"},
		{"TS.ADD k 1000 0.5 LABELS host h1", "1000"},
		{"-3 TS.MRANGE - + WITHLABELS FILTER host=h1", "k host h1 aggregators 1000 0.5"},
		{"TS.GET k", "1000 5E-1"},
		{"--scan", "k"},
		{"SET s v", "OK"},
		{"COMMAND DOCS", ""},
		{"CONFIG GET save", "save"},
	} {
		if got := strings.Join(strings.Fields(tool(t, s, "redis-cli", strings.Fields(c.args)...)), " "); got != c.want {
			t.Errorf("redis-cli %s\n got %q\nwant %q", c.args, got, c.want)
		}
	}
	if got := tool(t, s, "redis-cli", "--bigkeys"); !strings.Contains(got, "summary") {
		t.Errorf("redis-cli --bigkeys: %s", got)
	}
}

func TestRedisBenchmark(t *testing.T) {
	s := start(t, Config{})
	// Two samples in one millisecond are an error under the default policy,
	// here as with Redis.
	dial(t, s).expect("TS.CREATE k DUPLICATE_POLICY LAST", okReply)
	for _, args := range []string{"-t ping,set,get -n 2000 -q", "-n 2000 -P 16 -q TS.ADD k * 1", "-t ping_inline,ping_mbulk -n 2000 -q"} {
		out := tool(t, s, "redis-benchmark", strings.Fields(args)...)
		if !strings.Contains(out, "requests per second") || strings.Contains(strings.ToLower(out), "error") {
			t.Errorf("redis-benchmark %s:\n%s", args, out)
		}
	}
}

func goRedis(t *testing.T, s *Server, protocol int) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: s.Addr(), Protocol: protocol, ClientName: "test"})
	t.Cleanup(func() { c.Close() })
	return c
}

func TestGoRedis(t *testing.T) {
	for name, protocol := range map[string]int{"RESP2": 2, "RESP3": 3} {
		t.Run(name, func(t *testing.T) {
			c := goRedis(t, start(t, Config{}), protocol)
			goRedisWrites(t, c)
			goRedisReads(t, c)
			goRedisRules(t, c)
		})
	}
}

func goRedisWrites(t *testing.T, c *redis.Client) {
	t.Helper()
	ctx := context.Background()
	must(t, c.TSCreateWithArgs(ctx, "a", &redis.TSOptions{
		Retention: 100_000, DuplicatePolicy: "LAST", Labels: map[string]string{"host": "h1", "core": "0"}, IgnoreMaxTimeDiff: 1, IgnoreMaxValDiff: 0.1,
	}).Err())
	must(t, c.TSCreateWithArgs(ctx, "b", &redis.TSOptions{Labels: map[string]string{"host": "h1"}}).Err())
	equal(t, c.TSAdd(ctx, "a", 1000, 1).Val(), int64(1000))
	must(t, c.TSAddWithArgs(ctx, "c", 1000, 1, &redis.TSOptions{Labels: map[string]string{"host": "h2"}}).Err())
	got, err := c.TSMAdd(ctx, [][]any{{"a", 2000, 2}, {"b", 2000, 4.5}}).Result()
	must(t, err)
	equal(t, got, []int64{2000, 2000})
	must(t, c.TSIncrByWithArgs(ctx, "n", 2, &redis.TSIncrDecrOptions{Timestamp: 5}).Err())
	must(t, c.TSAlter(ctx, "b", &redis.TSAlterOptions{Retention: 50_000}).Err())
	pipe := c.TxPipeline()
	pipe.TSAdd(ctx, "a", 3000, 3)
	pipe.Set(ctx, "plain", "x", 0)
	_, err = pipe.Exec(ctx)
	must(t, err)
}

func goRedisReads(t *testing.T, c *redis.Client) {
	t.Helper()
	ctx := context.Background()
	list, err := c.TSRangeWithArgs(ctx, "a", 0, 9000, &redis.TSRangeOptions{Aggregators: []redis.Aggregator{redis.Avg}, BucketDuration: 2000, Align: "0", Empty: true}).Result()
	must(t, err)
	equal(t, list, []redis.TSTimestampValue{{Timestamp: 0, Value: 1}, {Timestamp: 2000, Value: 2.5}})
	last, err := c.TSGet(ctx, "a").Result()
	must(t, err)
	equal(t, last, redis.TSTimestampValue{Timestamp: 3000, Value: 3})
	keys, err := c.TSQueryIndex(ctx, []string{"host=(h1,h2)", "core="}).Result()
	must(t, err)
	equal(t, keys, []string{"b", "c"})
	many, err := c.TSMGetWithArgs(ctx, []string{"host=h1"}, &redis.TSMGetOptions{WithLabels: true}).Result()
	must(t, err)
	equal(t, len(many), 2)
	ranges, err := c.TSMRangeWithArgs(ctx, 0, 9000, []string{"host=h1"}, &redis.TSMRangeOptions{GroupByLabel: "host", Reducer: "max"}).Result()
	must(t, err)
	equal(t, len(ranges), 1)
	info, err := c.TSInfo(ctx, "a").Result()
	must(t, err)
	equal(t, info["totalSamples"], any(int64(3)))
	equal(t, info["duplicatePolicy"], any("last"))
}

func goRedisRules(t *testing.T, c *redis.Client) {
	t.Helper()
	ctx := context.Background()
	must(t, c.TSCreate(ctx, "avg").Err())
	must(t, c.TSCreateRule(ctx, "b", "avg", redis.Avg, 1000).Err())
	must(t, c.TSAdd(ctx, "b", 3000, 1).Err())
	must(t, c.TSAdd(ctx, "b", 4000, 2).Err())
	equal(t, c.TSRange(ctx, "avg", 0, 9000).Val(), []redis.TSTimestampValue{{Timestamp: 3000, Value: 1}})
	must(t, c.TSDeleteRule(ctx, "b", "avg").Err())
	equal(t, c.TSDel(ctx, "b", 0, 3000).Val(), int64(2))
}

func TestGoRedisPubSub(t *testing.T) {
	s := start(t, Config{})
	c, ctx := goRedis(t, s, 3), context.Background()
	sub := c.Subscribe(ctx, "news")
	defer sub.Close()
	_, err := sub.Receive(ctx)
	must(t, err)
	must(t, c.Publish(ctx, "news", "hello").Err())
	msg, err := sub.ReceiveMessage(ctx)
	must(t, err)
	equal(t, msg.Payload, "hello")
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal[T any](t *testing.T, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
