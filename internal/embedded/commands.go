package embedded

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rtcollector/rtcollector/internal/embedded/keyspace"
	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

// maxNameBytes is longer than the name of any command.
const maxNameBytes = 24

// command is one row of the command table.
type command struct {
	keyspace.Command
	// runOnConn replaces Run for commands that need the whole connection.
	runOnConn func(c *conn, args [][]byte)
}

// has reports whether a command exists and has any of the flags.
func (cmd *command) has(flags keyspace.Flags) bool { return cmd != nil && cmd.Flags&flags != 0 }

// findCommand finds a command by its name in any case. It returns nil for an
// unknown one.
func (s *Server) findCommand(name []byte) *command {
	var upper [maxNameBytes]byte
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

func (s *Server) commandTable() map[string]*command {
	table := map[string]*command{}
	for _, cmd := range slices.Concat(keyspace.Commands(), s.datatypes.Commands(), s.series.Commands(), s.documents.Commands(), s.search.Commands()) {
		table[strings.ToUpper(cmd.Name)] = &command{Command: cmd}
	}
	for _, cmd := range serverCommands() {
		table[strings.ToUpper(cmd.Name)] = &cmd
	}
	return table
}

func serverCommands() []command {
	const (
		noAuth      = keyspace.FlagNoAuth
		transaction = keyspace.FlagTransaction
		pubsub      = keyspace.FlagPubSub
	)
	return []command{
		onConn("hello", -1, noAuth, (*conn).runHello),
		onConn("auth", -2, noAuth, (*conn).runAuth),
		onConn("quit", -1, noAuth|transaction|pubsub, (*conn).runQuit),
		onConn("ping", -1, pubsub, (*conn).runPing),
		onConn("echo", 2, 0, (*conn).runEcho),
		onConn("time", 1, 0, (*conn).runTime),
		onConn("wait", 3, 0, (*conn).runWait),
		onConn("cluster", -2, 0, (*conn).runCluster),
		onConn("select", 2, 0, (*conn).runSelect),
		onConn("client", -2, 0, (*conn).runClient),
		onConn("info", -1, 0, (*conn).runInfo),
		onConn("module", -2, 0, (*conn).runModule),
		onConn("command", -1, 0, (*conn).runCommand),
		onConn("config", -2, 0, (*conn).runConfig),
		onConn("slowlog", -2, 0, (*conn).runSlowlog),
		onConn("multi", 1, transaction, (*conn).runMulti),
		onConn("exec", -1, transaction, (*conn).runExec),
		onConn("discard", 1, transaction, (*conn).runDiscard),
		onConn("watch", -2, transaction, (*conn).runWatch),
		onConn("unwatch", 1, 0, (*conn).runUnwatch),
		onConn("subscribe", -2, transaction|pubsub, (*conn).runSubscribe),
		onConn("psubscribe", -2, transaction|pubsub, (*conn).runSubscribe),
		onConn("unsubscribe", -1, transaction|pubsub, (*conn).runUnsubscribe),
		onConn("punsubscribe", -1, transaction|pubsub, (*conn).runUnsubscribe),
		onConn("publish", 3, 0, (*conn).runPublish),
		onConn("pubsub", -2, 0, (*conn).runPubSub),
	}
}

func onConn(name string, arity int, flags keyspace.Flags, run func(c *conn, args [][]byte)) command {
	return command{Command: keyspace.Custom(name, arity, flags, nil), runOnConn: run}
}

// unknownCommandError returns Redis's error, which quotes the start of the
// command.
func unknownCommandError(args [][]byte) resp.Error {
	const maxQuotedBytes = 128
	var b strings.Builder
	fmt.Fprintf(&b, "ERR unknown command '%.*s', with args beginning with: ", maxQuotedBytes, args[0])
	start := b.Len()
	for _, a := range args[1:] {
		left := maxQuotedBytes - (b.Len() - start)
		if left <= 0 {
			break
		}
		fmt.Fprintf(&b, "'%.*s' ", left, a)
	}
	return resp.Error(b.String())
}
