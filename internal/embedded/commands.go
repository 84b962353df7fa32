package embedded

import "strings"

type flags uint8

const (
	flagWrite  flags = 1 << iota // SetError refuses it
	flagNoAuth                   // allowed before AUTH
	flagTx                       // acts on the transaction, is not queued by it
)

// command is one that we answer ourselves.
type command struct {
	name  string // as in error texts
	arity int    // with the name; negative: at least
	flags flags
	run   func(c *conn, args [][]byte)
}

func (cmd *command) takes(n int) bool {
	if cmd.arity < 0 {
		return n >= -cmd.arity
	}
	return n == cmd.arity
}

func (cmd *command) wrongNumber() string {
	return "ERR wrong number of arguments for '" + cmd.name + "' command"
}

const longestName = 24

// lookup finds a command by name in any case; nil is not ours.
func (s *Server) lookup(name []byte) *command {
	var upper [longestName]byte
	if len(name) > len(upper) {
		return nil
	}
	for i, c := range name {
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		upper[i] = c
	}
	return s.commands[string(upper[:len(name)])]
}

func commandTable() map[string]*command {
	table := map[string]*command{}
	for _, list := range [][]command{seriesCommands(), jsonCommands(), searchCommands(), keyCommands(), serverCommands()} {
		for _, cmd := range list {
			table[strings.ToUpper(cmd.name)] = &cmd
		}
	}
	return table
}

func seriesCommands() []command {
	return []command{
		{"ts.create", -2, flagWrite, tsCreate},
		{"ts.alter", -2, flagWrite, tsAlter},
		{"ts.add", -4, flagWrite, tsAdd},
		{"ts.madd", -4, flagWrite, tsMAdd},
		{"ts.incrby", -3, flagWrite, tsIncrBy},
		{"ts.decrby", -3, flagWrite, tsDecrBy},
		{"ts.del", 4, flagWrite, tsDel},
		{"ts.createrule", -6, flagWrite, tsCreateRule},
		{"ts.deleterule", 3, flagWrite, tsDeleteRule},
		{"ts.get", -2, 0, tsGet},
		{"ts.mget", -3, 0, tsMGet},
		{"ts.range", -4, 0, tsRange},
		{"ts.revrange", -4, 0, tsRevRange},
		{"ts.mrange", -4, 0, tsMRange},
		{"ts.mrevrange", -4, 0, tsMRevRange},
		{"ts.queryindex", -2, 0, tsQueryIndex},
		{"ts.info", -2, 0, tsInfo},
	}
}

func keyCommands() []command {
	return []command{
		{"del", -2, flagWrite, keyDel},
		{"unlink", -2, flagWrite, keyDel},
		{"exists", -2, 0, keyExists},
		{"touch", -2, 0, keyExists},
		{"type", 2, 0, keyType},
		{"keys", 2, 0, keyKeys},
		{"scan", -2, 0, keyScan},
		{"dbsize", 1, 0, keyDBSize},
		{"randomkey", 1, 0, keyRandom},
		{"rename", 3, flagWrite, keyRename},
		{"renamenx", 3, flagWrite, keyRename},
		{"ttl", 2, 0, keyTTL},
		{"pttl", 2, 0, keyTTL},
		{"expiretime", 2, 0, keyTTL},
		{"pexpiretime", 2, 0, keyTTL},
		{"expire", -3, flagWrite, keyExpire},
		{"pexpire", -3, flagWrite, keyExpire},
		{"expireat", -3, flagWrite, keyExpire},
		{"pexpireat", -3, flagWrite, keyExpire},
		{"persist", 2, flagWrite, keyPersist},
		{"flushall", -1, flagWrite, keyFlushAll},
		{"flushdb", -1, flagWrite, keyFlushDB},
		{"swapdb", 3, flagWrite, keySwapDB},
		{"set", -3, flagWrite, keySet},
		{"setnx", 3, flagWrite, keySetNX},
		{"setex", 4, flagWrite, keySet},
		{"psetex", 4, flagWrite, keySet},
		{"mset", -3, flagWrite, keyMSet},
		{"msetnx", -3, flagWrite, keyMSet},
		{"setrange", 4, flagWrite, keySetRange},
		{"setbit", 4, flagWrite, keySetRange},
	}
}

func serverCommands() []command {
	return []command{
		{"hello", -1, flagNoAuth, srvHello},
		{"auth", -2, flagNoAuth, srvAuth},
		{"quit", -1, flagNoAuth | flagTx, srvQuit},
		{"ping", -1, 0, srvPing},
		{"select", 2, 0, srvSelect},
		{"client", -2, 0, srvClient},
		{"info", -1, 0, srvInfo},
		{"module", -2, 0, srvModule},
		{"command", -1, 0, srvCommand},
		{"config", -2, 0, srvConfig},
		{"slowlog", -2, 0, srvSlowlog},
		{"multi", 1, flagTx, txMulti},
		{"exec", 1, flagTx, txExec},
		{"discard", 1, flagTx, txDiscard},
		{"watch", -2, flagTx, txWatch},
		{"subscribe", -2, flagTx, srvSubscribe},
		{"psubscribe", -2, flagTx, srvSubscribe},
	}
}
