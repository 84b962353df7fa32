package embedded

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// clock lets miniredis know the time. Whenever that has changed, miniredis goes
// through all its keys and sorts them, whether one expires or not: with 10,000
// hashes every command took 7 ms. So its time goes on in steps that take a tenth
// of the time between them. With few keys they are microseconds.
type clock struct {
	mini *miniredis.Miniredis

	mu    sync.Mutex
	next  atomic.Int64  // when the next step may be, in Unix nanoseconds
	ahead time.Duration // of the time that it is, in tests
}

// step lets the time go on if it may. It is called before every command.
func (k *clock) step() {
	if time.Now().UnixNano() < k.next.Load() {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.set()
}

func (k *clock) set() {
	now := time.Now()
	if now.UnixNano() < k.next.Load() {
		return
	}
	k.mini.SetTime(now.Add(k.ahead))
	k.mini.DB(0) // goes through the keys
	const share = 10
	k.next.Store(now.UnixNano() + share*int64(time.Since(now)))
}

// skip lets so much time pass at once.
func (k *clock) skip(d time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ahead += d
	k.next.Store(0)
	k.set()
}
