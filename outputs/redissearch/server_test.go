package redissearch_test

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
	"github.com/rtcollector/rtcollector/outputs/outputtest"
	"github.com/rtcollector/rtcollector/outputs/redissearch"
)

// start is the time of the events in tests that do not need the current time.
var start = time.UnixMilli(1_700_000_000_000)

// testServer is a server to write to.
type testServer struct{ *outputtest.Redis }

func newServer(t testing.TB) *testServer {
	t.Helper()
	s := &testServer{outputtest.NewRedis(t)}
	if err := s.Do(t.Context(), "FT._LIST").Err(); err != nil {
		t.Skipf("the server has no search commands: %s names one that has", outputtest.Named)
	}
	return s
}

// config returns settings for the server.
func (s *testServer) config(storage redissearch.Storage) redissearch.Config {
	c := redissearch.Defaults()
	c.Host, c.Port, c.Storage = s.Host, s.Port, storage
	return c
}

// each runs a test with both kinds of documents.
func each(t *testing.T, f func(t *testing.T, s *testServer, c redissearch.Config)) {
	t.Helper()
	for _, storage := range []redissearch.Storage{redissearch.JSON, redissearch.Hash} {
		t.Run(string(storage), func(t *testing.T) {
			s := newServer(t)
			f(t, s, s.config(storage))
		})
	}
}

// fixture is an output and the sequence number that an agent would give to the next event.
type fixture struct {
	*redissearch.Writer
	outputs.EventReader
	log *servicetest.Log
	seq uint64
}

func newFixture(t testing.TB, config redissearch.Config, instance string) *fixture {
	t.Helper()
	f := &fixture{log: &servicetest.Log{}}
	w, err := redissearch.New(outputs.Env{
		ID: "redissearch", Host: "h1", Instance: instance, Log: slog.New(slog.NewTextHandler(f.log, nil)),
	}, config)
	if err != nil {
		t.Fatal(err)
	}
	f.Writer, f.EventReader = w, config.NewEventReader(nil)
	t.Cleanup(func() {
		_ = w.Close()
		_ = f.EventReader.Close()
	})
	return f
}

// Close closes the output.
func (f *fixture) Close() error { return f.Writer.Close() }

func open(t testing.TB, config redissearch.Config) *fixture {
	t.Helper()
	f := newFixture(t, config, "inst0001")
	if err := f.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	return f
}

// event returns a complete event, as the agent emits it, n milliseconds after start.
func (f *fixture) event(n int, message string, fields ...string) telemetry.Event {
	f.seq++
	e := telemetry.Event{
		Time: start.Add(time.Duration(n) * time.Millisecond), Seq: f.seq, Source: "syslog", Severity: telemetry.Error,
		Host: "h1", App: "sshd", Proc: "123", MsgID: "ID7", Message: message,
	}
	for i := 0; i+1 < len(fields); i += 2 {
		e.Fields = append(e.Fields, telemetry.Text(fields[i], fields[i+1]))
	}
	return e
}

func (f *fixture) events(n int) []telemetry.Event {
	var events []telemetry.Event
	for i := range n {
		events = append(events, f.event(i, "message number "+strconv.Itoa(i)))
	}
	return events
}

func write(t testing.TB, f *fixture, events ...telemetry.Event) {
	t.Helper()
	if err := f.WriteEvents(t.Context(), events); err != nil {
		t.Fatal(err)
	}
}

// retry writes as the agent does but without pauses: after a broken connection it writes again.
func retry(t *testing.T, f *fixture, events ...telemetry.Event) {
	t.Helper()
	var err error
	for range 5 {
		if err = f.WriteEvents(t.Context(), events); err == nil {
			return
		}
	}
	t.Fatalf("written five times: %v", err)
}

// found returns how many documents a query finds. Documents older than the index are indexed in the background.
func (s *testServer) found(t testing.TB, query string) int {
	t.Helper()
	return s.search(t, query, "LIMIT", 0, 0).total
}

type result struct {
	total int
	keys  []string
	docs  []map[string]string
}

func (s *testServer) search(t testing.TB, query string, args ...any) result {
	t.Helper()
	reply, err := s.Do(t.Context(), append([]any{"FT.SEARCH", "logs_idx", query}, args...)...).Slice()
	if err != nil {
		t.Fatalf("search %s: %v", query, err)
	}
	r := result{total: int(reply[0].(int64))}
	for _, v := range reply[1:] {
		switch v := v.(type) {
		case string:
			r.keys = append(r.keys, v)
		case []any:
			doc := map[string]string{}
			for i := 0; i+1 < len(v); i += 2 {
				doc[v[i].(string)] = fmt.Sprint(v[i+1])
			}
			r.docs = append(r.docs, doc)
		}
	}
	return r
}

// wait waits until a query finds a number of documents, because an index covers existing documents only after a while.
func (s *testServer) wait(t *testing.T, query string, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for got := s.found(t, query); got != n; got = s.found(t, query) {
		if ctx.Err() != nil {
			t.Fatalf("%s finds %d documents, want %d", query, got, n)
		}
	}
}
