package sysinfo

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A call that hangs is made once. It does not affect other paths, and its path works again when it has returned.
func TestSlowCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var calls atomic.Int32
		s := &slowCalls[int]{call: func(path string) (int, error) {
			if path == "dead" {
				calls.Add(1)
				<-release
			}
			return len(path), nil
		}}
		ask := func(path string) (int, error) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			return s.ask(ctx, path)
		}
		for range 3 {
			if _, err := ask("dead"); !errors.Is(err, ErrStuck) {
				t.Errorf("a dead path: %v", err)
			}
			for range 2 {
				if v, err := ask("alive"); v != 5 || err != nil {
					t.Errorf("another path: %v, %v", v, err)
				}
			}
		}
		if n := calls.Load(); n != 1 {
			t.Errorf("%d calls", n)
		}
		close(release)
		synctest.Wait()
		if v, err := ask("dead"); v != 4 || err != nil || calls.Load() != 2 {
			t.Errorf("after the answer: %v, %v, %d calls", v, err, calls.Load())
		}
	})
}

func TestSlowCallIsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		s := &slowCalls[int]{call: func(string) (int, error) { <-release; return 0, nil }}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.ask(ctx, "dead"); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	})
}
