package agent

import (
	"sync"
	"time"
)

// group joins goroutines that have names.
type group struct {
	mu      sync.Mutex
	running []string
	changed chan struct{} // receives when a goroutine has ended
}

// run starts f in a goroutine.
func (g *group) run(name string, f func()) {
	g.mu.Lock()
	g.running = append(g.running, name)
	if g.changed == nil {
		g.changed = make(chan struct{}, 1)
	}
	g.mu.Unlock()
	go func() {
		defer g.done(name)
		f()
	}()
}

func (g *group) done(name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, n := range g.running {
		if n == name {
			g.running = append(g.running[:i], g.running[i+1:]...)
			break
		}
	}
	select {
	case g.changed <- struct{}{}:
	default:
	}
}

// wait blocks until all goroutines have ended, or for d. It returns the names of those that still run.
func (g *group) wait(d time.Duration) []string {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		g.mu.Lock()
		left := append([]string(nil), g.running...)
		g.mu.Unlock()
		if len(left) == 0 {
			return nil
		}
		select {
		case <-g.changed:
		case <-timer.C:
			return left
		}
	}
}
