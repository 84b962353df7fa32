package httpresponse

import (
	"context"
	"runtime"
	"sync"
	"time"
)

// turns lets as many probes connect at the same time as there are processors. A TLS handshake takes at least half a
// millisecond of CPU time; if a hundred probes connected at once, they would measure how long they wait for each other.
type turns struct {
	free chan struct{}
	most time.Duration // after which a turn ends by itself, so that nobody waits for a distant server
}

const (
	// maxTurn bounds one turn. With a nearby server it ends earlier.
	maxTurn = 5 * time.Millisecond

	// maxWait bounds how long the last probe waits for its turn.
	maxWait = 250 * time.Millisecond
)

// newTurns returns turns for n probes.
func newTurns(n int) *turns {
	procs := runtime.GOMAXPROCS(0)
	return &turns{make(chan struct{}, procs), min(maxTurn, maxWait*time.Duration(procs)/time.Duration(max(n, 1)))}
}

// take waits for a turn. The turn ends when the caller calls done, or by itself. If ctx is done first, take returns at once.
func (t *turns) take(ctx context.Context) (done func()) {
	select {
	case t.free <- struct{}{}:
	case <-ctx.Done():
		return func() {}
	}
	end := sync.OnceFunc(func() { <-t.free })
	timer := time.AfterFunc(t.most, end)
	return func() {
		timer.Stop()
		end()
	}
}
