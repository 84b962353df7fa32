package redissearch_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/rtcollector/rtcollector/internal/eventdoc"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
	"github.com/rtcollector/rtcollector/outputs/redissearch"
)

// read returns the messages that a query finds, in order.
func read(t *testing.T, f *fixture, q outputs.EventQuery) (found []string) {
	t.Helper()
	if q.To == 0 {
		q.To = telemetry.Debug
	}
	err := f.ReadEvents(t.Context(), q, func(e outputs.FoundEvent) error {
		if !strings.HasPrefix(e.ID, "log:") {
			t.Errorf("an event is called %s", e.ID)
		}
		found = append(found, e.Document.Text(eventdoc.Message))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestReadEvents(t *testing.T) {
	each(t, func(t *testing.T, _ *testServer, c redissearch.Config) {
		f := open(t, c)
		var events []telemetry.Event
		for i, e := range []telemetry.Event{
			{Host: "web-1", App: "nginx", Severity: telemetry.Informational, Message: "GET /index.html took 12 ms"},
			{Host: "web-2", App: "postfix/smtpd", Severity: telemetry.Error, Message: "Connection refused by the peer"},
			{Host: "db.lan", App: "sshd", Severity: telemetry.Debug, Message: "connection: refused"},
		} {
			e.Time, e.Seq, e.Source = start.Add(time.Duration(i)*time.Minute), uint64(i+1), "syslog"
			events = append(events, e)
		}
		write(t, f, events...)
		const first, second, third = "GET /index.html took 12 ms", "Connection refused by the peer", "connection: refused"
		for name, tc := range map[string]struct {
			q    outputs.EventQuery
			want []string
		}{
			"all":              {outputs.EventQuery{}, []string{first, second, third}},
			"since":            {outputs.EventQuery{Since: start.Add(time.Minute)}, []string{second, third}},
			"until":            {outputs.EventQuery{Until: start.Add(time.Minute)}, []string{first, second}},
			"a host":           {outputs.EventQuery{Hosts: []string{"db.lan"}}, []string{third}},
			"hosts":            {outputs.EventQuery{Hosts: []string{"web-*", "x"}}, []string{first, second}},
			"an app":           {outputs.EventQuery{Apps: []string{"postfix/smtpd"}}, []string{second}},
			"a source":         {outputs.EventQuery{Sources: []string{"exec"}}, nil},
			"severe":           {outputs.EventQuery{To: telemetry.Warning}, []string{second}},
			"mild":             {outputs.EventQuery{From: telemetry.Notice}, []string{first, third}},
			"words":            {outputs.EventQuery{Words: []string{"the", "refused", "conn*"}}, []string{second, third}},
			"a text":           {outputs.EventQuery{Text: "efused by the p"}, []string{second}},
			"a text with /":    {outputs.EventQuery{Text: "/INDEX.html took"}, []string{first}},
			"a single letter":  {outputs.EventQuery{Hosts: []string{"W*"}, Words: []string{"c*"}}, []string{second}},
			"a host or some":   {outputs.EventQuery{Hosts: []string{"DB.lan", "web-2*"}}, []string{second, third}},
			"nothing begins":   {outputs.EventQuery{Words: []string{"nection*"}}, nil},
			"nothing":          {outputs.EventQuery{Text: "ms took"}, nil},
			"the last":         {outputs.EventQuery{Last: 2}, []string{second, third}},
			"the last of some": {outputs.EventQuery{Last: 1, Hosts: []string{"web*"}}, []string{second}},
		} {
			if got := read(t, f, tc.q); !slices.Equal(got, tc.want) {
				t.Errorf("%s: %q, want %q", name, got, tc.want)
			}
		}
		enough := errors.New("enough")
		n := 0
		err := f.ReadEvents(t.Context(), outputs.EventQuery{To: telemetry.Debug}, func(outputs.FoundEvent) error { n++; return enough })
		if !errors.Is(err, enough) || n != 1 {
			t.Errorf("%v after %d events", err, n)
		}
	})
}

// TestReadPages reads several pages, with more than a page of documents at the same time.
func TestReadPages(t *testing.T) {
	each(t, func(t *testing.T, _ *testServer, c redissearch.Config) {
		f := open(t, c)
		var events []telemetry.Event
		const n = 5000
		for i := range n {
			events = append(events, telemetry.Event{Time: start.Add(time.Duration(i/1700) * time.Millisecond), Seq: uint64(i + 1), Message: fmt.Sprintf("number %05d", i)})
		}
		write(t, f, events...)
		all := read(t, f, outputs.EventQuery{})
		last := read(t, f, outputs.EventQuery{Last: 3200})
		for what, got := range map[string][]string{"all": all, "the last": last} {
			slices.Sort(got)
			if different := slices.Compact(slices.Clone(got)); len(different) != len(got) {
				t.Errorf("%s: %d of %d are different", what, len(different), len(got))
			}
		}
		if len(all) != n || len(last) != 3200 || !slices.Contains(last, "number 04999") || slices.Contains(last, "number 00000") {
			t.Errorf("%d and %d were read", len(all), len(last))
		}
	})
}

// TestReadWhatManyBeginWith: a prefix finds more than the 200 values that RediSearch considers.
func TestReadWhatManyBeginWith(t *testing.T) {
	each(t, func(t *testing.T, _ *testServer, c redissearch.Config) {
		f := open(t, c)
		var events []telemetry.Event
		const n = 300
		for i := range n {
			events = append(events, telemetry.Event{Time: start, Seq: uint64(i + 1), Host: fmt.Sprintf("bulk-%d", i), Message: fmt.Sprintf("x%d", i)})
		}
		write(t, f, events...)
		for _, q := range []outputs.EventQuery{{Hosts: []string{"bulk-*"}}, {Words: []string{"x*"}}} {
			if got := read(t, f, q); len(got) != n {
				t.Errorf("%d of %d", len(got), n)
			}
		}
	})
}

// TestReadTextWithBackslashes: a separator after a backslash is part of a word.
func TestReadTextWithBackslashes(t *testing.T) {
	each(t, func(t *testing.T, _ *testServer, c redissearch.Config) {
		f := open(t, c)
		const message = `{\"msg\": \"hello escaped world\"}`
		write(t, f, f.event(0, message))
		for from := range len(message) {
			for to := from + 1; to <= len(message); to++ {
				if got := read(t, f, outputs.EventQuery{Text: message[from:to]}); len(got) != 1 {
					t.Fatalf("%q is not found", message[from:to])
				}
			}
		}
	})
}

// TestReadTakesItsTime: reads are complete even if the server's own time limit for searches is a millisecond.
func TestReadTakesItsTime(t *testing.T) {
	each(t, func(t *testing.T, s *testServer, c redissearch.Config) {
		if s.Embedded != nil {
			t.Skip("the embedded server has all the time: RTC_TEST_REDIS names one that has not")
		}
		f := open(t, c)
		var events []telemetry.Event
		const n = 200_000
		for i := range n {
			events = append(events, telemetry.Event{Time: start.Add(time.Duration(i) * time.Millisecond), Seq: uint64(i + 1), Message: "m"})
		}
		write(t, f, events...)
		s.Run(t, []any{"FT.CONFIG", "SET", "TIMEOUT", "1"})
		t.Cleanup(func() { s.Run(t, []any{"FT.CONFIG", "SET", "TIMEOUT", "500"}) })
		if got := read(t, f, outputs.EventQuery{}); len(got) != n {
			t.Errorf("%d of %d", len(got), n)
		}
	})
}

// TestReadWithoutIndex: a reader creates no index, and its error says what to do.
func TestReadWithoutIndex(t *testing.T) {
	s := newServer(t)
	f := newFixture(t, s.config(redissearch.JSON), "inst0001")
	t.Cleanup(func() { _ = f.Close() })
	err := f.ReadEvents(t.Context(), outputs.EventQuery{To: telemetry.Debug}, func(outputs.FoundEvent) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "there is no index logs_idx: check the setting index") {
		t.Error(err)
	}
	if list, err := s.Do(t.Context(), "FT._LIST").Slice(); err != nil || len(list) != 0 {
		t.Errorf("%v, %v", list, err)
	}
}

// FuzzReadEvents: a text is never interpreted as part of the query, and is found.
func FuzzReadEvents(f *testing.F) {
	for _, s := range [][3]string{{"web-1", "connection refused", "refused"}, {"a|b}", "the @host:{x} (y|z) -a ~b %c% \"d\"", "@host:{x}"}, {"*", "*", "*"}, {"host\\", "C:\\dir\\", "\\"}} {
		f.Add(s[0], s[1], s[2])
	}
	s := newServer(f)
	out := open(f, s.config(redissearch.JSON))
	seq := uint64(0)
	f.Fuzz(func(t *testing.T, host, message, word string) {
		if !utf8.ValidString(host) || !utf8.ValidString(message) || strings.ContainsFunc(host, func(r rune) bool { return r <= ' ' || r == 0x7f || unicode.IsSpace(r) }) {
			t.Skip("names of hosts are words")
		}
		seq++
		e := telemetry.Event{Time: start, Seq: seq, Host: host, Message: message}
		if err := out.WriteEvents(t.Context(), []telemetry.Event{e}); err != nil {
			t.Fatal(err)
		}
		ask := func(q outputs.EventQuery) (found bool) {
			q.To = telemetry.Debug
			err := out.ReadEvents(t.Context(), q, func(e outputs.FoundEvent) error {
				found = found || e.Document.Text(eventdoc.Message) == message
				return nil
			})
			if err != nil {
				t.Errorf("%+v: %v", q, err)
			}
			return found
		}
		for from := range len(message) {
			if part := message[from:]; utf8.RuneStart(message[from]) && from%7 == 0 && !ask(outputs.EventQuery{Text: part}) {
				t.Errorf("%q is not found by %q", message, part)
			}
		}
		if host != "" && !strings.HasSuffix(host, "*") && !ask(outputs.EventQuery{Hosts: []string{host}}) {
			t.Errorf("the host %q is not found", host)
		}
		ask(outputs.EventQuery{Words: []string{word}, Apps: []string{word}, Sources: []string{message}})
		if seq%100 == 0 {
			s.Empty(t)
		}
	})
}
