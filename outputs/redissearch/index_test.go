package redissearch_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs/redissearch"
)

// attributes returns the attributes of an index from FT.INFO: "name path TYPE".
func (s *testServer) attributes(t *testing.T) []string {
	t.Helper()
	reply, err := s.Do(t.Context(), "FT.INFO", "logs_idx").Slice()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for i := 0; i+1 < len(reply); i += 2 {
		if reply[i] != "attributes" {
			continue
		}
		for _, a := range reply[i+1].([]any) {
			words := a.([]any)
			line := fmt.Sprint(words[3], " ", words[1], " ", words[5])
			if slices.Contains(words, any("SORTABLE")) {
				line += " SORTABLE"
			}
			out = append(out, line)
		}
	}
	slices.Sort(out)
	return out
}

func wantAttributes(storage redissearch.Storage) []string {
	path := ""
	if storage == redissearch.JSON {
		path = "$."
	}
	var want []string
	for _, a := range []string{
		"appname TAG", "facility NUMERIC", "host TAG", "level TAG", "message TEXT", "msgid TAG", "name TAG", "procid TAG",
		"remote_ip TAG", "severity NUMERIC SORTABLE", "source TAG", "timestamp NUMERIC SORTABLE",
	} {
		name, kind, _ := strings.Cut(a, " ")
		want = append(want, name+" "+path+name+" "+kind)
	}
	return want
}

func (s *testServer) fits(t *testing.T, storage redissearch.Storage) {
	t.Helper()
	if diff := cmp.Diff(wantAttributes(storage), s.attributes(t)); diff != "" {
		t.Error(diff)
	}
}

func TestIndexIsMadeOnce(t *testing.T) {
	each(t, func(t *testing.T, s *testServer, c redissearch.Config) {
		f := open(t, c)
		s.fits(t, c.Storage)
		again := open(t, c)
		if f.log.Count("search index created") != 1 || again.log.Count("search index") != 0 {
			t.Errorf("said %q, then %q", f.log.String(), again.log.String())
		}
	})
}

// An index of an older version lacks attributes. They are added, and those of the user stay.
func TestIndexIsCompleted(t *testing.T) {
	each(t, func(t *testing.T, s *testServer, c redissearch.Config) {
		create := []any{"FT.CREATE", "logs_idx", "ON", "HASH", "PREFIX", 2, "other:", "lo", "SCHEMA", "message", "TEXT", "mine", "TAG"}
		if c.Storage == redissearch.JSON {
			create = []any{"FT.CREATE", "logs_idx", "ON", "JSON", "PREFIX", 2, "other:", "lo", "SCHEMA", "$.message", "AS", "message", "TEXT", "$.mine", "AS", "mine", "TAG"}
		}
		s.Run(t, create)
		f := open(t, c)
		mine := "mine " + strings.TrimSuffix(strings.Fields(wantAttributes(c.Storage)[0])[1], "appname") + "mine TAG"
		want := append(wantAttributes(c.Storage), mine)
		slices.Sort(want)
		if diff := cmp.Diff(want, s.attributes(t)); diff != "" {
			t.Error(diff)
		}
		write(t, f, f.event(0, "m", "mine", "yes"))
		if s.found(t, "@mine:{yes} @host:{h1}") != 1 {
			t.Error("not found")
		}
		if f.log.Count("missing attributes added") != 1 {
			t.Error(f.log.String())
		}
	})
}

// The error says why an index cannot be used, and events wait until the user fixes it.
func TestIndexDoesNotFit(t *testing.T) {
	remedy := "; drop it with FT.DROPINDEX logs_idx, which keeps the documents, and rtcollector creates it again, or set another index"
	for name, tc := range map[string]struct {
		create string
		want   string
	}{
		"type": {"ON JSON PREFIX 1 log: SCHEMA $.timestamp AS timestamp NUMERIC $.severity AS severity TAG $.message AS message TAG",
			"index logs_idx cannot be used: attribute severity is TAG, but must be NUMERIC; attribute message is TAG, but must be TEXT"},
		"key type": {"ON HASH PREFIX 1 log: SCHEMA message TEXT",
			"index logs_idx cannot be used: it covers keys of type HASH, but this output writes JSON"},
		"prefix": {"ON JSON PREFIX 2 logs: x: SCHEMA $.message AS message TEXT",
			"index logs_idx cannot be used: it covers keys that begin with logs: or x:, but this output's keys begin with log:"},
		"path": {"ON JSON PREFIX 1 log: SCHEMA $.msg AS message TEXT",
			"index logs_idx cannot be used: attribute message is read from $.msg, but must be read from $.message"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			var create []any
			for _, word := range strings.Fields("FT.CREATE logs_idx " + tc.create) {
				create = append(create, word)
			}
			c := s.config(redissearch.JSON)
			late := open(t, c) // an output that is already running
			s.Run(t, []any{"FT.DROPINDEX", "logs_idx"}, create)
			f := newFixture(t, c, "inst0001")
			want := fmt.Sprintf("redis %s: %s%s", s.Addr(), tc.want, remedy)
			if err := f.Open(t.Context()); err == nil || err.Error() != want {
				t.Errorf("error %v\nwant  %s", err, want)
			}
			events := late.events(3)
			for range 2 {
				if err := late.WriteEvents(t.Context(), events); err == nil || err.Error() != want {
					t.Errorf("running: error %v\nwant  %s", err, want)
				}
			}
			s.Run(t, []any{"FT.DROPINDEX", "logs_idx"})
			write(t, late, events...)
			if err := f.Open(t.Context()); err != nil {
				t.Error(err)
			}
			s.wait(t, "*", 3)
		})
	}
}

// Many agents start at once, with no index or an incomplete one.
func TestIndexRace(t *testing.T) {
	each(t, func(t *testing.T, s *testServer, c redissearch.Config) {
		for _, create := range [][]any{nil, {"FT.CREATE", "logs_idx", "ON", strings.ToUpper(string(c.Storage)), "PREFIX", 1, "log:", "SCHEMA", "zzz", "TAG"}} {
			s.Empty(t)
			if create != nil {
				s.Run(t, create)
			}
			var wg sync.WaitGroup
			errs := make(chan error, 16)
			for range cap(errs) {
				f := newFixture(t, c, "inst0001")
				wg.Go(func() { errs <- f.Open(t.Context()) })
			}
			wg.Wait()
			close(errs)
			for err := range errs {
				if err != nil {
					t.Error(err)
				}
			}
			if got := slices.DeleteFunc(s.attributes(t), func(a string) bool { return strings.HasPrefix(a, "zzz") }); !slices.Equal(got, wantAttributes(c.Storage)) {
				t.Error(got)
			}
		}
	})
}

// The index disappears at run time, with its documents (the server was emptied) or alone. Afterwards all documents are found.
func TestIndexVanishes(t *testing.T) {
	each(t, func(t *testing.T, s *testServer, c redissearch.Config) {
		f := open(t, c)
		write(t, f, f.event(0, "before"))
		s.Run(t, []any{"FT.DROPINDEX", "logs_idx"})
		write(t, f, f.event(1, "after"))
		s.wait(t, "*", 2)
		s.fits(t, c.Storage)
		if f.log.Count("the search index is gone") != 1 {
			t.Error(f.log.String())
		}
		s.Empty(t)
		write(t, f, f.event(2, "anew"))
		s.wait(t, "*", 1)
		s.fits(t, c.Storage)
	})
}

// Documents of other programs do no harm, and are found if they can be indexed.
func TestDocumentsOfThePredecessor(t *testing.T) {
	s := newServer(t)
	s.Run(t,
		[]any{"JSON.SET", "log:1", "$", `{"name":"syslog_sshd","timestamp":1600000000000,"host":"a","severity":3,"facility":4,"appname":"sshd","level":3,"message":"old"}`},
		[]any{"JSON.SET", "log:2", "$", `{"timestamp":1600000000001,"host":"a","level":"info","message":"old plugin log","source":"unknown"}`})
	f := open(t, s.config(redissearch.JSON))
	s.wait(t, "old", 1) // the first has a number as its level
	write(t, f, f.event(0, "new"))
	s.wait(t, "*", 2)
}

func TestDatabase(t *testing.T) {
	s := newServer(t)
	c := s.config(redissearch.JSON)
	c.Host, c.Port = redissearch.Defaults().Host, redissearch.Defaults().Port
	if err := c.URL.UnmarshalScalar("redis://" + s.Addr() + "/2"); err != nil {
		t.Fatal(err)
	}
	err := newFixture(t, c, "inst0001").Open(t.Context())
	if err == nil || !strings.HasSuffix(err.Error(), ": RediSearch cannot index database 2: use database 0") {
		t.Errorf("error %v", err)
	}
}

// A user with the permissions in the README can do everything, and needs each of them.
func TestRights(t *testing.T) {
	each(t, func(t *testing.T, s *testServer, c redissearch.Config) {
		if s.Embedded != nil {
			t.Skip("the embedded server has no users; needs RTC_TEST_REDIS")
		}
		grant := rights(t)
		s.Run(t, []any{"ACL", "DELUSER", "rtcollector"}, grant)
		defer s.Run(t, []any{"ACL", "DELUSER", "rtcollector"})
		c.Username.UnmarshalScalar("rtcollector")
		c.Password.UnmarshalScalar("secret")
		c.MaxDocuments = 1
		f := open(t, c)
		fresh := f.events(3)
		write(t, f, fresh...)
		if n := s.found(t, "*"); n != 1 {
			t.Errorf("%d documents", n)
		}
		for _, right := range grant[4:] {
			right := right.(string)
			if !strings.Contains(right, ".") && right != "+pexpireat" && right != "+hset" || right == "+ft.alter" {
				continue
			}
			s.Run(t, []any{"ACL", "SETUSER", "rtcollector", "-" + right[1:]})
		}
		err := f.WriteEvents(t.Context(), []telemetry.Event{f.event(9, "x")})
		if err == nil || !strings.Contains(err.Error(), "refuses this to the user") {
			t.Errorf("error %v", err)
		}
		s.Run(t, grant)
		if err := f.WriteEvents(context.WithoutCancel(t.Context()), []telemetry.Event{f.event(9, "x")}); err != nil {
			t.Error(err)
		}
	})
}

// rights returns the rules of the ACL SETUSER in the README.
func rights(t *testing.T) []any {
	t.Helper()
	_, rest, ok := strings.Cut(redissearch.Plugin.Readme(), "`ACL SETUSER rtcollector ")
	line, _, _ := strings.Cut(rest, "`")
	if !ok {
		t.Fatal("the README names no rights")
	}
	args := []any{"ACL", "SETUSER", "rtcollector"}
	for _, word := range strings.Fields(strings.Replace(line, ">…", ">secret", 1)) {
		args = append(args, word)
	}
	return args
}
