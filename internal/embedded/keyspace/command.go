package keyspace

import (
	"fmt"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

// Flags describe how the server may run a command.
type Flags uint8

const (
	// FlagWrite marks a command that changes data. The server refuses it while an
	// error is set.
	FlagWrite Flags = 1 << iota
	// FlagBlocking marks a command that may wait for other clients.
	FlagBlocking
	// FlagNoAuth marks a command that is allowed before AUTH.
	FlagNoAuth
	// FlagTransaction marks a command that acts on the transaction instead of
	// being queued.
	FlagTransaction
	// FlagPubSub marks a command that is allowed to a RESP2 client with
	// subscriptions.
	FlagPubSub
)

// Command is one row of the command table.
type Command struct {
	Name string // as error texts show it
	// Arity is the number of arguments with the name. A negative number is a
	// minimum.
	Arity int
	Flags Flags
	Run   func(s *Session, args [][]byte)
}

// Accepts reports whether the command takes n arguments, its name included.
func (c *Command) Accepts(n int) bool {
	if c.Arity < 0 {
		return n >= -c.Arity
	}
	return n == c.Arity
}

// ArityError returns the error for a wrong number of arguments.
func (c *Command) ArityError() resp.Error {
	return resp.Error("ERR wrong number of arguments for '" + c.Name + "' command")
}

// ErrArity is a placeholder: Session.Fail replaces it by the ArityError of the
// running command.
const ErrArity = resp.Error("ERR wrong number of arguments")

// Session is the part of a client's connection that commands use.
type Session struct {
	Out     resp.Writer
	Store   *Store
	DB      int      // the selected database
	Command *Command // the running one; nil outside of a command
	// WaitFor calls try until it returns true, again after every write. It
	// returns false after the timeout (0 is none), when the client is gone, and
	// in a transaction, which does not wait.
	WaitFor func(timeout time.Duration, try func() bool) bool
}

// Fail answers an error and reports whether there was one.
func (s *Session) Fail(err resp.Error) bool {
	switch err {
	case "":
		return false
	case ErrArity:
		err = s.Command.ArityError()
	}
	s.Out.Error(err)
	return true
}

// IntArgument parses an integer. It answers an error and returns false for
// anything else.
func (s *Session) IntArgument(arg []byte) (n int64, ok bool) {
	n, ok = resp.ParseInt(arg)
	return n, ok || !s.Fail(resp.ErrNotInteger)
}

// FailSubcommand answers the error for an unknown subcommand.
func (s *Session) FailSubcommand(subcommand []byte) {
	s.Fail(resp.Error(fmt.Sprintf("ERR unknown subcommand '%.128s'. Try %s HELP.", subcommand, strings.ToUpper(s.Command.Name))))
}

// FailLongReply replaces a reply that became too long by an error. It reports
// whether it did. The reply began at offset start of Out.
func (s *Session) FailLongReply(start int) bool {
	if s.Out.Len()-start <= resp.MaxValueReplyBytes {
		return false
	}
	s.Out.Truncate(start)
	return s.Fail(resp.ErrReplyTooLong)
}

// DatabaseFunc runs a command on a locked database.
type DatabaseFunc func(s *Session, d *Database, args [][]byte)

// Read returns a command that only reads a database.
func Read(name string, arity int, run DatabaseFunc) Command {
	return Command{name, arity, 0, func(s *Session, args [][]byte) {
		d := s.Store.RLock(s.DB)
		defer s.Store.RUnlock()
		run(s, d, args)
	}}
}

// ReadExclusively returns a command that changes no data, but caches inside of
// values.
func ReadExclusively(name string, arity int, run DatabaseFunc) Command {
	return Command{name, arity, 0, lockFor(run)}
}

// Write returns a command that changes a database.
func Write(name string, arity int, run DatabaseFunc) Command {
	return Command{name, arity, FlagWrite, lockFor(run)}
}

func lockFor(run DatabaseFunc) func(*Session, [][]byte) {
	return func(s *Session, args [][]byte) {
		d := s.Store.Lock(s.DB)
		defer s.Store.Unlock()
		run(s, d, args)
	}
}

// Custom returns a command that locks what it needs itself.
func Custom(name string, arity int, flags Flags, run func(s *Session, args [][]byte)) Command {
	return Command{name, arity, flags, run}
}
