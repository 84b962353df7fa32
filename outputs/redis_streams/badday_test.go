package redisstreams_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rtcollector/rtcollector/internal/catalog/catalogtest"
	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/redisconn/redistest"
	"github.com/rtcollector/rtcollector/outputs"
	"github.com/rtcollector/rtcollector/outputs/outputtest"
	redisstreams "github.com/rtcollector/rtcollector/outputs/redis_streams"
)

func badDays() []outputtest.BadDay {
	return outputtest.BadDays(
		outputtest.Full("is full: raise maxmemory"),
		outputtest.NoRight("no right", "refuses this to the user: grant it with ACL SETUSER default +xadd", "xadd"),
		outputtest.Unloaded("no streams", "lacks a command that is needed", "XADD"),
		outputtest.BadDay{
			Name: "key is taken", Reply: "WRONGTYPE Operation against a key holding the wrong kind of value",
			Say: "the key " + events + " is not a stream: rename or delete it, or configure another stream: WRONGTYPE",
		},
		outputtest.BadDay{
			Name: "no ID is left", Reply: "ERR The stream has exhausted the last possible ID, unable to add more...", Say: "exhausted",
			Cause: [][]any{{"XADD", events, "18446744073709551615-18446744073709551615", "a", "b"}}, End: [][]any{{"DEL", events}},
		},
	)
}

// After every kind of failure nothing is dropped, and a later write succeeds.
func TestBadDays(t *testing.T) {
	for _, day := range badDays() {
		t.Run(day.Name, func(t *testing.T) {
			each(t, func(t *testing.T, s *server) {
				out := open(t, at(t, s.Addr()))
				day.Refuses(t, s.Redis, func() error { return writeEvents(t.Context(), out, someEvents(300)) })
				if err := writeEvents(t.Context(), out, someEvents(300)); err != nil || s.XLen(t.Context(), events).Val() != 300 {
					t.Error(err, s.XLen(t.Context(), events).Val())
				}
			})
		})
	}
}

func TestKeyIsTaken(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		out := open(t, at(t, s.Addr()))
		if err := s.Set(t.Context(), events, "x", 0).Err(); err != nil {
			t.Fatal(err)
		}
		want := "redis " + s.Addr() + ": the key rtcollector:events is not a stream: rename or delete it, or configure another stream: WRONGTYPE "
		if err := writeEvents(t.Context(), out, someEvents(300)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("error %v", err)
		}
		s.Del(t.Context(), events)
		if err := writeEvents(t.Context(), out, someEvents(300)); err != nil || s.XLen(t.Context(), events).Val() != 300 {
			t.Error(err)
		}
	})
}

// A connection breaks in the middle of a write. Nothing is missing afterwards, and duplicates have the same id.
func TestConnectionBreaks(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		n := redistest.NewNetwork(t, s.Addr())
		out := open(t, at(t, n.Listen))
		list := someEvents(5000)
		n.Poison(t, "limit_data", "downstream", map[string]int{"bytes": 20_000})
		err := writeEvents(t.Context(), out, list)
		if err == nil || !strings.HasPrefix(err.Error(), "redis "+n.Listen) {
			t.Fatalf("error %v", err)
		}
		list = outputtest.RestOfEvents(list, err)
		if len(list) == 5000 {
			t.Error("nothing is settled")
		}
		n.Heal(t)
		if err := writeEvents(t.Context(), out, list); err != nil {
			t.Fatal(err)
		}
		first := map[string]string{}
		all := s.entries(t, events)
		for _, e := range all {
			if m, seen := first[e["id"]]; seen && m != e["message"] {
				t.Fatalf("%s is %q and %q", e["id"], m, e["message"])
			}
			first[e["id"]] = e["message"]
		}
		if len(first) != 5000 || len(all) == 5000 {
			t.Errorf("%d entries of %d events", len(all), len(first))
		}
	})
}

func TestCancel(t *testing.T) {
	s := newReal(t)
	out := open(t, at(t, s.Addr()))
	if err := s.Do(t.Context(), "CLIENT", "PAUSE", "100000", "WRITE").Err(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := writeEvents(ctx, out, someEvents(3)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}

// On a cluster each stream is on the shard of its key, and entries keep their order while the slot moves.
func TestCluster(t *testing.T) {
	nodes := redistest.Cluster(t, 3)
	c := redisstreams.Defaults()
	c.Cluster, c.Metrics, c.MaxLength = []string{nodes[0].Addr()}, true, 0
	out := open(t, c)
	list := someEvents(900)
	if err := errors.Join(writeEvents(t.Context(), out, list[:300]), out.(outputs.MetricWriter).WriteMetrics(t.Context(), batches())); err != nil {
		t.Fatal(err)
	}
	slot, owner := redisconn.Slot(events), 0
	for slot >= (owner+1)*redisconn.Slots/len(nodes) {
		owner++
	}
	redistest.MoveSlot(t, slot, nodes[owner], nodes[(owner+1)%len(nodes)], nil)
	if err := errors.Join(writeEvents(t.Context(), out, list[300:600]), writeEvents(t.Context(), out, list[600:])); err != nil {
		t.Fatal(err)
	}
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: c.Cluster, Protocol: 2, DisableIdentity: true})
	defer client.Close()
	all, err := client.XRange(t.Context(), events, "-", "+").Result()
	if err != nil || len(all) != 900 {
		t.Fatal(len(all), err)
	}
	for i, m := range all {
		if m.Values["message"] != "message "+strconv.Itoa(i) {
			t.Fatalf("entry %d is %v", i, m.Values["message"])
		}
	}
	if n := client.XLen(t.Context(), metrics).Val(); n != 3 {
		t.Errorf("%d samples", n)
	}
}

// A user with the permissions in the README can write. Without xadd the error says so.
func TestRights(t *testing.T) {
	s := newReal(t)
	_, rest, ok := strings.Cut(redisstreams.Plugin.Readme(), "`ACL SETUSER rtcollector ")
	line, _, _ := strings.Cut(rest, "`")
	if !ok {
		t.Fatal("the README names no rights")
	}
	args := []any{"ACL", "SETUSER", "rtcollector"}
	for _, word := range strings.Fields(strings.Replace(line, ">…", ">secret", 1)) {
		args = append(args, word)
	}
	if err := s.Do(t.Context(), args...).Err(); err != nil {
		t.Fatal(err)
	}
	c := at(t, s.Addr())
	if err := errors.Join(c.Username.UnmarshalScalar("rtcollector"), c.Password.UnmarshalScalar("secret")); err != nil {
		t.Fatal(err)
	}
	c.Metrics = true
	out := open(t, c)
	if err := errors.Join(writeEvents(t.Context(), out, someEvents(1)), out.(outputs.MetricWriter).WriteMetrics(t.Context(), batches())); err != nil {
		t.Error(err)
	}
	if err := s.Do(t.Context(), "ACL", "SETUSER", "rtcollector", "-xadd").Err(); err != nil {
		t.Fatal(err)
	}
	if err := writeEvents(t.Context(), out, someEvents(1)); err == nil || !strings.Contains(err.Error(), "refuses this to the user") {
		t.Errorf("error %v", err)
	}
}

func TestConfigProblems(t *testing.T) {
	for text, want := range map[string]string{
		"stream: ''":                     "c.yaml:1:1: redis_streams.stream: must not be empty",
		"metrics_stream: ''":             "c.yaml:1:1: redis_streams.metrics_stream: must not be empty",
		"max_length: -1":                 "c.yaml:1:1: redis_streams.max_length: must not be negative; 0 sets no limit",
		"port: 0":                        "c.yaml:1:1: redis_streams.port: must be 1 to 65535, not 0",
		"{stream: a, metrics_stream: a}": "c.yaml:1:13: redis_streams.metrics_stream: must not be the same as stream, because entries of events and samples differ",
		"{metrics: true, max_length: 0}": "",
	} {
		_, ps := catalogtest.Decode(t, redisstreams.Plugin, text)
		if got := ps.In("c.yaml").Error(); got != want {
			t.Errorf("%s\n got: %s\nwant: %s", text, got, want)
		}
	}
	if _, err := redisstreams.New(outputs.Env{}, redisstreams.Defaults()); err == nil {
		t.Error("made without an instance: IDs would collide")
	}
}
