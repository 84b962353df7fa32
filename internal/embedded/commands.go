package embedded

import (
	"strings"

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

type flags uint8

const (
	flagWrite  flags = 1 << iota // SetError refuses it
	flagNoAuth                   // allowed before AUTH
	flagTx                       // acts on the transaction, is not queued by it
	flagBlocks                   // may wait for other clients
	flagPubSub                   // allowed to a RESP2 client with subscriptions
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

func (cmd *command) wrongNumber() resp.Error {
	return resp.Error("ERR wrong number of arguments for '" + cmd.name + "' command")
}

func (cmd *command) allowedWhileSubscribed() bool { return cmd.flags&flagPubSub != 0 }

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
	for _, list := range [][]command{seriesCommands(), jsonCommands(), searchCommands(), keyCommands(), serverCommands(), pubsubCommands(),
		stringCommands(), hashCommands(), listCommands(), setCommands(), zsetCommands(), streamCommands(), groupCommands()} {
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
		{"del", -2, flagWrite, writing(keyDel)},
		{"unlink", -2, flagWrite, writing(keyDel)},
		{"exists", -2, 0, reading(keyExists)},
		{"touch", -2, 0, reading(keyExists)},
		{"type", 2, 0, reading(keyType)},
		{"keys", 2, 0, reading(keyKeys)},
		{"scan", -2, 0, reading(keyScan)},
		{"dbsize", 1, 0, reading(keyDBSize)},
		{"randomkey", 1, 0, reading(keyRandom)},
		{"rename", 3, flagWrite, writing(keyRename)},
		{"renamenx", 3, flagWrite, writing(keyRename)},
		{"ttl", 2, 0, reading(keyTTL)},
		{"pttl", 2, 0, reading(keyTTL)},
		{"expiretime", 2, 0, reading(keyTTL)},
		{"pexpiretime", 2, 0, reading(keyTTL)},
		{"expire", -3, flagWrite, writing(keyExpire)},
		{"pexpire", -3, flagWrite, writing(keyExpire)},
		{"expireat", -3, flagWrite, writing(keyExpire)},
		{"pexpireat", -3, flagWrite, writing(keyExpire)},
		{"persist", 2, flagWrite, writing(keyPersist)},
		{"flushall", -1, flagWrite, keyFlushAll},
		{"flushdb", -1, flagWrite, keyFlushDB},
		{"swapdb", 3, flagWrite, keySwapDB},
		{"copy", -3, flagWrite, keyCopy},
		{"memory", -2, 0, reading(keyMemory)},
	}
}

func serverCommands() []command {
	return []command{
		{"hello", -1, flagNoAuth, srvHello},
		{"auth", -2, flagNoAuth, srvAuth},
		{"quit", -1, flagNoAuth | flagTx | flagPubSub, srvQuit},
		{"ping", -1, flagPubSub, srvPing},
		{"echo", 2, 0, srvEcho},
		{"time", 1, 0, srvTime},
		{"wait", 3, 0, srvWait},
		{"cluster", -2, 0, srvCluster},
		{"select", 2, 0, srvSelect},
		{"client", -2, 0, srvClient},
		{"info", -1, 0, srvInfo},
		{"module", -2, 0, srvModule},
		{"command", -1, 0, srvCommand},
		{"config", -2, 0, srvConfig},
		{"slowlog", -2, 0, srvSlowlog},
		{"multi", 1, flagTx, txMulti},
		{"exec", -1, flagTx, txExec},
		{"discard", 1, flagTx, txDiscard},
		{"watch", -2, flagTx, txWatch},
		{"unwatch", 1, 0, txUnwatch},
	}
}
