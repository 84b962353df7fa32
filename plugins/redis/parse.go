package redisinput

import (
	"bytes"

	"github.com/rtcollector/rtcollector/internal/scan"
)

// cutLine splits off the first line of a reply to INFO, "used_memory:990912" (redis.io/docs/latest/commands/info). Ok is
// false for headings ("# Memory"), empty lines and everything else.
func cutLine(text []byte) (key, value, rest []byte, ok bool) {
	line, rest := scan.CutLine(text)
	line = bytes.TrimSuffix(line, []byte{'\r'})
	if len(line) == 0 || line[0] == '#' {
		return nil, nil, rest, false
	}
	key, value, ok = bytes.Cut(line, []byte{':'})
	return key, value, rest, ok && isName(key)
}

// maxName is longer than any name of Redis and its modules, and what errors and commands are called there.
const maxName = 128

// isName says whether a name may become part of a metric or a label. Commands have a bar ("config|set"), and modules' a
// point ("ts.add"); errors may be anything that a script makes.
func isName(b []byte) bool {
	for _, c := range b {
		if c <= ' ' || c > '~' || c == '(' || c == ')' || c == ',' {
			return false
		}
	}
	return len(b) > 0 && len(b) <= maxName
}

// number reads a value: "12", "-1", "0.08", "99.71%"; what says how something went is 1 where it went well.
func number(value []byte) (v float64, ok bool) {
	switch string(value) {
	case "ok", "up":
		return 1, true
	case "err", "fail", "down":
		return 0, true
	}
	digits, negative := bytes.CutPrefix(bytes.TrimSuffix(value, []byte{'%'}), []byte{'-'})
	v, ok = scan.ParseDecimal(digits)
	if negative {
		v = -v
	}
	return v, ok
}

// cutPair splits "calls=1,usec=12" at its first comma. Name and value are nil at the end.
func cutPair(list []byte) (name, value, rest []byte) {
	pair, rest, _ := bytes.Cut(list, []byte{','})
	name, value, _ = bytes.Cut(pair, []byte{'='})
	return name, value, rest
}

// isList says whether a value consists of pairs.
func isList(value []byte) bool { return bytes.IndexByte(value, '=') > 0 }

// isDatabase says whether a name is that of a line of the keyspace: "db0".
func isDatabase(key []byte) bool {
	digits, ok := bytes.CutPrefix(key, []byte("db"))
	_, isNumber := scan.ParseUint(digits)
	return ok && isNumber
}

// isReplica says the same of "slave0".
func isReplica(key []byte) bool {
	digits, ok := bytes.CutPrefix(key, []byte("slave"))
	_, isNumber := scan.ParseUint(digits)
	return ok && isNumber
}
