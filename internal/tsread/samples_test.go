package tsread_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/embedded"
	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/redisconn/redistest"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/tsread"
)

// fill writes n samples to a series: value i at time 1000·i.
func fill(t *testing.T, client *redisconn.Client, key string, n int) {
	t.Helper()
	pipe := client.Pipeline()
	for i := range n {
		pipe.Do(t.Context(), "TS.ADD", key, 1000*i, i)
	}
	if _, err := pipe.Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func newReader(t *testing.T, client *redisconn.Client) *tsread.Reader {
	t.Helper()
	r := tsread.New(client)
	t.Cleanup(r.Close)
	return r
}

func TestSamples(t *testing.T) {
	const n = 25_000 // three pages
	for name, client := range clients(t) {
		t.Run(name, func(t *testing.T) {
			fill(t, client, "long", n)
			fill(t, client, "short", 3)
			run(t, client, "TS.CREATE empty", "TS.CREATE {long}:max", "TS.CREATERULE long {long}:max AGGREGATION max 10000",
				"TS.ADD long 25000000 25000", "TS.ADD long 25009000 9", "TS.ADD long 25011000 11")
			r := newReader(t, client)
			got, err := r.Samples(t.Context(), []tsread.Range{
				{Key: "long", To: 24_999_000}, {Key: "short", To: math.MaxInt64}, {Key: "empty", To: math.MaxInt64}, {Key: "missing", To: math.MaxInt64},
				{Key: "long", From: 5000, To: 7999}, {Key: "long", From: 0, To: 24_999_000, Limit: 20_001}, {Key: "long", To: 9999, Newest: true}, {Key: "short", From: 3000, To: 5000},
				{Key: "long", To: 24_999_000, Aggregation: "max", Bucket: 2000}, {Key: "long", From: 1001, To: 9000, Aggregation: "max", Bucket: 4000, Align: 1001},
				{Key: "{long}:max", To: math.MaxInt64}, {Key: "{long}:max", To: math.MaxInt64, Latest: true}, {Key: "short", From: -5, To: -1},
			}, nil)
			if err != nil {
				t.Fatal(err)
			}
			for i, want := range []string{
				"25000: 0=0 24999000=24999", "3: 0=0 2000=2", "0:", "0:", "3: 5000=5 7000=7", "20001: 0=0 20000000=20000", "1: 9000=9 9000=9", "0:",
				"12500: 0=1 24998000=24999", "2: 1001=5 5001=9", "1: 25000000=25000 25000000=25000", "2: 25000000=25000 25010000=11", "1: 0=0 0=0",
			} {
				text := fmt.Sprintf("%d:", len(got[i]))
				if s := got[i]; len(s) > 0 {
					text += fmt.Sprintf(" %d=%v %d=%v", s[0].Time, s[0].Value, s[len(s)-1].Time, s[len(s)-1].Value)
				}
				if text != want {
					t.Errorf("range %d: %s, want %s", i, text, want)
				}
				if !slices.IsSortedFunc(got[i], func(a, b tsread.Sample) int { return int(a.Time - b.Time) }) {
					t.Errorf("range %d is not in order", i)
				}
			}
		})
	}
}

// The caller may refuse samples before they are read. The connection is not used again.
func TestSamplesAreCountedFirst(t *testing.T) {
	client := clients(t)["embedded"]
	fill(t, client, "k", 100)
	r := newReader(t, client)
	enough := errors.New("enough")
	_, err := r.Samples(t.Context(), []tsread.Range{{Key: "k", To: math.MaxInt64}, {Key: "k", To: math.MaxInt64}}, func(n int) error {
		if n != 100 {
			t.Errorf("%d samples", n)
		}
		return enough
	})
	if !errors.Is(err, enough) {
		t.Error(err)
	}
	if got, err := r.Samples(t.Context(), []tsread.Range{{Key: "k", To: 0}}, nil); len(got[0]) != 1 || err != nil {
		t.Error(got, err)
	}
}

// The end of one reading does not disturb others of the same reader.
func TestReadingsEndAlone(t *testing.T) {
	client := clients(t)["embedded"]
	fill(t, client, "k", 20_000)
	r := newReader(t, client)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			got, err := r.Samples(ctx, []tsread.Range{{Key: "k", To: math.MaxInt64}}, func(int) error {
				if i%2 == 0 {
					cancel()
				}
				return nil
			})
			switch {
			case i%2 == 0 && !errors.Is(err, context.Canceled):
				t.Errorf("canceled: %v", err)
			case i%2 == 1 && (err != nil || len(got[0]) != 20_000):
				t.Errorf("%d samples, %v", len(got), err)
			}
		})
	}
	wg.Wait()
}

// A connection that was closed while it was idle is replaced.
func TestServerRestarts(t *testing.T) {
	server, err := embedded.Listen("127.0.0.1:0", embedded.Config{})
	if err != nil {
		t.Fatal(err)
	}
	config := redisconn.Defaults()
	config.Host, config.Port = servicetest.HostPort(t, server.Addr())
	client := open(t, config)
	r := newReader(t, client)
	run(t, client, "TS.ADD k 1 1 LABELS a b")
	if all, err := r.Latest(t.Context(), "a=b"); len(all) != 1 || err != nil {
		t.Fatal(all, err)
	}
	addr := server.Addr()
	_ = server.Close()
	if server, err = embedded.Listen(addr, embedded.Config{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	if all, err := r.Latest(t.Context(), "a=b"); len(all) != 0 || err != nil {
		t.Error(all, err)
	}
}

// When one connection gets no answer any more, because our address has changed, the others that are idle are not tried.
func TestOneSilenceIsEnough(t *testing.T) {
	server, err := embedded.Listen("127.0.0.1:0", embedded.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	proxy := servicetest.NewCutter(t, server.Addr())
	config := redisconn.Defaults()
	config.Host, config.Port = servicetest.HostPort(t, proxy.Addr)
	config.Timeout = conf.Duration(100 * time.Millisecond) // the shortest one: it passes once
	client := open(t, config)
	r := newReader(t, client)
	run(t, client, "TS.ADD k 1 1 LABELS a b")
	latest := func() error { _, err := r.Latest(t.Context(), "a=b"); return err }
	two := func() error { return r.Keys(t.Context(), func(string) error { return latest() }) } // connections at once
	if err := two(); err != nil {
		t.Fatal(err)
	}
	proxy.Strand()
	if err := latest(); err == nil {
		t.Fatal("an answer came on a connection that was lost")
	}
	if err := two(); err != nil {
		t.Error(err)
	}
}

func TestKeysAndInfos(t *testing.T) {
	for name, client := range clients(t) {
		t.Run(name, func(t *testing.T) {
			run(t, client, "TS.ADD k1 1000 1 LABELS __name__ m host h", "TS.ADD k1 3000 1", "TS.CREATE k2", "SET text x")
			r := newReader(t, client)
			var keys []string
			err := r.Keys(t.Context(), func(key string) error { keys = append(keys, key); return nil })
			slices.Sort(keys)
			if diff := cmp.Diff([]string{"k1", "k2"}, slices.Compact(keys)); diff != "" || err != nil {
				t.Error(diff, err)
			}
			got := map[string]tsread.Info{}
			err = r.Infos(t.Context(), []string{"k1", "k2", "missing", "text"}, func(key string, info tsread.Info) error { got[key] = info; return nil })
			want := map[string]tsread.Info{
				"k1": {Exists: true, Labels: []tsread.Label{{Name: "__name__", Value: "m"}, {Name: "host", Value: "h"}}, Samples: 2, First: 1000, Last: 3000},
				"k2": {Exists: true}, "missing": {}, "text": {},
			}
			for key, info := range got {
				if len(info.Labels) == 0 {
					info.Labels = nil
					got[key] = info
				}
			}
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Error(diff, err)
			}
		})
	}
}

// Any reply ends with an error or a result.
func TestHostileReplies(t *testing.T) {
	replies := redistest.Hostile()
	for name, reply := range map[string]string{
		"error inside": "*1\r\n*2\r\n:1\r\n-ERR x\r\n", "no number": "*1\r\n*2\r\n:1\r\n+x\r\n", "no time": "*1\r\n*2\r\n+x\r\n+1\r\n", "too many": "*10001\r\n",
		"negative time": "*1\r\n*2\r\n:-5\r\n+1\r\n", "odd": "*3\r\n+labels\r\n*0\r\n+x\r\n", "cursor for ever": "*2\r\n$1\r\n7\r\n*0\r\n", "keys for ever": "*2\r\n$1\r\n7\r\n*1\r\n$1\r\nk\r\n",
	} {
		replies[name] = reply
	}
	enough := errors.New("enough")
	for name, reply := range replies {
		t.Run(name, func(t *testing.T) {
			config := redisconn.Defaults()
			config.Host, config.Port = servicetest.HostPort(t, redistest.ListenHostile(t, reply, true))
			r := newReader(t, open(t, config))
			_, _ = r.Samples(t.Context(), []tsread.Range{{Key: "k", To: 1}}, nil)
			_ = r.Infos(t.Context(), []string{"k"}, func(string, tsread.Info) error { return nil })
			_ = r.Find(t.Context(), []string{"a=b"}, false, func(tsread.Found) error { return nil })
			steps := 0
			if err := r.Keys(t.Context(), func(string) error {
				if steps++; steps > 1000 {
					return enough
				}
				return nil
			}); err == nil && !strings.HasPrefix(reply, "*2") {
				t.Error("no error")
			}
		})
	}
}
