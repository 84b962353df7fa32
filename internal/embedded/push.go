package embedded

import (
	"sync"

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

// maxUndeliveredBytes bounds the messages that a subscriber has not read yet.
// Beyond it the subscriber is disconnected, as in Redis.
const maxUndeliveredBytes = 8 << 20

// pushQueue holds the messages for one client. Other clients append, and a
// goroutine of its own sends them while the client's goroutine waits for
// commands.
type pushQueue struct {
	writing sync.Mutex // held while bytes are sent to the client

	mu       sync.Mutex
	messages resp.Writer // guarded by mu
	memory   resp.Lease  // guarded by mu

	signal chan struct{} // has an element if there are messages; nil before the first subscription
}

// pushMessage adds a message for this client. It disconnects a client that reads
// too slowly.
func (c *conn) pushMessage(write func(*resp.Writer)) {
	q := &c.push
	q.mu.Lock()
	defer q.mu.Unlock()
	write(&q.messages)
	if size := int64(q.messages.Cap()); size > maxUndeliveredBytes || !q.memory.Resize(size) {
		q.messages.Take()
		q.memory.Release()
		c.net.Close()
		return
	}
	select {
	case q.signal <- struct{}{}:
	default: // a signal is pending
	}
}

// startPushing starts the goroutine that sends messages.
func (c *conn) startPushing() {
	c.push.signal = make(chan struct{}, 1)
	c.server.wg.Add(1)
	go func() {
		defer c.server.wg.Done()
		for range c.push.signal {
			c.push.writing.Lock()
			c.sendMessages()
			c.push.writing.Unlock()
		}
	}()
}

// sendMessages sends the messages that wait. The caller holds push.writing.
func (c *conn) sendMessages() {
	q := &c.push
	q.mu.Lock()
	b := q.messages.Take()
	q.mu.Unlock()
	if b == nil {
		return
	}
	c.send(b)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.memory.Resize(int64(q.messages.Cap()))
}

func (q *pushQueue) setRESP3(resp3 bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.messages.RESP3 = resp3
}

func (q *pushQueue) release() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.memory.Release()
}
