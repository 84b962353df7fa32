package redissearch_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
	"github.com/rtcollector/rtcollector/outputs/redissearch"
)

// stored returns a document as names and texts.
func (s *testServer) stored(t *testing.T, key string) map[string]string {
	t.Helper()
	out := map[string]string{}
	text, err := s.Do(t.Context(), "JSON.GET", key).Text()
	if err != nil {
		if out, err = s.HGetAll(t.Context(), key).Result(); err != nil {
			t.Fatal(err)
		}
		return out
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var doc map[string]any
	if err := d.Decode(&doc); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	for k, v := range doc {
		switch v := v.(type) {
		case string:
			out[k] = v
		case json.Number:
			out[k] = v.String()
		default:
			t.Errorf("%s is %v", k, v)
		}
	}
	return out
}

// A document can be found by each attribute.
func TestFound(t *testing.T) {
	each(t, func(t *testing.T, s *testServer, c redissearch.Config) {
		f := open(t, c)
		e := f.event(0, "Accepted publickey for root", "facility", "4", "remote_ip", "10.0.0.9", "name", "syslog_sshd", "other", "x")
		quiet := telemetry.Event{Time: start.Add(time.Hour), Seq: 99, Severity: telemetry.Debug}
		write(t, f, e, quiet)
		for _, query := range []string{
			"publickey", "@message:accept*", "@host:{h1}", "@appname:{sshd}", "@level:{error}", "@source:{syslog}", "@procid:{123}",
			"@msgid:{ID7}", "@severity:[0 3]", "@facility:[4 4]", `@remote_ip:{10\.0\.0\.9}`, "@name:{syslog_sshd}",
			"@timestamp:[1700000000000 1700000000000]", "@host:{h1} @severity:[3 3]",
		} {
			r := s.search(t, query, "NOCONTENT")
			if r.total != 1 || len(r.keys) != 1 || r.keys[0] != "log:1700000000000-inst0001-00000001" {
				t.Errorf("%s finds %v", query, r)
			}
		}
		if r := s.search(t, "*", "SORTBY", "timestamp", "DESC", "NOCONTENT"); !slices.Equal(r.keys, []string{"log:1700003600000-inst0001-00000099", "log:1700000000000-inst0001-00000001"}) {
			t.Error(r.keys)
		}
		want := map[string]string{
			"timestamp": "1700000000000", "severity": "3", "level": "error", "host": "h1", "source": "syslog", "appname": "sshd",
			"procid": "123", "msgid": "ID7", "message": "Accepted publickey for root", "facility": "4", "remote_ip": "10.0.0.9",
			"name": "syslog_sshd", "other": "x",
		}
		if diff := cmp.Diff(want, s.stored(t, "log:1700000000000-inst0001-00000001")); diff != "" {
			t.Error(diff)
		}
		want = map[string]string{"timestamp": "1700003600000", "severity": "7", "level": "debug", "message": ""}
		if diff := cmp.Diff(want, s.stored(t, "log:1700003600000-inst0001-00000099")); diff != "" {
			t.Error(diff)
		}
	})
}

// Repeating a write, completely or in part, does not create more documents.
func TestRepeated(t *testing.T) {
	each(t, func(t *testing.T, s *testServer, c redissearch.Config) {
		f := open(t, c)
		events := f.events(1000)
		write(t, f, events[:600]...)
		write(t, f, events...)
		write(t, f, events...)
		if n := s.found(t, "*"); n != 1000 || s.DBSize(t.Context()).Val() != 1000 {
			t.Errorf("%d found, %d keys", n, s.DBSize(t.Context()).Val())
		}
	})
}

// Two agents write the same events with the same sequence numbers. Their keys differ and sort by time.
func TestKeysOfTwoAgents(t *testing.T) {
	each(t, func(t *testing.T, s *testServer, c redissearch.Config) {
		a, b := newFixture(t, c, "aaaaaaaa"), newFixture(t, c, "bbbbbbbb")
		for _, f := range []*fixture{a, b} {
			if err := f.Open(t.Context()); err != nil {
				t.Fatal(err)
			}
			write(t, f, f.events(120)...)
		}
		if n := s.found(t, "*"); n != 240 {
			t.Errorf("%d documents", n)
		}
		byTime := s.search(t, "*", "SORTBY", "timestamp", "ASC", "NOCONTENT", "LIMIT", 0, 1000).keys
		stamp := func(key string) string { return key[:len("log:")+13] }
		if !slices.IsSortedFunc(byTime, func(x, y string) int { return strings.Compare(stamp(x), stamp(y)) }) {
			t.Error("keys do not sort by time")
		}
	})
}

func TestTTL(t *testing.T) {
	each(t, func(t *testing.T, s *testServer, c redissearch.Config) {
		c.TTL = conf.Duration(time.Hour)
		f := open(t, c)
		now := time.Now()
		fresh, old := f.event(0, "fresh"), f.event(0, "old")
		fresh.Time, old.Time = now.Add(-time.Minute), now.Add(-61*time.Minute)
		for range 2 {
			err := f.WriteEvents(t.Context(), []telemetry.Event{old, fresh})
			var reject *outputs.RejectError
			if !errors.As(err, &reject) || reject.N != 1 || err.Error() != "1 rejected: 1 older than the ttl, 1h0m0s" {
				t.Errorf("error %v", err)
			}
		}
		keys := s.search(t, "*", "NOCONTENT").keys
		if len(keys) != 1 {
			t.Fatal(keys)
		}
		if got, want := s.PExpireTime(t.Context(), keys[0]).Val(), time.Duration(fresh.Time.Add(time.Hour).UnixMilli())*time.Millisecond; (got - want).Abs() > time.Millisecond {
			t.Errorf("ends at %v, want %v", got, want)
		}
		c.TTL = 0
		f = open(t, c)
		forever := f.event(1, "forever")
		write(t, f, forever)
		if ttl := s.PTTL(t.Context(), "log:1700000000001-inst0001-00000001").Val(); ttl != -1 {
			t.Errorf("time to live %v without a ttl", ttl)
		}
	})
}

// The key of one document holds a value of another type. The other documents are written.
func TestKeyIsTaken(t *testing.T) {
	each(t, func(t *testing.T, s *testServer, c redissearch.Config) {
		f := open(t, c)
		s.Run(t, []any{"SET", "log:1700000000001-inst0001-00000002", "mine"})
		err := f.WriteEvents(t.Context(), f.events(3))
		var reject *outputs.RejectError
		if !errors.As(err, &reject) || reject.N != 1 || err.Error() != "1 rejected: 1 whose key holds a value of another type" {
			t.Errorf("error %v", err)
		}
		if n := s.found(t, "*"); n != 2 {
			t.Errorf("%d documents", n)
		}
	})
}

// An index may have attributes of the user. A document that it refuses is stored, counted, and named in the error.
func TestIndexRefusesDocuments(t *testing.T) {
	each(t, func(t *testing.T, s *testServer, c redissearch.Config) {
		path := []any{"status"}
		if c.Storage == redissearch.JSON {
			path = []any{"$.status", "AS", "status"}
		}
		f := open(t, c)
		s.Run(t, append(append([]any{"FT.ALTER", "logs_idx", "SCHEMA", "ADD"}, path...), "NUMERIC"))
		good, bad := f.event(0, "good"), f.event(1, "bad", "status", "broken")
		err := f.WriteEvents(t.Context(), []telemetry.Event{good, bad, f.event(2, "bad", "status", "broken too")})
		var reject *outputs.RejectError
		if !errors.As(err, &reject) || reject.N != 2 || !strings.Contains(err.Error(), "2 stored, but refused by index logs_idx: ") ||
			!strings.Contains(err.Error(), "(log:1700000000002-inst0001-00000003)") {
			t.Errorf("error %v", err)
		}
		if n := s.found(t, "*"); n != 1 || s.DBSize(t.Context()).Val() != 3 {
			t.Errorf("%d found, %d stored", n, s.DBSize(t.Context()).Val())
		}
		write(t, f, f.event(3, "good again")) // earlier refusals are not counted again

		other := newFixture(t, c, "inst0002") // nor are the refusals of others
		if err := other.Open(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := other.WriteEvents(t.Context(), []telemetry.Event{other.event(0, "bad", "status", "x")}); err == nil {
			t.Error("the other's document is not refused")
		}
		write(t, f, f.event(4, "good"))
	})
}

// A field with a reserved name is stored under another name.
func TestNamesOfFields(t *testing.T) {
	each(t, func(t *testing.T, s *testServer, c redissearch.Config) {
		f := open(t, c)
		e := f.event(0, "m", "host", "a", "message", "b", "severity", "c", "facility", "local0", "x", "1", "x", "2", "x", "3", "", "e",
			"field_y", "4", "y", "5", "y", "6", "invalid_utf8", "7", "a\xffb", "8", "a\xfeb", "9", "$.weird[0]", "10", "timestamp", "now")
		write(t, f, e)
		doc := s.stored(t, "log:1700000000000-inst0001-00000001")
		want := map[string]string{
			"timestamp": "1700000000000", "severity": "3", "level": "error", "host": "h1", "source": "syslog", "appname": "sshd",
			"procid": "123", "msgid": "ID7", "message": "m",
			"field_host": "a", "field_message": "b", "field_severity": "c", "field_facility": "local0", "x": "1", "field_x": "2",
			"field_x_2": "3", "field_": "e", "field_y": "4", "y": "5", "field_y_2": "6", "field_invalid_utf8": "7", "a\ufffdb": "8",
			"field_a\ufffdb": "9", "$.weird[0]": "10", "field_timestamp": "now",
		}
		if diff := cmp.Diff(want, doc); diff != "" {
			t.Error(diff)
		}
		if n := s.found(t, "@host:{h1}"); n != 1 {
			t.Error("not found")
		}
	})
}

func TestWeirdMessages(t *testing.T) {
	long := strings.Repeat("0123456789abcde ", 64<<10) // 1 MiB
	each(t, func(t *testing.T, s *testServer, c redissearch.Config) {
		f := open(t, c)
		for i, m := range []string{"", "\x00", "a\x00b", "\xff\xfe", "quo\"te\\ \r\n\t\b\f\x01\x7f", "日本語 \u2028 😀 \ufffd", "*3\r\n$3\r\nSET\r\n", long, "tail\xc3"} {
			e := f.event(i, m, "f", m)
			write(t, f, e)
			key := "log:" + strconv.FormatInt(1_700_000_000_000+int64(i), 10) + "-inst0001-0000000" + strconv.Itoa(i+1)
			doc := s.stored(t, key)
			want, invalid := m, ""
			if c.Storage == redissearch.JSON && strings.ToValidUTF8(m, "") != m {
				var b strings.Builder
				for _, r := range m {
					b.WriteRune(r)
				}
				want, invalid = b.String(), "message,f"
			}
			if doc["message"] != want || doc["f"] != want || doc["invalid_utf8"] != invalid {
				t.Errorf("message %.40q became %.40q; invalid_utf8 %q", m, doc["message"], doc["invalid_utf8"])
			}
		}
		if n := s.found(t, "*"); n != 9 {
			t.Errorf("%d documents found", n)
		}
	})
}

func TestManyInOneWrite(t *testing.T) {
	each(t, func(t *testing.T, s *testServer, c redissearch.Config) {
		f := open(t, c)
		events := f.events(20_000)
		write(t, f, events...)
		if n := s.found(t, "*"); n != len(events) {
			t.Errorf("%d documents", n)
		}
		write(t, f)
	})
}

// An event is encoded without allocations, unless its fields collide.
func TestEncodeDoesNotAllocate(t *testing.T) {
	for _, storage := range kinds() {
		c := redissearch.Defaults()
		c.Storage = storage
		f := newFixture(t, c, "inst0001")
		events := f.logLines(10)
		buf := make([]byte, 0, 64<<10)
		if n := testing.AllocsPerRun(100, func() {
			for i := range events {
				f.Encode(buf, &events[i])
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", storage, n)
		}
	}
}
