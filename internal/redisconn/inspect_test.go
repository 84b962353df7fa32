package redisconn_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/redisconn/redistest"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/servicetest"
)

func inspect(t *testing.T, c redisconn.Config, needs redisconn.Needs) (notes, warnings, faults string) {
	t.Helper()
	client, err := open(t, c)
	if err != nil {
		t.Fatal(err)
	}
	f, _ := client.Inspect(t.Context(), needs)
	return strings.Join(f.Notes, "\n"), strings.Join(f.Warnings, "\n"), strings.Join(f.Faults, "\n")
}

func at(s *redistest.Server) redisconn.Config {
	c := redisconn.Defaults()
	c.Host = s.Host
	c.Port, _ = strconv.Atoi(s.Port)
	return c
}

func TestInspect(t *testing.T) {
	s := redistest.Start(t)
	needs := redisconn.Needs{Modules: []string{"nosuchmodule"}, Probes: [][]any{{"GET", "k"}, {"SET", "k", "v", "XX"}, {"CLIENT", "SETNAME", "x"}}}
	notes, warnings, faults := inspect(t, at(s), needs)
	if !strings.HasPrefix(notes, "redis ") || !strings.Contains(notes, ", master, uses ") || !strings.Contains(notes, "(no maxmemory)\nuser default") {
		t.Errorf("notes:\n%s", notes)
	}
	if warnings != "" || faults != "module nosuchmodule is missing: use Redis 8 or Redis Stack, or load it" {
		t.Errorf("warnings:\n%s\nfaults:\n%s", warnings, faults)
	}
	for want, commands := range map[string][][]any{
		"maxmemory-policy allkeys-lru evicts keys when memory is full: CONFIG SET maxmemory-policy noeviction": {
			{"CONFIG", "SET", "maxmemory", "100mb"}, {"CONFIG", "SET", "maxmemory-policy", "allkeys-lru"},
		},
		"% of maxmemory are used: when it is full, writes are refused": {
			{"CONFIG", "SET", "maxmemory-policy", "noeviction"}, {"CONFIG", "SET", "maxmemory", "1000"},
		},
		"it is a read-only replica: configure the master": {
			{"CONFIG", "SET", "maxmemory", "0"}, {"REPLICAOF", "127.0.0.1", "1"},
		},
	} {
		server := redistest.Start(t)
		for _, c := range commands {
			server.Do(c...)
		}
		if _, got, _ := inspect(t, at(server), redisconn.Needs{}); !strings.Contains(got, want) || strings.Contains(got, "\n") {
			t.Errorf("warnings:\n%s\nwant %s", got, want)
		}
	}
}

// All missing rights are in one rule. Failed questions are reported.
func TestInspectRights(t *testing.T) {
	s := redistest.Start(t)
	s.Do("ACL", "SETUSER", "agent", "on", ">pw", "~k*", "+ping", "+hello", "+client|setname", "+get")
	c := at(s)
	c.Username, c.Password = secret.Literal("agent"), secret.Literal("pw")
	needs := redisconn.Needs{
		Modules: []string{"timeseries"},
		Probes:  [][]any{{"GET", "k"}, {"SET", "k", "v"}, {"SET", "k2", "v"}, {"INCR", "k"}, {"CLIENT", "ID"}, {"GET", "other"}},
	}
	notes, _, faults := inspect(t, c, needs)
	if !strings.Contains(notes, "INFO fails") || !strings.Contains(notes, "MODULE LIST fails") {
		t.Errorf("notes:\n%s", notes)
	}
	if want := "rights are missing: ACL SETUSER agent +set +incr +client|id ~* (or the keys it writes)"; faults != want {
		t.Errorf("faults:\n%s\nwant %s", faults, want)
	}
	if got := s.Client().Get(t.Context(), "k").Val(); got != "" {
		t.Errorf("a probe wrote %q", got)
	}
}

func TestGrant(t *testing.T) {
	for reply, want := range map[string]string{
		"NOPERM User agent has no permissions to run the 'ts.create' command":                 "+ts.create",
		"NOPERM this user has no permissions to run the 'TS.MADD' command or its subcommand":  "+ts.madd",
		"NOPERM No permissions to access a key":                                               "~* (or the keys it writes)",
		"NOPERM this user has no permissions to access one of the keys used as arguments":     "~* (or the keys it writes)",
		"NOPERM this user has no permissions to access one of the channels used as arguments": "&*",
		"NOPERM User agent has no permissions to run the 'client|setname' command":            "+client|setname",
	} {
		if got := redisconn.Grant(reply); got != want {
			t.Errorf("%s: %s, want %s", reply, got, want)
		}
	}
}

func TestInspectCluster(t *testing.T) {
	nodes := redistest.Cluster(t, 3)
	c := redisconn.Defaults()
	c.Cluster = []string{nodes[1].Addr()}
	nodes[2].Do("CONFIG", "SET", "maxmemory", "1000")
	notes, warnings, _ := inspect(t, c, redisconn.Needs{})
	if strings.Count(notes, ", master, uses") != 3 || !strings.Contains(notes, " at "+nodes[2].Addr()) || strings.Count(warnings, "of maxmemory") != 1 {
		t.Errorf("notes:\n%s\nwarnings:\n%s", notes, warnings)
	}
}

// TestSomethingElseAnswers: a port mistyped, a server that wants TLS.
func TestSomethingElseAnswers(t *testing.T) {
	for _, text := range []string{"HTTP/1.1 400 Bad Request\r\n\r\n", "<!DOCTYPE HTML>\n", "SSH-2.0-OpenSSH_9.2\r\n", "\x15\x03\x01\x00\x02\x02\x46\r\n"} {
		addr := servicetest.ServeText(t, []byte(text), true)
		_, err := redisconn.Open(t.Context(), withURL(t, "redis://"+addr), nil)
		if err == nil || !strings.Contains(err.Error(), "does not answer like a Redis: correct host and port") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
