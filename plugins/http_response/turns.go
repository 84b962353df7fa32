package httpresponse

import (
	"context"
	"runtime"
	"sync"
	"time"
)

// turns lets as many probes connect at a time as there are processors. A handshake takes half a millisecond of one and more: a
// hundred at once would measure how long they wait for each other.
type turns struct {
	free chan struct{}
	most time.Duration // that a turn takes: others do not wait for a server that is far away
}

// longest is what a turn takes at most. With a server that is near, it is over sooner.
const longest = 5 * time.Millisecond

// newTurns returns turns for n probes, whose waiting takes at most a tenth of the time that there is.
func newTurns(ctx context.Context, n int) *turns {
	at := runtime.GOMAXPROCS(0)
	t := &turns{make(chan struct{}, at), longest}
	if end, limited := ctx.Deadline(); limited {
		t.most = min(longest, time.Until(end)/10*time.Duration(at)/time.Duration(n))
	}
	return t
}

// take waits for a turn. It ends when done is called, or by itself; when ctx has ended, there is none.
func (t *turns) take(ctx context.Context) (done func()) {
	select {
	case t.free <- struct{}{}:
	case <-ctx.Done():
		return func() {}
	}
	give := sync.OnceFunc(func() { <-t.free })
	timer := time.AfterFunc(t.most, give)
	return func() {
		timer.Stop()
		give()
	}
}
