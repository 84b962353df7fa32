package embedded

import (
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
)

// startMini starts a miniredis without a listener, whose times to live follow
// its clock.
func startMini() (*miniredis.Miniredis, error) {
	m := miniredis.NewMiniRedis()
	c, err := m.Dial() // the only way to start it without a port
	if err != nil {
		return nil, err
	}
	m.ClockTTL(true)
	return m, c.Close()
}

// delegate lets miniredis answer an ordinary command.
func (c *conn) delegate(args [][]byte) {
	words := texts(args)
	name := strings.ToUpper(words[0])
	mini := c.srv.ordinary
	if !mini.IsRegisteredCommand(name) {
		c.out.error(unknownCommand(args))
		return
	}
	if !keyless(name) {
		if text := c.srv.failing.Load(); text != nil && !mini.IsReadOnlyCommand(name) {
			c.out.error(*text)
			return
		}
		if len(args) > 1 && name != "MGET" && c.owns(args[1]) {
			c.out.error("WRONGTYPE Operation against a key holding the wrong kind of value")
			return
		}
	}
	if name == "HDEL" && len(args) > 1 && c.db == 0 && c.srv.store.search.onHashes.Load() > 0 && c.foreign(args[1]) {
		if !c.hasAny(words[1], words[2:]) {
			c.pass(name, words)
			return
		}
		defer c.noteEmptied(words[1])
	}
	c.pass(name, words)
	if !mini.IsReadOnlyCommand(name) {
		c.followHashes(args)
	}
}

// pass hands a command to miniredis, whose reply follows ours.
func (c *conn) pass(name string, words []string) {
	c.spill()
	c.srv.clock.step()
	c.peer.Resp3 = c.out.resp3
	if isBlockingName(name) {
		c.flush() // replies to earlier commands need not wait with it
		defer c.watchDisconnect()()
	}
	if c.srv.dispatch(c.peer, words) {
		c.out.error("ERR internal error")
	}
}

// owns tells whether a key is a series or document, not miniredis'.
func (c *conn) owns(key []byte) bool {
	st := c.srv.store
	d := st.rlock(c.db)
	defer st.mu.RUnlock()
	return d.has(key)
}

// dispatch runs a command in miniredis and survives its panics.
func (s *Server) dispatch(p *server.Peer, words []string) (panicked bool) {
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		panicked = true
		if lockHeld() {
			s.mini.Unlock()
		}
		s.log.Error("miniredis panicked", "command", words[0], "error", fmt.Sprint(v))
	}()
	s.ordinary.Dispatch(p, words)
	return false
}

// lockHeld tells from the stack of a panic whether miniredis' lock is still
// taken: its withTx is the one place that unlocks without a defer.
func lockHeld() bool {
	var pcs [64]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	for {
		f, more := frames.Next()
		if strings.HasSuffix(f.Function, "miniredis/v2.withTx") {
			return true
		}
		if !more {
			return false
		}
	}
}

// watchDisconnect notices a client that goes away while miniredis blocks for
// it, which would otherwise wait on. Call the result when the command is done.
func (c *conn) watchDisconnect() (stop func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for c.in.end < len(c.in.buf) {
			n, err := c.net.Read(c.in.buf[c.in.end:])
			c.in.end += n
			if timeout, ok := err.(interface{ Timeout() bool }); ok && timeout.Timeout() {
				return
			}
			if err != nil {
				c.peer.Close()
				// Any command makes those who block look whether they are closed.
				c.srv.dispatch(server.NewPeer(nowhere()), []string{"PING"})
				return
			}
		}
	}()
	return func() {
		_ = c.net.SetReadDeadline(time.Unix(1, 0))
		<-done
		_ = c.net.SetReadDeadline(time.Time{})
	}
}

// leave tells miniredis that a subscriber is gone; it has no other way to hear.
func (c *conn) leave() {
	if c.subscribed {
		c.miniQuiet("UNSUBSCRIBE")
		c.miniQuiet("PUNSUBSCRIBE")
	}
}

func isBlocking(name []byte) bool {
	return len(name) <= longestName && isBlockingName(strings.ToUpper(string(name)))
}

func isBlockingName(name string) bool {
	switch name {
	case "BLPOP", "BRPOP", "BRPOPLPUSH", "BLMOVE", "BZPOPMIN", "BZPOPMAX", "BZMPOP", "XREAD", "XREADGROUP", "WAIT":
		return true
	}
	return false
}

// keyless commands have no key as their first argument.
func keyless(name string) bool {
	switch name {
	case "PUBLISH", "UNSUBSCRIBE", "PUNSUBSCRIBE", "SUBSCRIBE", "PSUBSCRIBE", "PUBSUB", "EVAL", "EVALSHA",
		"SCRIPT", "ECHO", "TIME", "WAIT", "WATCH", "UNWATCH", "CLUSTER", "PING", "SELECT":
		return true
	}
	return false
}

// unknownCommand is worded as Redis does.
func unknownCommand(args [][]byte) string {
	const quoted = 128
	var b strings.Builder
	fmt.Fprintf(&b, "ERR unknown command '%.*s', with args beginning with: ", quoted, args[0])
	start := b.Len()
	for _, a := range args[1:] {
		left := quoted - (b.Len() - start)
		if left <= 0 {
			break
		}
		fmt.Fprintf(&b, "'%.*s' ", left, a)
	}
	return b.String()
}
