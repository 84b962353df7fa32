package query_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/embedded"
	"github.com/rtcollector/rtcollector/internal/query"
	"github.com/rtcollector/rtcollector/internal/query/querytest"
	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/servicetest"
)

func do(t testing.TB, client *redisconn.Client, line string) {
	t.Helper()
	var args []any
	for _, word := range strings.Fields(line) {
		args = append(args, word)
	}
	if err := client.Do(t.Context(), args...).Err(); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
}

// The index learns of new and deleted series and of changed labels, each after its time. Series without a metric are found by another
// label, and keys of other types are ignored.
func TestIndexFollowsRedis(t *testing.T) {
	for name, client := range querytest.Servers(t) {
		t.Run(name, func(t *testing.T) {
			e := query.New(client, query.Limits{})
			t.Cleanup(e.Close)
			now := time.Unix(T, 0)
			e.SetClock(func() time.Time { return now })
			expect := func(what, want string) {
				t.Helper()
				if got := hosts(t, e, `{host=~".+"}`); got != want {
					t.Errorf("%s: %q, want %q", what, got, want)
				}
			}
			for _, host := range []string{"a", "b", "c"} {
				do(t, client, fmt.Sprintf("TS.ADD key-%s %d 1 LABELS __name__ m-%s host %s", host, int64(T*1000), host, host))
			}
			do(t, client, fmt.Sprintf("TS.ADD nameless %d 1 LABELS type host host d", int64(T*1000)))
			do(t, client, fmt.Sprintf("TS.ADD compacted %d 1 LABELS __name__ m-a host a agg avg bucket 1m", int64(T*1000)))
			do(t, client, "SET key-e 1")
			expect("at first", "a b c d")
			do(t, client, fmt.Sprintf("TS.ADD key-e2 %d 1 LABELS __name__ m-e host e", int64(T*1000)))
			do(t, client, "DEL key-b")
			expect("the list is young", "a c d")
			now = now.Add(query.IndexRefresh)
			expect("the list is refreshed", "a c d e")
			do(t, client, "TS.ALTER key-c LABELS __name__ other host f")
			now = now.Add(query.IndexRecheck - query.IndexRefresh)
			expect("labels are young", "a d e")
			now = now.Add(query.IndexRefresh)
			expect("labels are read again", "a d e f")
		})
	}
}

// An expression without series needs no Redis, and one query that ends early leaves the index to the others.
func TestIndexWithoutRedis(t *testing.T) {
	client := querytest.Open(t)
	do(t, client, fmt.Sprintf("TS.ADD key %d 1 LABELS __name__ m host a", int64(T*1000)))
	e := query.New(client, query.Limits{})
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := e.Instant(canceled, `{host!=""}`, at(0), query.Params{}); kind(err) != query.Canceled {
		t.Error(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if got := hosts(t, e, `{host!=""}`); got != "a" {
				t.Errorf("hosts %q", got)
			}
		})
	}
	wg.Wait()
	e.Close()
	server, err := embedded.Listen("127.0.0.1:0", embedded.Config{})
	if err != nil {
		t.Fatal(err)
	}
	config := redisconn.Defaults()
	config.Host, config.Port = servicetest.HostPort(t, server.Addr())
	gone, err := redisconn.Open(t.Context(), config.ForSearches(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = gone.Close() }()
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	e = query.New(gone, query.Limits{})
	if got := instant(t, e, "1 + 1", at(0)); got != "scalar: 2" {
		t.Errorf("1 + 1: %s", got)
	}
	expectKinds(t, e, query.Unavailable, `{host!=""}`, "up")
	if _, _, err := e.LabelNames(t.Context(), query.Selection{}); kind(err) != query.Unavailable {
		t.Error(err)
	}
}
