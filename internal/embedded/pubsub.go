package embedded

import (
	"maps"
	"slices"
	"strings"

	"github.com/rtcollector/rtcollector/internal/embedded/keyspace"
	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

// Limits of the subscriptions of one client.
const (
	maxSubscriptions     = 4096
	maxSubscriptionBytes = 256 << 10
)

// pubsub is the subscriptions of all clients. Server.pubsubMu guards it.
type pubsub struct {
	channels topics // by exact name
	patterns topics
}

// topics holds the subscribers of each channel or pattern.
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

// topicsOf returns the server's and the client's channels or patterns.
func (c *conn) topicsOf(patterns bool) (topics, map[string]bool) {
	if patterns {
		return c.server.pubsub.patterns, c.subscriptions.patterns
	}
	return c.server.pubsub.channels, c.subscriptions.channels
}

// isPatternCommand tells PSUBSCRIBE and PUNSUBSCRIBE from the others.
func isPatternCommand(name []byte) bool { return name[0]|0x20 == 'p' }

// failInTransaction answers an error if a transaction is open.
func (c *conn) failInTransaction(name []byte) bool {
	return c.transaction != nil && c.Fail(resp.Error("ERR "+string(name)+" is not allowed in transactions"))
}

func (c *conn) runSubscribe(args [][]byte) {
	if c.failInTransaction(args[0]) {
		return
	}
	if c.subscriptions.channels == nil {
		c.subscriptions.channels, c.subscriptions.patterns = map[string]bool{}, map[string]bool{}
		c.startPushing()
	}
	c.flush() // replies to earlier commands are sent before messages
	c.server.pubsubMu.Lock()
	defer c.server.pubsubMu.Unlock()
	isPattern := isPatternCommand(args[0])
	all, own := c.topicsOf(isPattern)
	for _, arg := range args[1:] {
		name := string(arg)
		if isPattern && !c.AcceptPattern(name) {
			return
		}
		if !own[name] {
			if c.subscriptions.count() >= maxSubscriptions || c.subscriptions.bytes+len(name) > maxSubscriptionBytes {
				c.Fail(resp.ErrOOM)
				return
			}
			own[name] = true
			c.subscriptions.bytes += len(name)
			all.add(name, c)
		}
		c.confirmSubscription(args[0], name, true)
	}
}

func (c *conn) runUnsubscribe(args [][]byte) {
	if c.failInTransaction(args[0]) {
		return
	}
	c.flush()
	c.server.pubsubMu.Lock()
	defer c.server.pubsubMu.Unlock()
	all, own := c.topicsOf(isPatternCommand(args[0]))
	names := resp.Strings(args[1:])
	if len(names) == 0 {
		names = slices.Sorted(maps.Keys(own))
	}
	if len(names) == 0 {
		c.confirmSubscription(args[0], "", false)
	}
	for _, name := range names {
		if own[name] {
			delete(own, name)
			c.subscriptions.bytes -= len(name)
			all.remove(name, c)
		}
		c.confirmSubscription(args[0], name, true)
	}
}

// confirmSubscription answers a SUBSCRIBE or UNSUBSCRIBE as a message, so that it
// arrives in the right order with other messages.
func (c *conn) confirmSubscription(command []byte, name string, hasName bool) {
	c.pushMessage(func(w *resp.Writer) {
		w.Push(3)
		w.Bulk(strings.ToLower(string(command)))
		if hasName {
			w.Bulk(name)
		} else {
			w.Null()
		}
		w.Int(int64(c.subscriptions.count()))
	})
}

func (c *conn) unsubscribeAll() {
	c.server.pubsubMu.Lock()
	defer c.server.pubsubMu.Unlock()
	for _, patterns := range []bool{false, true} {
		all, own := c.topicsOf(patterns)
		for name := range own {
			all.remove(name, c)
		}
	}
	c.subscriptions = subscriptions{}
}

func (c *conn) runPublish(args [][]byte) {
	channel, receivers := string(args[1]), int64(0)
	c.server.pubsubMu.Lock()
	defer c.server.pubsubMu.Unlock()
	for subscriber := range c.server.pubsub.channels[channel] {
		receivers++
		subscriber.pushMessage(func(w *resp.Writer) {
			w.Push(3)
			w.Bulk("message")
			w.Bulk(channel)
			w.BulkBytes(args[2])
		})
	}
	for pattern, subscribers := range c.server.pubsub.patterns {
		if !keyspace.MatchPattern(pattern, channel) {
			continue
		}
		for subscriber := range subscribers {
			receivers++
			subscriber.pushMessage(func(w *resp.Writer) {
				w.Push(4)
				w.Bulk("pmessage")
				w.Bulk(pattern)
				w.Bulk(channel)
				w.BulkBytes(args[2])
			})
		}
	}
	c.Out.Int(receivers)
}

func (c *conn) runPubSub(args [][]byte) {
	c.server.pubsubMu.Lock()
	defer c.server.pubsubMu.Unlock()
	channels := c.server.pubsub.channels
	switch {
	case resp.IsWord(args[1], "CHANNELS") && len(args) <= 3:
		pattern := "*"
		if len(args) == 3 {
			pattern = string(args[2])
		}
		if !c.AcceptPattern(pattern) {
			return
		}
		c.Out.Bulks(slices.DeleteFunc(slices.Sorted(maps.Keys(channels)), func(name string) bool { return !keyspace.MatchPattern(pattern, name) }))
	case resp.IsWord(args[1], "NUMSUB"):
		c.Out.Array(2 * (len(args) - 2))
		for _, name := range args[2:] {
			c.Out.BulkBytes(name)
			c.Out.Int(int64(len(channels[string(name)])))
		}
	case resp.IsWord(args[1], "NUMPAT") && len(args) == 2:
		c.Out.Int(int64(len(c.server.pubsub.patterns)))
	default:
		c.FailSubcommand(args[1])
	}
}
