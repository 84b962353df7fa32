package embedded

import (
	"maps"
	"slices"
	"strings"

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

const (
	// Limits of one client's subscriptions.
	maxSubscriptions     = 4096
	maxSubscriptionBytes = 256 << 10
	// maxUndelivered bounds the messages that wait for a subscriber to read
	// them; beyond it the subscriber is disconnected, as in Redis.
	maxUndelivered = 8 << 20
)

// pubsub delivers messages; the server's mutex of the same name guards it.
type pubsub struct {
	channels topics // by exact name
	patterns topics // by glob
}

type topics map[string]map[*conn]bool

func (t topics) add(name string, c *conn) {
	if t[name] == nil {
		t[name] = map[*conn]bool{}
	}
	t[name][c] = true
}

func (t topics) remove(name string, c *conn) {
	delete(t[name], c)
	if len(t[name]) == 0 {
		delete(t, name)
	}
}

// subscriptions are those of one client.
type subscriptions struct {
	channels, patterns map[string]bool
	bytes              int
}

func (s *subscriptions) count() int { return len(s.channels) + len(s.patterns) }

// topicsOf returns the server's and the client's side of channels or patterns.
func (c *conn) topicsOf(patterns bool) (topics, map[string]bool) {
	if patterns {
		return c.srv.pubsub.patterns, c.subs.patterns
	}
	return c.srv.pubsub.channels, c.subs.channels
}

func pubsubCommands() []command {
	return []command{
		{"subscribe", -2, flagTx | flagPubSub, srvSubscribe},
		{"psubscribe", -2, flagTx | flagPubSub, srvSubscribe},
		{"unsubscribe", -1, flagTx | flagPubSub, srvUnsubscribe},
		{"punsubscribe", -1, flagTx | flagPubSub, srvUnsubscribe},
		{"publish", 3, 0, srvPublish},
		{"pubsub", -2, 0, srvPubSub},
	}
}

func isPattern(name []byte) bool { return name[0]|0x20 == 'p' }

func srvSubscribe(c *conn, args [][]byte) {
	if c.tx != nil {
		c.out.Error(resp.Error("ERR " + string(args[0]) + " is not allowed in transactions"))
		return
	}
	if c.subs.channels == nil {
		c.subs.channels, c.subs.patterns = map[string]bool{}, map[string]bool{}
		c.startPushing()
	}
	c.flush() // replies to earlier commands go before messages
	s := c.srv
	s.pubsubMu.Lock()
	defer s.pubsubMu.Unlock()
	all, own := c.topicsOf(isPattern(args[0]))
	for _, word := range args[1:] {
		name := string(word)
		if isPattern(args[0]) && !c.patternFits(name) {
			return
		}
		if !own[name] {
			if c.subs.count() >= maxSubscriptions || c.subs.bytes+len(name) > maxSubscriptionBytes {
				c.fail(resp.ErrOOM)
				return
			}
			own[name] = true
			c.subs.bytes += len(name)
			all.add(name, c)
		}
		c.confirm(strings.ToLower(string(args[0])), name, true)
	}
}

func srvUnsubscribe(c *conn, args [][]byte) {
	if c.tx != nil {
		c.out.Error(resp.Error("ERR " + string(args[0]) + " is not allowed in transactions"))
		return
	}
	c.flush()
	s := c.srv
	s.pubsubMu.Lock()
	defer s.pubsubMu.Unlock()
	all, own := c.topicsOf(isPattern(args[0]))
	kind, names := strings.ToLower(string(args[0])), resp.Strings(args[1:])
	if len(names) == 0 {
		names = slices.Sorted(maps.Keys(own))
	}
	if len(names) == 0 {
		c.confirm(kind, "", false)
	}
	for _, name := range names {
		if own[name] {
			delete(own, name)
			c.subs.bytes -= len(name)
			all.remove(name, c)
		}
		c.confirm(kind, name, true)
	}
}

// confirm answers (un)subscribing among the messages, so that it comes in order.
func (c *conn) confirm(kind, name string, named bool) {
	c.push(func(r *resp.Writer) {
		r.Push(3)
		r.Bulk(kind)
		if named {
			r.Bulk(name)
		} else {
			r.Null()
		}
		r.Int(int64(c.subs.count()))
	})
}

// unsubscribeAll is for a client that leaves.
func (c *conn) unsubscribeAll() {
	s := c.srv
	s.pubsubMu.Lock()
	defer s.pubsubMu.Unlock()
	for _, patterns := range []bool{false, true} {
		all, own := c.topicsOf(patterns)
		for name := range own {
			all.remove(name, c)
		}
	}
	c.subs = subscriptions{}
}

func srvPublish(c *conn, args [][]byte) {
	s, channel, n := c.srv, string(args[1]), int64(0)
	s.pubsubMu.Lock()
	defer s.pubsubMu.Unlock()
	for sub := range s.pubsub.channels[channel] {
		n++
		sub.push(func(r *resp.Writer) {
			r.Push(3)
			r.Bulk("message")
			r.Bulk(channel)
			r.BulkBytes(args[2])
		})
	}
	for pattern, subs := range s.pubsub.patterns {
		if !glob(pattern, channel) {
			continue
		}
		for sub := range subs {
			n++
			sub.push(func(r *resp.Writer) {
				r.Push(4)
				r.Bulk("pmessage")
				r.Bulk(pattern)
				r.Bulk(channel)
				r.BulkBytes(args[2])
			})
		}
	}
	c.out.Int(n)
}

func srvPubSub(c *conn, args [][]byte) {
	s := c.srv
	s.pubsubMu.Lock()
	defer s.pubsubMu.Unlock()
	switch {
	case resp.IsWord(args[1], "CHANNELS") && len(args) <= 3:
		pattern := "*"
		if len(args) == 3 {
			pattern = string(args[2])
		}
		if !c.patternFits(pattern) {
			return
		}
		c.out.Bulks(slices.DeleteFunc(slices.Sorted(maps.Keys(s.pubsub.channels)), func(name string) bool { return !glob(pattern, name) }))
	case resp.IsWord(args[1], "NUMSUB"):
		c.out.Array(2 * (len(args) - 2))
		for _, name := range args[2:] {
			c.out.BulkBytes(name)
			c.out.Int(int64(len(s.pubsub.channels[string(name)])))
		}
	case resp.IsWord(args[1], "NUMPAT") && len(args) == 2:
		c.out.Int(int64(len(s.pubsub.patterns)))
	default:
		c.unknownSub("PUBSUB", args[1])
	}
}
