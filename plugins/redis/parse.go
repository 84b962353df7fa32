package redisinput

import (
	"bytes"

	"github.com/rtcollector/rtcollector/internal/scan"
)

// cutLine splits off the first line of a reply to INFO, "used_memory:990912" (redis.io/docs/latest/commands/info). Ok is
// false for headings ("# Memory"), empty lines and anything that is not a field.
func cutLine(text []byte) (key, value, rest []byte, ok bool) {
	line, rest := scan.CutLine(text)
	line = bytes.TrimSuffix(line, []byte{'\r'})
	if len(line) == 0 || line[0] == '#' {
		return nil, nil, rest, false
	}
	key, value, ok = bytes.Cut(line, []byte{':'})
	return key, value, rest, ok && isValidName(key)
}

// maxNameLen bounds the names of fields, commands and errors. It is longer than any name of Redis and its modules.
const maxNameLen = 128

// isValidName reports whether a name may become part of a metric or a label. Commands may contain a bar ("config|set"),
// commands of modules a point ("ts.add"), and error names are whatever a script returns.
func isValidName(b []byte) bool {
	for _, c := range b {
		if c <= ' ' || c > '~' || c == '(' || c == ')' || c == ',' {
			return false
		}
	}
	return len(b) > 0 && len(b) <= maxNameLen
}

// parseNumber parses a value such as "12", "-1", "0.08" or "99.71%". The states ok and up are 1; err, fail and down are 0.
func parseNumber(value []byte) (v float64, ok bool) {
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

// cutPair splits off the first pair of a list such as "calls=1,usec=12". Name and value are nil at the end of the list.
func cutPair(list []byte) (name, value, rest []byte) {
	pair, rest, _ := bytes.Cut(list, []byte{','})
	name, value, _ = bytes.Cut(pair, []byte{'='})
	return name, value, rest
}

// isList reports whether a value consists of pairs.
func isList(value []byte) bool { return bytes.IndexByte(value, '=') > 0 }

// isDatabase reports whether a key names a database of the keyspace, such as "db0".
func isDatabase(key []byte) bool {
	digits, ok := bytes.CutPrefix(key, []byte("db"))
	_, isNumber := scan.ParseUint(digits)
	return ok && isNumber
}

// isReplica reports whether a key names a replica, such as "slave0".
func isReplica(key []byte) bool {
	digits, ok := bytes.CutPrefix(key, []byte("slave"))
	_, isNumber := scan.ParseUint(digits)
	return ok && isNumber
}
