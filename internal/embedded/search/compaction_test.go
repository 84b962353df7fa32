package search

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/embedded/jsondoc"
	"github.com/rtcollector/rtcollector/internal/embedded/keyspace"
)

// testStore runs commands on a store without a server.
type testStore struct {
	t        *testing.T
	session  keyspace.Session
	module   *Module
	commands map[string]keyspace.Command
}

func newTestStore(t *testing.T) *testStore {
	store := keyspace.NewStore()
	s := &testStore{t: t, session: keyspace.Session{Store: store}, module: New(store, 100), commands: map[string]keyspace.Command{}}
	for _, commands := range [][]keyspace.Command{keyspace.Commands(), jsondoc.New(store, 100, 1<<20).Commands(), s.module.Commands()} {
		for _, c := range commands {
			s.commands[strings.ToUpper(c.Name)] = c
		}
	}
	return s
}

// run returns the reply as it is sent.
func (s *testStore) run(args ...string) string {
	s.t.Helper()
	command := s.commands[args[0]]
	s.session.Command = &command
	s.session.Out.Reset()
	list := make([][]byte, len(args))
	for i, a := range args {
		list[i] = []byte(a)
	}
	command.Run(&s.session, list)
	return string(s.session.Out.Bytes())
}

func (s *testStore) expect(want string, args ...string) {
	s.t.Helper()
	if got := s.run(args...); got != want {
		s.t.Errorf("%q answers %q, want %q", args, got, want)
	}
}

// TestCompactedIndex writes the same ten documents again and again.
func TestCompactedIndex(t *testing.T) {
	s := newTestStore(t)
	s.expect("+OK\r\n", strings.Fields("FT.CREATE i ON JSON PREFIX 1 d: SCHEMA $.m AS m TEXT $.n AS n NUMERIC SORTABLE")...)
	for i := range 3000 {
		s.expect("+OK\r\n", "JSON.SET", fmt.Sprintf("d:%d", i%10), "$", fmt.Sprintf(`{"m":"word%d common","n":[%d,%d]}`, i, i, -i))
	}
	ix := s.module.byName["i"]
	if len(ix.slots) > 1100 || len(ix.columns[0].vocabulary.lists) > 1100 {
		t.Errorf("%d slots, %d words for ten documents", len(ix.slots), len(ix.columns[0].vocabulary.lists))
	}
	s.expect("*11\r\n:10\r\n"+bulks("d:0 d:1 d:2 d:3 d:4 d:5 d:6 d:7 d:8 d:9"), "FT.SEARCH", "i", "common", "NOCONTENT")
	s.expect("*2\r\n:1\r\n"+bulks("d:5"), "FT.SEARCH", "i", "word2995", "NOCONTENT")
	s.expect("*1\r\n:0\r\n", "FT.SEARCH", "i", "word5", "NOCONTENT")
	s.expect("*3\r\n:2\r\n"+bulks("d:7 d:8"), "FT.SEARCH", "i", "@n:[-2998 -2997]", "NOCONTENT")
	s.expect("*2\r\n:10\r\n"+bulks("d:9"), strings.Fields("FT.SEARCH i * SORTBY n DESC LIMIT 0 1 NOCONTENT")...)
}

func bulks(words string) string {
	var b strings.Builder
	for _, w := range strings.Fields(words) {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(w), w)
	}
	return b.String()
}
