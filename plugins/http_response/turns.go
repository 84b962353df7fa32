package httpresponse

import (
	"context"
	"runtime"
	"sync"
	"time"
)

// connectTurns lets as many probes connect at the same time as there are processors. A TLS handshake takes at least half a
// millisecond of CPU time; if a hundred probes connected at once, they would measure how long they wait for each other.
type connectTurns struct {
	free      chan struct{}
	timeLimit time.Duration // after which a turn ends by itself, so that a distant server does not block the others
}

const (
	// maxTurn bounds one turn. With a nearby server it ends earlier.
	maxTurn = 5 * time.Millisecond

	// maxWait bounds how long the last probe waits for its turn.
	maxWait = 250 * time.Millisecond
)

// newConnectTurns returns turns for n probes.
func newConnectTurns(n int) *connectTurns {
	procs := runtime.GOMAXPROCS(0)
	return &connectTurns{make(chan struct{}, procs), min(maxTurn, maxWait*time.Duration(procs)/time.Duration(max(n, 1)))}
}

// waitTurn waits for a turn. The turn ends when the caller calls done, or by itself. If ctx is done first, take returns at once.
func (t *connectTurns) waitTurn(ctx context.Context) (done func()) {
	select {
	case t.free <- struct{}{}:
	case <-ctx.Done():
		return func() {}
	}
	end := sync.OnceFunc(func() { <-t.free })
	timer := time.AfterFunc(t.timeLimit, end)
	return func() {
		timer.Stop()
		end()
	}
}
