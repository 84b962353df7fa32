package chaos

import (
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"
)

// process is an agent as a process of its own, which can be killed.
type process struct {
	cmd    *exec.Cmd
	orders io.WriteCloser
	order  int
	ended  chan struct{} // closed when its last report was read
	isDead bool          // it was killed

	mu  sync.Mutex
	now state
}

// launch starts an agent, whose reports go into the ledger. Wrapper is a command that executes another one, such as unshare(1).
func launch(t *testing.T, p plan, wrapper []string, log io.Writer, l *ledger) *process {
	t.Helper()
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	args := append(wrapper[:len(wrapper):len(wrapper)], os.Args[0])
	x := &process{cmd: exec.Command(args[0], args[1:]...), ended: make(chan struct{})}
	x.cmd.Env = append(os.Environ(), planVariable+"="+string(text))
	x.cmd.Stderr = log
	if x.orders, err = x.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	reports, err := x.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := x.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(x.ended)
		x.read(gob.NewDecoder(reports), l)
	}()
	return x
}

// read reads the reports until the process ends. A report that was cut off belongs to a batch that the agent never got.
func (x *process) read(from *gob.Decoder, l *ledger) {
	var names []string
	for {
		var r report
		if err := from.Decode(&r); err != nil {
			return
		}
		names = append(names, r.Names...)
		if r.Gather != nil {
			l.enter(r.Gather, names)
		}
		l.secure(r.Safe)
		if r.State != nil {
			x.mu.Lock()
			x.now = *r.State
			x.mu.Unlock()
		}
	}
}

// state returns the last reported state. It is an error if the process has ended by itself.
func (x *process) state() (state, error) {
	x.mu.Lock()
	now := x.now
	x.mu.Unlock()
	select {
	case <-x.ended:
		if !x.isDead {
			return now, errors.New("the agent ended by itself")
		}
	default:
	}
	return now, nil
}

// command tells the process whether its inputs gather, and waits until it obeys.
func (x *process) command(t *testing.T, gathers bool) {
	t.Helper()
	x.order++
	if _, err := fmt.Fprintln(x.orders, x.order, gathers); err != nil {
		t.Fatal(err)
	}
	x.await(t, "the agent obeys", func(s state) error {
		if s.Order < x.order {
			return fmt.Errorf("it obeys order %d", s.Order)
		}
		return nil
	})
}

// kill kills the process, and waits until everything that it reported is in the ledger.
func (x *process) kill(t *testing.T) {
	t.Helper()
	if _, err := x.state(); err != nil {
		t.Error(err)
	}
	x.isDead = true
	_ = x.cmd.Process.Kill()
	<-x.ended
	_ = x.cmd.Wait()
}

// stop ends the process as a service manager does.
func (x *process) stop(t *testing.T) {
	t.Helper()
	if x.isDead {
		return
	}
	_ = x.orders.Close()
	select {
	case <-x.ended:
	case <-time.After(time.Minute):
		t.Error("the agent did not end")
		_ = x.cmd.Process.Kill()
		<-x.ended
	}
	if err := x.cmd.Wait(); err != nil {
		t.Errorf("the agent ended with %v", err)
	}
}

// patience is the longest time to wait for a state. After many failures an output pauses for half a minute, and then it may meet a connection
// that is dead.
const patience = 2 * time.Minute

// await waits for a state of the process.
func (x *process) await(t *testing.T, what string, f func(state) error) {
	t.Helper()
	deadline := time.After(patience)
	for {
		s, err := x.state()
		if err != nil {
			t.Fatal(err)
		}
		if err = f(s); err == nil {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("waited %v until %s: %v", patience, what, err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// processFaults are the faults of the agent itself.
func processFaults() []fault {
	return []fault{
		{"the agent is killed", func(t *testing.T, s *stage) func() {
			s.awaitSafe(t)
			s.killAgent(t)
			return func() { s.startAgent(t) }
		}},
		{"the agent is killed in an outage", func(t *testing.T, s *stage) func() {
			s.awaitSafe(t)
			s.network.Stop()
			return func() {
				if s.disk != nil {
					s.awaitSafe(t)
				}
				s.killAgent(t)
				s.pass(t, 2*interval)
				if s.random.IntN(2) == 0 {
					s.startAgent(t)
					s.pass(t, time.Second)
					s.start(t)
					return
				}
				s.start(t)
				s.startAgent(t)
			}
		}},
	}
}

// killAgent kills the agent. What was in its memory may be missing.
func (s *stage) killAgent(t *testing.T) {
	t.Helper()
	s.agent.kill(t)
	s.lost = s.lost.plus(s.agent.now.Lost)
	gathers, oldest := s.ledger.tear()
	t.Logf("%d gathers of the last %v may be missing", gathers, oldest.Round(time.Millisecond))
}

// awaitSafe waits until something has left the memory of the agent that was gathered from now on: to the server, or in an outage to the disk. If
// the agent is killed then, all that can be missing was gathered later.
func (s *stage) awaitSafe(t *testing.T) {
	t.Helper()
	begin := time.Now()
	s.agent.await(t, "what is gathered is written or on the disk", func(state) error {
		if safe := s.ledger.lastSafe(); !safe.After(begin) {
			return fmt.Errorf("the last that is safe was gathered %v before", begin.Sub(safe))
		}
		return nil
	})
}
