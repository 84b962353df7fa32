package redissearch_test

import (
	"slices"
	"sync"
	"testing"

	"github.com/rtcollector/rtcollector/outputs/redissearch"
)

// The oldest documents above the limit are removed.
func TestMaxDocuments(t *testing.T) {
	each(t, func(t *testing.T, s *testServer, c redissearch.Config) {
		c.MaxDocuments = 100
		f := open(t, c)
		events := f.events(250)
		write(t, f, events[100:]...)
		if n := s.found(t, "*"); n != 100 {
			t.Fatalf("%d documents after the first write", n)
		}
		f.Limited()
		write(t, f, events[:50]...) // late, and older than all others
		if n := s.found(t, "*"); n != 150 {
			t.Fatalf("%d documents: the limit is kept up more often than every few seconds", n)
		}
		f.Age()
		write(t, f, f.event(300, "last"))
		keys := s.search(t, "*", "NOCONTENT", "SORTBY", "timestamp", "ASC", "LIMIT", 0, 1000).keys
		if len(keys) != 100 || keys[0] != "log:1700000000151-inst0001-00000152" || keys[99] != "log:1700000000300-inst0001-00000251" {
			t.Errorf("%d documents from %s to %s", len(keys), keys[0], keys[len(keys)-1])
		}
		if n := s.DBSize(t.Context()).Val(); n != 100 {
			t.Errorf("%d keys", n)
		}
		f.Age()
		write(t, f) // nothing to do
		if n := s.found(t, "*"); n != 100 {
			t.Errorf("%d documents", n)
		}
	})
}

// More than one round is needed.
func TestMaxDocumentsFarBehind(t *testing.T) {
	s := newServer(t)
	c := s.config(redissearch.JSON)
	f := open(t, c)
	write(t, f, f.events(2*redissearch.AtOnce+500)...)
	c.MaxDocuments = 10
	f = open(t, c)
	write(t, f)
	if n := s.found(t, "*"); n != 10 {
		t.Errorf("%d documents", n)
	}
}

// Several agents that enforce the limit at the same time remove no more than one would.
func TestMaxDocumentsOfManyAgents(t *testing.T) {
	each(t, func(t *testing.T, s *testServer, c redissearch.Config) {
		filler := open(t, c)
		c.MaxDocuments = 100
		for range 5 {
			write(t, filler, filler.events(400)...)
			var agents []*fixture
			for range 8 {
				agents = append(agents, open(t, c))
			}
			var wg sync.WaitGroup
			for _, a := range agents {
				wg.Go(func() {
					if err := a.WriteEvents(t.Context(), nil); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if n := s.found(t, "*"); n != 100 {
				t.Fatalf("%d documents", n)
			}
			s.Empty(t)
			unlimited := c
			unlimited.MaxDocuments = 0
			filler = open(t, unlimited)
		}
	})
}

// Keys without our prefix are not deleted, even if the index covers them, and do not cause an endless loop.
func TestMaxDocumentsLeavesOthersAlone(t *testing.T) {
	s := newServer(t)
	s.Run(t, []any{"FT.CREATE", "logs_idx", "ON", "HASH", "PREFIX", 2, "log:", "mine:", "SCHEMA", "timestamp", "NUMERIC", "SORTABLE"})
	for _, k := range []string{"mine:1", "mine:2", "mine:3"} {
		s.Run(t, []any{"HSET", k, "timestamp", 1})
	}
	c := s.config(redissearch.Hash)
	c.MaxDocuments = 4
	f := open(t, c)
	write(t, f, f.events(5)...)
	keys := s.search(t, "@timestamp:[1 1]", "NOCONTENT").keys
	slices.Sort(keys)
	if !slices.Equal(keys, []string{"mine:1", "mine:2", "mine:3"}) {
		t.Errorf("left are %q", keys)
	}
}

// A failure to remove documents is logged once and does not cause a retry of the write.
func TestMaxDocumentsWithoutTheRight(t *testing.T) {
	s := newServer(t)
	if s.Embedded != nil {
		t.Skip("the embedded server has no users; needs RTC_TEST_REDIS")
	}
	s.Run(t, []any{"ACL", "SETUSER", "default", "-unlink"})
	defer s.Run(t, []any{"ACL", "SETUSER", "default", "+@all"})
	c := s.config(redissearch.JSON)
	c.MaxDocuments = 1
	f := open(t, c)
	for i := range 3 {
		f.Age()
		write(t, f, f.event(i, "x"))
	}
	if n := f.log.Count("cannot remove the oldest documents"); n != 1 || f.log.Count("refuses this to the user") != 1 {
		t.Errorf("said %d times: %s", n, f.log.String())
	}
}
