package redisstreams_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/rtcollector/rtcollector/internal/redisconn/redistest"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
	"github.com/rtcollector/rtcollector/outputs/outputtest"
	redisstreams "github.com/rtcollector/rtcollector/outputs/redis_streams"
)

const events, metrics = "rtcollector:events", "rtcollector:metrics"

// server is a Redis to write to: a real one, or the embedded one.
type server struct{ *outputtest.Redis }

// each runs a test with both kinds of servers.
func each(t *testing.T, f func(t *testing.T, s *server)) {
	t.Helper()
	t.Run("embedded", func(t *testing.T) { f(t, newEmbedded(t)) })
	t.Run("real", func(t *testing.T) { f(t, newReal(t)) })
}

func newEmbedded(t testing.TB) *server {
	t.Helper()
	return &server{outputtest.NewEmbedded(t)}
}

func newReal(t testing.TB) *server {
	t.Helper()
	return &server{outputtest.RedisAt(t, redistest.Start(t).Addr())}
}

func at(t testing.TB, addr string) redisstreams.Config {
	t.Helper()
	c := redisstreams.Defaults()
	c.Host, c.Port = servicetest.HostPort(t, addr)
	return c
}

func open(t testing.TB, c redisstreams.Config) outputs.Output {
	t.Helper()
	out, err := redisstreams.New(outputs.Env{ID: "redis_streams", Host: "h1", Instance: "inst0001"}, c)
	if err != nil {
		t.Fatal(err)
	}
	if err := out.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = out.Close() })
	return out
}

var start = time.UnixMilli(1_700_000_000_000)

func someEvents(n int) []telemetry.Event {
	var out []telemetry.Event
	for i := range n {
		out = append(out, telemetry.Event{
			Time: start.Add(time.Duration(i) * time.Millisecond), Seq: uint64(i + 1), Severity: telemetry.Warning, Host: "h1",
			Source: "syslog", App: "sshd", Proc: "7", MsgID: "M", Message: "message " + strconv.Itoa(i),
		})
	}
	return out
}

func writeEvents(ctx context.Context, out outputs.Output, list []telemetry.Event) error {
	return out.(outputs.EventWriter).WriteEvents(ctx, list)
}

func (s *server) entries(t *testing.T, stream string) []map[string]string {
	t.Helper()
	messages, err := s.XRange(t.Context(), stream, "-", "+").Result()
	if err != nil {
		t.Fatal(err)
	}
	var out []map[string]string
	for _, m := range messages {
		entry := map[string]string{}
		for k, v := range m.Values {
			entry[k] = fmt.Sprint(v)
		}
		out = append(out, entry)
	}
	return out
}

func TestConformance(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		c := at(t, s.Addr())
		for _, metrics := range []bool{false, true} {
			outputtest.Run(t, outputtest.Case{
				Definition: redisstreams.Plugin, Config: fmt.Sprintf("{host: %s, port: %d, metrics: %v}", c.Host, c.Port, metrics),
			})
		}
	})
}

func TestEvents(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		out := open(t, at(t, s.Addr()))
		list := someEvents(1)
		list[0].Fields = []telemetry.Field{telemetry.Text("facility", "4"), telemetry.Text("id", "mine"), telemetry.Text("user", "\xff\x00\r\n")}
		list = append(list, telemetry.Event{Time: start, Seq: 9})
		if err := writeEvents(t.Context(), out, list); err != nil {
			t.Fatal(err)
		}
		want := []map[string]string{{
			"id": "1700000000000-inst0001-00000001", "timestamp": "1700000000000", "severity": "4", "level": "warning", "host": "h1",
			"source": "syslog", "appname": "sshd", "procid": "7", "msgid": "M", "message": "message 0", "facility": "4",
			"field_id": "mine", "user": "\xff\x00\r\n",
		}, {"id": "1700000000000-inst0001-00000009", "timestamp": "1700000000000", "severity": "0", "level": "emergency", "message": ""}}
		if diff := cmp.Diff(want, s.entries(t, events)); diff != "" {
			t.Error(diff)
		}
		if n := s.Exists(t.Context(), metrics).Val(); n != 0 {
			t.Error("samples without being asked for")
		}
	})
}

func batches() []*telemetry.Batch {
	f := telemetry.NewFactory("h1", "test", map[string]string{"shelf": "a \"b\""})
	g, h := f.Gauge("disk_used", telemetry.Bytes, telemetry.Label{Key: "mount", Value: "/boot"}), f.Gauge("load1", telemetry.None)
	a := telemetry.NewBatch(start, start, 0)
	a.Add(g, 1.5e15)
	a.AddAt(h, math.NaN(), 5)
	b := telemetry.NewBatch(start.Add(time.Second), start, 0)
	b.AddAt(g, -0.25, b.Time) // Add would reject negative bytes
	return []*telemetry.Batch{a, telemetry.NewBatch(start, start, 0), b}
}

func TestMetrics(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		c := at(t, s.Addr())
		if _, takes := open(t, c).(outputs.MetricWriter); takes {
			t.Error("takes samples that are not wanted")
		}
		c.Metrics = true
		list := batches()
		for range 2 { // again, as after a lost reply
			if err := open(t, c).(outputs.MetricWriter).WriteMetrics(t.Context(), list); err != nil {
				t.Fatal(err)
			}
		}
		got := s.entries(t, metrics)
		if len(got) != 6 {
			t.Fatalf("%d entries", len(got))
		}
		if diff := cmp.Diff(got[:3], got[3:]); diff != "" {
			t.Errorf("written again they differ: %s", diff)
		}
		var ids []string
		for _, e := range got[:3] {
			id := e["id"]
			ids = append(ids, id)
			if stamp, hash, _ := strings.Cut(id, "-"); len(stamp) != 13 || len(hash) != 16 {
				t.Errorf("id %s", id)
			}
			delete(e, "id")
		}
		if slices.Sort(ids); len(slices.Compact(ids)) != 3 {
			t.Errorf("ids are not unique: %q", ids)
		}
		disk := func(ms, v string) map[string]string {
			return map[string]string{
				"name": "disk_used", "host": "h1", "source": "test", "unit": "bytes", "labels": `{"mount":"/boot","shelf":"a \"b\""}`, "timestamp": ms, "value": v,
			}
		}
		want := []map[string]string{
			disk("1700000000000", "1500000000000000"),
			{"name": "load1", "host": "h1", "source": "test", "labels": `{"shelf":"a \"b\""}`, "timestamp": "5", "value": "NaN"},
			disk("1700000001000", "-0.25"),
		}
		if diff := cmp.Diff(want, got[:3]); diff != "" {
			t.Error(diff)
		}
		var labels map[string]string
		if err := json.Unmarshal([]byte(got[0]["labels"]), &labels); err != nil {
			t.Error(err)
		}
	})
}

func TestMaxLength(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		for limit, want := range map[int64][2]int64{0: {5000, 5000}, 1000: {1000, 1200}} {
			c := at(t, s.Addr())
			c.MaxLength, c.Stream = limit, "limit"+strconv.FormatInt(limit, 10)
			if err := writeEvents(t.Context(), open(t, c), someEvents(5000)); err != nil {
				t.Fatal(err)
			}
			if n := s.XLen(t.Context(), c.Stream).Val(); n < want[0] || n > want[1] {
				t.Errorf("with %d: %d entries", limit, n)
			}
		}
	})
}

// The example in the README: a group reads every entry once, in order.
func TestGroup(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		if err := s.XGroupCreateMkStream(t.Context(), events, "shippers", "$").Err(); err != nil {
			t.Fatal(err)
		}
		if err := writeEvents(t.Context(), open(t, at(t, s.Addr())), someEvents(250)); err != nil {
			t.Fatal(err)
		}
		for n := 0; n < 250; {
			read, err := s.XReadGroup(t.Context(), &redis.XReadGroupArgs{Group: "shippers", Consumer: "one", Count: 100, Streams: []string{events, ">"}}).Result()
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range read[0].Messages {
				if m.Values["message"] != "message "+strconv.Itoa(n) {
					t.Fatalf("entry %d is %v", n, m.Values)
				}
				n++
			}
		}
	})
}
