package outputtest

import (
	"errors"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/outputs"
)

// BadDay is a state of a Redis in which it refuses writes. The embedded server is told to answer accordingly. Commands bring a real
// server into that state, if that is possible.
type BadDay struct {
	Name  string
	Reply string  // of the embedded server
	Say   string  // part of the output's error
	Cause [][]any // commands that bring a real server into the state; nil: impossible
	End   [][]any // commands that end the state
}

// BadDays returns the states that mean the same for every output, and those of the caller.
func BadDays(own ...BadDay) []BadDay {
	return append([]BadDay{
		{
			"replica", "READONLY You can't write against a read only replica.",
			"is a read-only replica: configure the master, or wait for the failover: READONLY ",
			[][]any{{"REPLICAOF", "127.0.0.1", "1"}}, [][]any{{"REPLICAOF", "NO", "ONE"}},
		},
		{
			"too few replicas", "NOREPLICAS Not enough good replicas to write.",
			"has too few replicas to accept writes (min-replicas-to-write): NOREPLICAS ",
			[][]any{{"CONFIG", "SET", "min-replicas-to-write", "1"}}, [][]any{{"CONFIG", "SET", "min-replicas-to-write", "0"}},
		},
		{Name: "loading", Reply: "LOADING Redis is loading the dataset in memory", Say: "is still loading its data"},
		{Name: "no disk", Reply: "MISCONF Redis is configured to save RDB snapshots", Say: "cannot save to disk and refuses writes"},
		{Name: "cluster down", Reply: "CLUSTERDOWN The cluster is down", Say: "belongs to a cluster that is down"},
		{Name: "no master", Reply: "MASTERDOWN Link with MASTER is down", Say: "is a replica without its master"},
		{Name: "no password", Reply: "NOAUTH Authentication required.", Say: "requires a password"},
		{Name: "wrong password", Reply: "WRONGPASS invalid username-password pair", Say: "refuses the username or the password"},
		{Name: "busy", Reply: "BUSY Redis is busy running a script.", Say: "is busy with a script"},
		{Name: "cluster", Reply: "CROSSSLOT Keys in request don't hash to the same slot", Say: "is a node of a cluster: list it under cluster"},
		{Name: "unheard of", Reply: "ERR something new", Say: ": ERR something new"},
	}, own...)
}

// Full returns the state in which the server has no memory left.
func Full(say string) BadDay {
	return BadDay{
		"full", "OOM command not allowed when used memory > 'maxmemory'.", say,
		[][]any{{"CONFIG", "SET", "maxmemory", "1"}}, [][]any{{"CONFIG", "SET", "maxmemory", "0"}},
	}
}

// NoRight returns a state in which the user may not run some commands, named in lower case. The embedded server refuses the first one.
func NoRight(name, say string, commands ...string) BadDay {
	deny := []any{"ACL", "SETUSER", "default"}
	for _, c := range commands {
		deny = append(deny, "-"+c)
	}
	return BadDay{
		name, "NOPERM User default has no permissions to run the '" + commands[0] + "' command", say,
		[][]any{deny}, [][]any{{"ACL", "SETUSER", "default", "+@all"}},
	}
}

// Unloaded returns a state in which the server does not know a command because its module is gone.
func Unloaded(name, say, command string) BadDay {
	return BadDay{Name: name, Reply: "ERR unknown command '" + command + "', with args beginning with: 'a' '1' '1' ", Say: say}
}

// Refuses tries to write while the server is in this state, twice. Nothing may be dropped: the error asks for a retry, begins with the
// server's address, and says what to do.
func (d BadDay) Refuses(t *testing.T, s *Redis, write func() error) {
	t.Helper()
	d.begin(t, s)
	for range 2 {
		err := write()
		var reject *outputs.RejectError
		if err == nil || outputs.IsPermanent(err) || errors.As(err, &reject) {
			t.Fatalf("error %v does not ask for a retry", err)
		}
		if where := "redis " + s.Addr(); !strings.HasPrefix(err.Error(), where) || !strings.Contains(err.Error(), d.Say) {
			t.Errorf("error %q, want %q … %q", err, where, d.Say)
		}
	}
	d.over(t, s)
}

func (d BadDay) begin(t *testing.T, s *Redis) {
	t.Helper()
	if s.Embedded != nil {
		s.Embedded.SetError(d.Reply)
		return
	}
	if d.Cause == nil {
		t.Skip("commands cannot bring a real server into this state")
	}
	t.Cleanup(func() { d.over(t, s) })
	s.Run(t, d.Cause...)
}

func (d BadDay) over(t *testing.T, s *Redis) {
	t.Helper()
	if s.Embedded != nil {
		s.Embedded.SetError("")
		return
	}
	s.Run(t, d.End...)
}
