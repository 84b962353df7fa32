package datatypes

import (
	"github.com/rtcollector/rtcollector/internal/embedded/keyspace"
	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

// parseScan reads cursor, MATCH and COUNT of HSCAN, SSCAN and ZSCAN. They
// answer everything at once, so every cursor but 0 gets an empty answer. It
// returns false if the command is answered already.
func parseScan(c *keyspace.Session, args [][]byte) (pattern string, ok bool) {
	pattern = "*"
	cursor, ok := resp.ParseInt(args[0])
	if !ok || cursor < 0 {
		c.Fail("ERR invalid cursor")
		return "", false
	}
	for rest := args[1:]; len(rest) > 0; rest = rest[2:] {
		switch {
		case len(rest) < 2, !resp.IsWord(rest[0], "MATCH") && !resp.IsWord(rest[0], "COUNT"):
			c.Fail(resp.ErrSyntax)
			return "", false
		case resp.IsWord(rest[0], "MATCH"):
			pattern = string(rest[1])
		}
	}
	if cursor != 0 {
		c.Out.Array(2)
		c.Out.Bulk("0")
		c.Out.Array(0)
		return "", false
	}
	return pattern, c.AcceptPattern(pattern)
}

// boundArguments parses two integers. It answers an error and returns false for
// anything else.
func boundArguments(c *keyspace.Session, first, last []byte) (from, to int64, ok bool) {
	from, to, ok = parseBounds(first, last)
	return from, to, ok || !c.Fail(resp.ErrNotInteger)
}

// popCount returns the optional count of SPOP and ZPOPMIN. It answers an error
// and returns false for an invalid one.
func popCount(c *keyspace.Session, args [][]byte) (count int64, ok bool) {
	count, ok = 1, len(args) <= 3
	if len(args) == 3 {
		count, ok = resp.ParseInt(args[2])
	}
	if !ok || count < 0 {
		return 0, !c.Fail("ERR value is out of range, must be positive")
	}
	return count, true
}

// parseBounds parses two integers.
func parseBounds(first, last []byte) (from, to int64, ok bool) {
	from, ok = resp.ParseInt(first)
	if !ok {
		return 0, 0, false
	}
	to, ok = resp.ParseInt(last)
	return from, to, ok
}

// byteBounds is sliceBounds for strings, where an end before the first byte
// means the first byte.
func byteBounds(from, to int64, n int) (lo, hi int) {
	if from < 0 && to < 0 && from > to {
		return 0, 0
	}
	if to < 0 {
		to = max(0, to+int64(n))
	}
	return sliceBounds(from, to, n)
}

// sliceBounds converts inclusive bounds of Redis, which can count from the end,
// to the bounds of a Go slice of n elements.
func sliceBounds(from, to int64, n int) (lo, hi int) {
	size := int64(n)
	if from < 0 {
		from = max(0, from+size)
	}
	if to < 0 {
		to += size
	}
	to = min(to, size-1)
	if from > to {
		return 0, 0
	}
	return int(from), int(to) + 1
}
