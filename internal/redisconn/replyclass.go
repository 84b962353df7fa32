package redisconn

import (
	"slices"
	"strings"
)

// IsPassing reports whether an error reply is about the state of the server or the rights of the user, and not about the key and the
// arguments of the command. The same command may succeed later: when the server has memory again, has become a master, or has granted
// the right. The reply may answer a whole command or be an item of an array; proxies that split a command over servers do the latter.
func IsPassing(reply string) bool {
	text, general := strings.CutPrefix(reply, "ERR ")
	lower := strings.ToLower(text)
	if slices.ContainsFunc(passingWords, func(words string) bool { return strings.Contains(lower, words) }) {
		return true
	}
	code, _, _ := strings.Cut(text, " ")
	code = strings.TrimSuffix(code, ":")
	if general { // the next word may also be the name of a command or an option
		return slices.Contains(stateCodes, code)
	}
	return isCode(code) && !slices.Contains(commandCodes, code)
}

// isCode reports whether the first word of a reply is a code: at least three capitals and underscores.
func isCode(word string) bool {
	return len(word) >= 3 && strings.Trim(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") == ""
}

// stateCodes are codes of replies about the state of the server (redis/src/server.c, createSharedObjects; acl.c; cluster.c). Modules and
// proxies put ERR before some of them, so they must be listed. Without ERR, unknown codes count as well.
var stateCodes = []string{
	"LOADING", "OOM", "READONLY", "MISCONF", "BUSY", "MASTERDOWN", "NOREPLICAS", "CLUSTERDOWN", "TRYAGAIN", "MOVED", "ASK", "CROSSSLOT",
	"NOPERM", "NOAUTH", "WRONGPASS", "DENIED", "NOGOODSLAVE", "UNKILLABLE",
}

// commandCodes are the codes of replies about the key or the arguments of a command.
var commandCodes = []string{"ERR", "WRONGTYPE", "TSDB", "BUSYKEY", "BUSYGROUP", "NOGROUP", "NOSCRIPT", "EXECABORT"}

// passingWords occur in replies about the state that have no code. An unknown command belongs to a module that the server has lost or not
// loaded yet. Proxies report an unreachable server in words: twemproxy in those of strerror, Envoy as "upstream failure" and "no
// upstream host". The modules for time series report that the user has no "permissions" for a key.
var passingWords = []string{
	"unknown command", "max number of clients", "upstream failure", "no upstream host", "connection refused", "connection timed out",
	"connection reset", "server closed connection", "host unreachable", "no route to host", "permission",
}
