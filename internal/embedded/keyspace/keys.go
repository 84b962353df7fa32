package keyspace

import (
	"strings"

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

// Commands returns the commands for keys of any type.
func Commands() []Command {
	return []Command{
		Write("del", -2, runDelete),
		Write("unlink", -2, runDelete),
		Read("exists", -2, runExists),
		Read("touch", -2, runExists),
		Read("type", 2, runType),
		Read("keys", 2, runKeys),
		Read("scan", -2, runScan),
		Read("dbsize", 1, runDBSize),
		Read("randomkey", 1, runRandomKey),
		Write("rename", 3, runRename),
		Write("renamenx", 3, runRename),
		Custom("copy", -3, FlagWrite, runCopy),
		Read("dump", 2, runDump),
		Write("restore", -4, runRestore),
		Read("memory", -2, runMemory),
		Read("ttl", 2, runTTL),
		Read("pttl", 2, runTTL),
		Read("expiretime", 2, runTTL),
		Read("pexpiretime", 2, runTTL),
		Write("expire", -3, runExpire),
		Write("pexpire", -3, runExpire),
		Write("expireat", -3, runExpire),
		Write("pexpireat", -3, runExpire),
		Write("persist", 2, runPersist),
		Custom("flushall", -1, FlagWrite, runFlushAll),
		Custom("flushdb", -1, FlagWrite, runFlushDB),
		Custom("swapdb", 3, FlagWrite, runSwapDB),
	}
}

func runDelete(s *Session, d *Database, args [][]byte) {
	var n int64
	for _, key := range args[1:] {
		if d.Delete(string(key)) {
			n++
		}
	}
	s.Out.Int(n)
}

func runExists(s *Session, d *Database, args [][]byte) {
	var n int64
	for _, key := range args[1:] {
		if d.Exists(key) {
			n++
		}
	}
	s.Out.Int(n)
}

func runType(s *Session, d *Database, args [][]byte) {
	if v := d.Get(args[1]); v != nil {
		s.Out.Simple(v.TypeName())
	} else {
		s.Out.Simple("none")
	}
}

// matchingKeys returns the keys that match a pattern and have a type; an empty
// type name means any.
func (d *Database) matchingKeys(pattern, typeName string) []string {
	var keys []string
	for key, v := range d.values {
		if (typeName == "" || strings.EqualFold(typeName, v.TypeName())) && MatchPattern(pattern, key) {
			keys = append(keys, key)
		}
	}
	return keys
}

func runKeys(s *Session, d *Database, args [][]byte) {
	if pattern := string(args[1]); s.AcceptPattern(pattern) {
		s.Out.Bulks(d.matchingKeys(pattern, ""))
	}
}

// runScan answers all keys at once with cursor 0. Redis allows that answer, and
// the number of keys is bounded.
func runScan(s *Session, d *Database, args [][]byte) {
	cursor, ok := resp.ParseInt(args[1])
	if !ok || cursor < 0 {
		s.Fail("ERR invalid cursor")
		return
	}
	pattern, typeName := "*", ""
	for rest := args[2:]; len(rest) > 0; rest = rest[2:] {
		if len(rest) < 2 {
			s.Fail(resp.ErrSyntax)
			return
		}
		switch {
		case resp.IsWord(rest[0], "MATCH"):
			pattern = string(rest[1])
		case resp.IsWord(rest[0], "TYPE"):
			typeName = string(rest[1])
		case resp.IsWord(rest[0], "COUNT"):
		default:
			s.Fail(resp.ErrSyntax)
			return
		}
	}
	if !s.AcceptPattern(pattern) {
		return
	}
	var keys []string
	if cursor == 0 {
		keys = d.matchingKeys(pattern, typeName)
	}
	s.Out.Array(2)
	s.Out.Bulk("0")
	s.Out.Bulks(keys)
}

func runDBSize(s *Session, d *Database, _ [][]byte) { s.Out.Int(int64(d.Len())) }

// runRandomKey relies on the random order of Go's maps.
func runRandomKey(s *Session, d *Database, _ [][]byte) {
	for key := range d.values {
		s.Out.Bulk(key)
		return
	}
	s.Out.Null()
}

func runRename(s *Session, d *Database, args [][]byte) {
	from, to := args[1], args[2]
	onlyNew := resp.IsWord(args[0], "RENAMENX")
	switch {
	case !d.Exists(from):
		s.Fail(resp.ErrNoSuchKey)
		return
	case onlyNew && d.Exists(to):
		s.Out.Int(0)
		return
	}
	if string(from) != string(to) && s.Fail(d.rename(string(from), string(to))) {
		return
	}
	s.Store.SignalWrite() // a client may wait for a list of this name
	if onlyNew {
		s.Out.Int(1)
	} else {
		s.Out.OK()
	}
}

// runCopy copies the value and the time to live.
func runCopy(s *Session, args [][]byte) {
	from, to, replace, db := args[1], args[2], false, s.DB
	for rest := args[3:]; len(rest) > 0; rest = rest[1:] {
		switch {
		case resp.IsWord(rest[0], "REPLACE"):
			replace = true
		case resp.IsWord(rest[0], "DB") && len(rest) > 1:
			var ok bool
			if db, ok = ParseDB(rest[1]); !ok {
				s.Fail(resp.ErrDBIndex)
				return
			}
			rest = rest[1:]
		default:
			s.Fail(resp.ErrSyntax)
			return
		}
	}
	d := s.Store.Lock(s.DB)
	defer s.Store.Unlock()
	target := s.Store.databases[db]
	target.removeExpired()
	v := d.Get(from)
	switch {
	case target == d && string(from) == string(to):
		s.Fail("ERR source and destination objects are the same")
		return
	case v == nil, target.Exists(to) && !replace:
		s.Out.Int(0)
		return
	}
	if s.Fail(v.Admit(string(to))) {
		return
	}
	target.Put(string(to), v.Clone())
	target.deadlines.set(string(to), d.deadlines.at[string(from)])
	s.Store.SignalWrite()
	s.Out.Int(1)
}

func runMemory(s *Session, d *Database, args [][]byte) {
	switch {
	case !resp.IsWord(args[1], "USAGE") || len(args) < 3:
		s.FailSubcommand(args[1])
	case d.Exists(args[2]):
		s.Out.Int(d.Get(args[2]).MemoryUsage())
	default:
		s.Out.Null()
	}
}

func runFlushAll(s *Session, args [][]byte) {
	if s.acceptFlushMode(args) {
		s.Store.FlushAll()
		s.Out.OK()
	}
}

func runFlushDB(s *Session, args [][]byte) {
	if s.acceptFlushMode(args) {
		s.Store.Flush(s.DB)
		s.Out.OK()
	}
}

func (s *Session) acceptFlushMode(args [][]byte) bool {
	if len(args) > 2 || len(args) == 2 && !resp.IsWord(args[1], "SYNC") && !resp.IsWord(args[1], "ASYNC") {
		return !s.Fail(resp.ErrSyntax)
	}
	return true
}

func runSwapDB(s *Session, args [][]byte) {
	a, okA := ParseDB(args[1])
	b, okB := ParseDB(args[2])
	if !okA || !okB {
		s.Fail(resp.ErrDBIndex)
		return
	}
	s.Store.swap(a, b)
	s.Out.OK()
}

// ParseDB parses the number of a database. It returns false for a number out of
// range.
func ParseDB(arg []byte) (db int, ok bool) {
	n, ok := resp.ParseInt(arg)
	return int(n), ok && n >= 0 && n < Databases
}
