package redisconn

import (
	"slices"
	"strings"
)

// IsPassing reports whether an error reply is about the state of the server or the rights of the user, and not about the
// command's own key and arguments: the same command may succeed later, when the server has memory again, has become a
// master, or has granted the right. It makes no difference where the reply stands: for a whole command, or inside an
// array, where a proxy puts it that splits a command over several servers.
func IsPassing(reply string) bool {
	text, general := strings.CutPrefix(reply, "ERR ")
	lower := strings.ToLower(text)
	if slices.ContainsFunc(passingWords, func(words string) bool { return strings.Contains(lower, words) }) {
		return true
	}
	code, _, _ := strings.Cut(text, " ")
	code = strings.TrimSuffix(code, ":")
	if general { // what follows may as well be the name of a command or an option
		return slices.Contains(stateCodes, code)
	}
	return isCode(code) && !slices.Contains(commandCodes, code)
}

// isCode tells the code that a reply begins with from a word: capitals and underscores, at least three.
func isCode(word string) bool {
	return len(word) >= 3 && strings.Trim(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") == ""
}

// Replies about a state begin with a code of their own, which need not be in this list (redis/src/server.c,
// createSharedObjects; acl.c; cluster.c). Modules and proxies put ERR before some of them.
var stateCodes = []string{
	"LOADING", "OOM", "READONLY", "MISCONF", "BUSY", "MASTERDOWN", "NOREPLICAS", "CLUSTERDOWN", "TRYAGAIN", "MOVED", "ASK", "CROSSSLOT",
	"NOPERM", "NOAUTH", "WRONGPASS", "DENIED", "NOGOODSLAVE", "UNKILLABLE",
}

// commandCodes are the codes of replies about a command's own key or arguments.
var commandCodes = []string{"ERR", "WRONGTYPE", "TSDB", "BUSYKEY", "BUSYGROUP", "NOGROUP", "NOSCRIPT", "EXECABORT"}

// passingWords say the same without a code. An unknown command is a module that the server has lost or not loaded yet.
// Proxies tell that a server is away in words: twemproxy in those of strerror, Envoy in "upstream failure" and "no
// upstream host". The modules for time series say that the user has no "permissions" for one of the keys.
var passingWords = []string{
	"unknown command", "max number of clients", "upstream failure", "no upstream host", "connection refused", "connection timed out",
	"connection reset", "server closed connection", "host unreachable", "no route to host", "permission",
}
