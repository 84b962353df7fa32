package redissearch_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/outputs/redissearch"
)

// Inspect reports the content of the index and changes nothing.
func TestInspect(t *testing.T) {
	each(t, func(t *testing.T, s *testServer, c redissearch.Config) {
		c.TTL, c.MaxDocuments = conf.Duration(10_000*24*time.Hour), 100
		f := open(t, c)
		write(t, f, f.events(3)...)
		refused := []any{"HSET", "log:bad", "severity", "high"}
		if c.Storage == redissearch.JSON {
			refused = []any{"JSON.SET", "log:bad", "$", `{"severity":"high"}`}
		}
		if err := s.Do(t.Context(), refused...).Err(); err != nil {
			t.Fatal(err)
		}
		before := s.DBSize(t.Context()).Val()
		report := f.Inspect(t.Context(), nil)
		notes, warnings := strings.Join(report.Notes, "\n"), strings.Join(report.Warnings, "\n")
		if !strings.Contains(notes, "module search ") || !strings.Contains(notes, "index logs_idx holds 3 documents") {
			t.Errorf("notes:\n%s", notes)
		}
		if !strings.HasPrefix(warnings, "index logs_idx has refused 1 documents since it was created; the last one (log:bad): ") {
			t.Errorf("warnings:\n%s", warnings)
		}
		if after := s.DBSize(t.Context()).Val(); after != before {
			t.Errorf("%d keys, %d before", after, before)
		}
	})
}

func TestInspectRights(t *testing.T) {
	s := newServer(t)
	if s.Embedded != nil {
		t.Skip("the embedded server has no users: RTC_TEST_REDIS names a real one")
	}
	for storage, want := range map[redissearch.Storage]string{
		redissearch.JSON: "ACL SETUSER agent +ft.create +ft.alter +json.set +pexpireat +unlink +ft.search",
		redissearch.Hash: "ACL SETUSER agent +ft.create +ft.alter +hset +pexpireat +unlink +ft.search",
	} {
		c := s.config(storage)
		open(t, c)
		t.Cleanup(func() { _ = s.Do(context.Background(), "ACL", "DELUSER", "agent").Err() })
		if err := s.Do(t.Context(), "ACL", "SETUSER", "agent", "reset", "on", ">pw", "~*", "+ping", "+hello", "+client|setname", "+ft.info").Err(); err != nil {
			t.Fatal(err)
		}
		c.Username, c.Password = secret.Literal("agent"), secret.Literal("pw")
		c.TTL, c.MaxDocuments = conf.Duration(time.Hour), 100
		warnings := strings.Join(open(t, c).Inspect(t.Context(), nil).Faults, "\n")
		if warnings != "rights are missing: "+want {
			t.Errorf("%s: %s", storage, warnings)
		}
		if err := s.Do(t.Context(), "FT.DROPINDEX", c.Index).Err(); err != nil {
			t.Fatal(err)
		}
	}
}
