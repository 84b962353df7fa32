package redistimeseries_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs/outputtest"
	"github.com/rtcollector/rtcollector/outputs/redistimeseries"
)

func badDays() []outputtest.BadDay {
	return outputtest.BadDays(
		outputtest.Full("is full: raise maxmemory, or shorten the retention: OOM "),
		outputtest.NoRight("no right", "refuses this to the user: grant it with ACL SETUSER default +ts.", "ts.madd", "ts.create"),
		outputtest.Unloaded("module unloaded", "has no TimeSeries module: use Redis 8 or Redis Stack, or load redistimeseries.so", "TS.MADD"),
	)
}

// In a bad state nothing is dropped, and a later retry succeeds.
func TestBadDays(t *testing.T) {
	for _, day := range badDays() {
		for kind, fresh := range map[string]bool{"known series": false, "new series": true} {
			t.Run(day.Name+"/"+kind, func(t *testing.T) {
				s := newServer(t)
				f := open(t, s.config())
				g := f.gauge("g")
				if !fresh {
					write(t, f, batch(1, g))
				}
				day.Refuses(t, s.Redis, func() error { return f.WriteMetrics(t.Context(), []*telemetry.Batch{batch(2, g)}) })
				write(t, f, batch(2, g))
				if got := s.samples(t, "h1:g"); !strings.HasSuffix(got, "2=2") || strings.HasPrefix(got, "1=1") == fresh {
					t.Errorf("samples %q", got)
				}
			})
		}
	}
}

func TestWrongPassword(t *testing.T) {
	s := newServer(t)
	if s.Embedded != nil {
		t.Skip("the embedded server has no passwords; needs RTC_TEST_REDIS")
	}
	s.Run(t, []any{"CONFIG", "SET", "requirepass", "right"})
	defer s.Run(t, []any{"CONFIG", "SET", "requirepass", ""})
	for password, want := range map[string]string{
		"": "requires a password: set username and password", "geheim": "refuses the username or the password", "right": "",
	} {
		c := s.config()
		if err := c.Password.UnmarshalScalar(password); err != nil {
			t.Fatal(err)
		}
		err := newFixture(t, c, "h1", nil).Open(t.Context())
		if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "geheim")) {
			t.Errorf("with password %q: %v", password, err)
		}
	}
}

// A server disappears, and comes back empty at the same address.
func TestRestartedEmpty(t *testing.T) {
	s := newServer(t)
	f := open(t, s.config())
	g, h := f.gauge("g"), f.gauge("h")
	write(t, f, batch(1, g, h))
	s.Restart(t, func() {
		if err := f.WriteMetrics(t.Context(), []*telemetry.Batch{batch(2, g, h)}); err == nil && s.Embedded != nil {
			t.Error("wrote to a server that is gone")
		}
	})
	retry(t, f, batch(2, g, h), batch(3, h))
	if got := s.samples(t, "h1:g") + "; " + s.samples(t, "h1:h"); got != "2=2; 2=2 3=3" {
		t.Error(got)
	}
	if _, policy, labels := s.describe(t, "h1:g"); policy != "last" || labels["__name__"] != "g" {
		t.Error(policy, labels)
	}
}

// retry writes like the agent, without its pauses. A broken connection costs one attempt.
func retry(t *testing.T, f *fixture, batches ...*telemetry.Batch) {
	t.Helper()
	var err error
	for range 5 {
		if err = f.WriteMetrics(t.Context(), batches); err == nil {
			return
		}
	}
	t.Fatalf("written five times: %v", err)
}

// The rights in the README are sufficient, and each of them is necessary.
func TestRights(t *testing.T) {
	s := newServer(t)
	if s.Embedded != nil {
		t.Skip("the embedded server has no users: RTC_TEST_REDIS names a real one")
	}
	_, rest, _ := strings.Cut(redistimeseries.Plugin.Readme(), "`ACL SETUSER rtcollector on >… ~* ")
	line, _, _ := strings.Cut(rest, "`")
	rules := strings.Fields(line)
	if len(rules) < 10 {
		t.Fatalf("rules %v", rules)
	}
	t.Cleanup(func() { _ = s.Do(context.Background(), "ACL", "DELUSER", "agent").Err() })
	for left := -1; left < len(rules); left++ {
		s.Empty(t)
		args := []any{"ACL", "SETUSER", "agent", "reset", "on", ">pw", "~*"}
		for i, r := range rules {
			if i != left {
				args = append(args, r)
			}
		}
		if err := s.Do(t.Context(), args...).Err(); err != nil {
			t.Fatal(err)
		}
		c := tiered(s.config())
		c.Username, c.Password = secret.Literal("agent"), secret.Literal("pw")
		err := everything(t, c)
		switch {
		case left < 0 && err != nil:
			t.Errorf("with all rights: %v", err)
		case left >= 0 && slices.Contains([]string{"+select", "+auth", "+hello"}, rules[left]): // another database; one replaces the other
		case left >= 0 && (err == nil || !strings.Contains(err.Error(), rules[left])):
			t.Errorf("without %s: %v", rules[left], err)
		}
	}
}

// everything creates an ephemeral series with compactions, which expire. Another output alters it, so that it does not expire.
func everything(t *testing.T, c redistimeseries.Config) error {
	t.Helper()
	for _, keep := range []redistimeseries.Retention{86_400_000, 0} {
		c.Compactions[1].Keep = keep
		f := newFixture(t, c, "h1", nil)
		if err := f.Open(t.Context()); err != nil {
			return err
		}
		if err := f.WriteMetrics(t.Context(), []*telemetry.Batch{batch(1, f.ephemeral(time.Hour, "g"))}); err != nil {
			return err
		}
		if f.log.Count("level=") > 0 {
			return errors.New(f.log.String())
		}
		c.Retention *= 2
	}
	return nil
}
