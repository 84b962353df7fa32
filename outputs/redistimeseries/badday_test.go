package redistimeseries_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/embedded"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
	"github.com/rtcollector/rtcollector/outputs/redistimeseries"
	"github.com/rtcollector/rtcollector/secrets"
)

// badDay is a state of the server in which it refuses writes. The embedded server is told to answer so; a real one is
// brought into that state, where that can be done by commands.
type badDay struct {
	name  string
	reply string
	say   string
	cause [][]any
	end   [][]any
}

func badDays() []badDay {
	return []badDay{
		{
			"full", "OOM command not allowed when used memory > 'maxmemory'.",
			"is full: raise maxmemory, or shorten the retention: OOM ",
			[][]any{{"CONFIG", "SET", "maxmemory", "1"}}, [][]any{{"CONFIG", "SET", "maxmemory", "0"}},
		},
		{
			"replica", "READONLY You can't write against a read only replica.",
			"is a read-only replica: name the master, or wait for the failover: READONLY ",
			[][]any{{"REPLICAOF", "127.0.0.1", "1"}}, [][]any{{"REPLICAOF", "NO", "ONE"}},
		},
		{
			"too few replicas", "NOREPLICAS Not enough good replicas to write.",
			"has too few replicas to accept writes (min-replicas-to-write): NOREPLICAS ",
			[][]any{{"CONFIG", "SET", "min-replicas-to-write", "1"}}, [][]any{{"CONFIG", "SET", "min-replicas-to-write", "0"}},
		},
		{
			"no right", "NOPERM User default has no permissions to run the 'ts.madd' command",
			"refuses this to the user: grant it with ACL SETUSER default +ts.",
			[][]any{{"ACL", "SETUSER", "default", "-ts.madd", "-ts.create"}}, [][]any{{"ACL", "SETUSER", "default", "+@all"}},
		},
		{name: "loading", reply: "LOADING Redis is loading the dataset in memory", say: "is still loading its data"},
		{name: "no disk", reply: "MISCONF Redis is configured to save RDB snapshots", say: "cannot save to disk and refuses writes"},
		{name: "cluster down", reply: "CLUSTERDOWN The cluster is down", say: "belongs to a cluster that is down"},
		{name: "no master", reply: "MASTERDOWN Link with MASTER is down", say: "is a replica without its master"},
		{name: "no password", reply: "NOAUTH Authentication required.", say: "wants a password"},
		{name: "wrong password", reply: "WRONGPASS invalid username-password pair", say: "refuses the username or the password"},
		{name: "busy", reply: "BUSY Redis is busy running a script.", say: "is busy with a script"},
		{name: "cluster", reply: "CROSSSLOT Keys in request don't hash to the same slot", say: "is a node of a cluster: list it under cluster"},
		{
			name: "module unloaded", reply: "ERR unknown command 'TS.MADD', with args beginning with: 'a' '1' '1' ",
			say: "has no TimeSeries module: use Redis 8 or Redis Stack, or load redistimeseries.so",
		},
		{name: "unheard of", reply: "ERR something new", say: ": ERR something new"},
	}
}

func (d badDay) begin(t *testing.T, s *testServer) {
	t.Helper()
	if s.embedded != nil {
		s.embedded.SetError(d.reply)
		return
	}
	if d.cause == nil {
		t.Skip("commands cannot bring a real server into this state")
	}
	t.Cleanup(func() { d.over(t, s) })
	s.run(t, d.cause)
}

func (d badDay) over(t *testing.T, s *testServer) {
	t.Helper()
	if s.embedded != nil {
		s.embedded.SetError("")
		return
	}
	s.run(t, d.end)
}

func (s *testServer) run(t *testing.T, commands [][]any) {
	t.Helper()
	for _, c := range commands {
		if err := s.Do(context.Background(), c...).Err(); err != nil { // also runs when the test's context has ended
			t.Error(err)
		}
	}
}

// On a bad day nothing is given up: the error asks for another try, says what to do, and the try succeeds later.
func TestBadDays(t *testing.T) {
	for _, day := range badDays() {
		for kind, fresh := range map[string]bool{"known series": false, "new series": true} {
			t.Run(day.name+"/"+kind, func(t *testing.T) {
				s := newServer(t)
				f := open(t, s.config())
				g := f.gauge("g")
				if !fresh {
					write(t, f, batch(1, g))
				}
				day.begin(t, s)
				err := f.WriteMetrics(t.Context(), []*telemetry.Batch{batch(2, g)})
				var reject *outputs.RejectError
				if err == nil || outputs.IsPermanent(err) || errors.As(err, &reject) {
					t.Fatalf("error %v does not ask for another try", err)
				}
				if where := fmt.Sprintf("redis %s:%d", s.host, s.port); !strings.HasPrefix(err.Error(), where) || !strings.Contains(err.Error(), day.say) {
					t.Errorf("error %q, want %q … %q", err, where, day.say)
				}
				day.over(t, s)
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
	if s.embedded != nil {
		t.Skip("the embedded server has no passwords; needs RTC_TEST_REDIS")
	}
	s.run(t, [][]any{{"CONFIG", "SET", "requirepass", "right"}})
	defer s.run(t, [][]any{{"CONFIG", "SET", "requirepass", ""}})
	for password, want := range map[string]string{
		"": "wants a password: set username and password", "geheim": "refuses the username or the password", "right": "",
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

// A server that is gone, and comes back empty at the same address.
func TestRestartedEmpty(t *testing.T) {
	s := newServer(t)
	f := open(t, s.config())
	g, h := f.gauge("g"), f.gauge("h")
	write(t, f, batch(1, g, h))
	s.restart(t, func() {
		if err := f.WriteMetrics(t.Context(), []*telemetry.Batch{batch(2, g, h)}); err == nil && s.embedded != nil {
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

// retry writes as the agent does, without its pauses: a connection that broke costs a try.
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

// restart closes the embedded server and opens another at its address; a real one only loses connections and keys.
func (s *testServer) restart(t *testing.T, away func()) {
	t.Helper()
	if s.embedded == nil {
		s.run(t, [][]any{{"FLUSHALL"}, {"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"}})
		away()
		return
	}
	addr := s.embedded.Addr()
	if err := s.embedded.Close(); err != nil {
		t.Fatal(err)
	}
	away()
	s.listen(t, addr)
}

func (s *testServer) listen(t *testing.T, addr string) {
	t.Helper()
	var err error
	if s.embedded, err = embedded.Listen(addr, embedded.Config{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.embedded.Close() })
}

// The rights that the README names are enough for everything, and each of them is needed.
func TestRights(t *testing.T) {
	s := newServer(t)
	if s.embedded != nil {
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
		s.empty(t)
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
		c.Username, c.Password = secrets.Literal("agent"), secrets.Literal("pw")
		err := everything(t, c)
		switch {
		case left < 0 && err != nil:
			t.Errorf("with all rights: %v", err)
		case left >= 0 && slices.Contains([]string{"+select", "+auth", "+hello"}, rules[left]): // another database; one stands in for the other
		case left >= 0 && (err == nil || !strings.Contains(err.Error(), rules[left])):
			t.Errorf("without %s: %v", rules[left], err)
		}
	}
}

// everything makes a series with tiers, and another output alters it.
func everything(t *testing.T, c redistimeseries.Config) error {
	t.Helper()
	for range 2 {
		f := newFixture(t, c, "h1", nil)
		if err := f.Open(t.Context()); err != nil {
			return err
		}
		if err := f.WriteMetrics(t.Context(), []*telemetry.Batch{batch(1, f.gauge("g"))}); err != nil {
			return err
		}
		c.Retention *= 2
	}
	return nil
}
