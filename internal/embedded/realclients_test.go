package embedded

import (
	"context"
	"errors"
	"net"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/rtcollector/rtcollector/internal/embedded/resptest"
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
	// Two samples in one millisecond are an error under the default policy, as
	// in Redis.
	dial(t, s).Expect("TS.CREATE k DUPLICATE_POLICY LAST", resptest.OK)
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

func TestRedisCLISearches(t *testing.T) {
	s := start(t, Config{})
	for _, c := range []struct{ args, want string }{
		{`JSON.SET log:1 $ {"host":"atila","severity":3,"message":"disk-failure"}`, "OK"},
		{"FT.CREATE logs ON JSON PREFIX 1 log: SCHEMA $.host AS host TAG $.severity AS severity NUMERIC $.message AS message TEXT", "OK"},
		{"FT.SEARCH logs @message:fail* RETURN 1 host", "1 log:1 host atila"},
		{"-3 FT.SEARCH logs @host:{atila} NOCONTENT", "attributes format STRING results id log:1 values total_results 1 warning"},
		{"FT.AGGREGATE logs * GROUPBY 1 @host REDUCE COUNT 0 AS n", "1 host atila n 1"},
		{"JSON.GET log:1 $.severity", "[3]"},
		{"FT._LIST", "logs"},
		{"TYPE log:1", "ReJSON-RL"},
	} {
		if got := strings.Join(strings.Fields(tool(t, s, "redis-cli", strings.Fields(c.args)...)), " "); got != c.want {
			t.Errorf("redis-cli %s\n got %q\nwant %q", c.args, got, c.want)
		}
	}
	if got := tool(t, s, "redis-cli", "FT.INFO", "logs"); !strings.Contains(got, "num_docs") {
		t.Errorf("redis-cli FT.INFO: %s", got)
	}
}

func TestGoRedisSearches(t *testing.T) {
	for name, protocol := range map[string]int{"RESP2": 2, "RESP3": 3} {
		t.Run(name, func(t *testing.T) {
			c := goRedis(t, start(t, Config{}), protocol)
			goRedisIndexes(t, c)
			goRedisFinds(t, c)
			goRedisJSON(t, c)
			must(t, c.FTDropIndexWithArgs(t.Context(), "logs", &redis.FTDropIndexOptions{DeleteDocs: true}).Err())
			equal(t, c.Exists(t.Context(), "log:1", "log:2").Val(), int64(0))
		})
	}
}

func goRedisIndexes(t *testing.T, c *redis.Client) {
	t.Helper()
	ctx := t.Context()
	must(t, c.FTCreate(ctx, "logs", &redis.FTCreateOptions{OnJSON: true, Prefix: []any{"log:"}},
		&redis.FieldSchema{FieldName: "$.timestamp", As: "timestamp", FieldType: redis.SearchFieldTypeNumeric, Sortable: true},
		&redis.FieldSchema{FieldName: "$.host", As: "host", FieldType: redis.SearchFieldTypeTag},
		&redis.FieldSchema{FieldName: "$.message", As: "message", FieldType: redis.SearchFieldTypeText, NoStem: true},
	).Err())
	must(t, c.JSONSet(ctx, "log:1", "$", `{"timestamp":1000,"host":"atila","message":"disk failure"}`).Err())
	must(t, c.JSONSet(ctx, "log:2", "$", map[string]any{"timestamp": 2000, "host": "mini-pc", "message": "all well"}).Err())
	must(t, c.JSONSet(ctx, "log:3", "$", `{"message":7}`).Err())
	equal(t, c.FT_List(ctx).Val(), []string{"logs"})
	info, err := c.FTInfo(ctx, "logs").Result()
	must(t, err)
	equal(t, info.IndexName, "logs")
	equal(t, info.NumDocs, 2)
	equal(t, info.IndexErrors, redis.IndexErrors{IndexingFailures: 1, LastIndexingError: "Invalid JSON type: Numeric type can represent only NUMERIC field", LastIndexingErrorKey: "log:3"})
	equal(t, info.IndexDefinition.KeyType, "JSON")
	equal(t, info.IndexDefinition.Prefixes, []string{"log:"})
	equal(t, len(info.Attributes), 3)
	equal(t, info.Attributes[0].Identifier, "$.timestamp")
	equal(t, info.Attributes[2].Type, "TEXT")
	equal(t, info.FieldStatistics[2].IndexErrors.IndexingFailures, 1)
	must(t, c.FTAlter(ctx, "logs", false, []any{"$.app", "AS", "app", "TAG"}).Err())
	must(t, c.FTAliasAdd(ctx, "logs", "alias").Err())
}

func goRedisFinds(t *testing.T, c *redis.Client) {
	t.Helper()
	ctx := t.Context()
	found, err := c.FTSearchWithArgs(ctx, "alias", "@host:{atila|mini\\-pc}", &redis.FTSearchOptions{
		SortBy: []redis.FTSearchSortBy{{FieldName: "timestamp", Desc: true}}, Return: []redis.FTSearchReturn{{FieldName: "host"}}, LimitOffset: 0, Limit: 5,
	}).Result()
	must(t, err)
	equal(t, found.Total, 2)
	equal(t, found.Docs[0].ID, "log:2")
	equal(t, found.Docs[0].Fields, map[string]string{"host": "mini-pc"})
	found, err = c.FTSearch(ctx, "logs", "fail*").Result()
	must(t, err)
	equal(t, found.Docs[0].Fields["$"], `{"timestamp":1000,"host":"atila","message":"disk failure"}`)
	groups, err := c.FTAggregateWithArgs(ctx, "logs", "*", &redis.FTAggregateOptions{
		Steps: []redis.FTAggregateStep{
			{GroupBy: &redis.FTAggregateGroupBy{Fields: []any{"@host"}, Reduce: []redis.FTAggregateReducer{{Reducer: redis.SearchCount, As: "n"}}}},
			{SortBy: &redis.FTAggregateSortByStep{Fields: []redis.FTAggregateSortBy{{FieldName: "@host", Asc: true}}}},
		},
	}).Result()
	must(t, err)
	equal(t, len(groups.Rows), 2)
	equal(t, groups.Rows[0].Fields, map[string]any{"host": "atila", "n": "1"})
	if err := c.FTSearch(ctx, "nope", "*").Err(); err == nil || err.Error() != "No such index nope" {
		t.Errorf("search of an index that is not there: %v", err)
	}
}

func goRedisJSON(t *testing.T, c *redis.Client) {
	t.Helper()
	ctx := t.Context()
	equal(t, c.JSONGet(ctx, "log:1", "$.host").Val(), `["atila"]`)
	must(t, c.JSONSet(ctx, "log:1", "$.host", `"other"`).Err())
	values, err := c.JSONMGet(ctx, "$.host", "log:1", "log:2").Result()
	must(t, err)
	equal(t, values, []any{`["other"]`, `["mini-pc"]`})
	equal(t, c.JSONDel(ctx, "log:1", "$.host").Val(), int64(1))
	if err := c.JSONGet(ctx, "nokey", "$").Err(); err != nil && !errors.Is(err, redis.Nil) {
		t.Errorf("JSON.GET of no key: %v", err)
	}
	must(t, c.JSONType(ctx, "log:1", "$.message").Err())
	pipe := c.TxPipeline()
	pipe.JSONSet(ctx, "log:4", "$", `{"message":"in a transaction"}`)
	pipe.Del(ctx, "log:4")
	_, err = pipe.Exec(ctx)
	must(t, err)
}
