package sysinfo

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// A call that hangs is made once. It does not affect other paths, and its path works again when it has returned.
func TestSlowCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release, calls := make(chan struct{}), 0
		s := &slowCalls[int]{call: func(path string) (int, error) {
			if path == "dead" {
				calls++
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
		if calls != 1 {
			t.Errorf("%d calls", calls)
		}
		close(release)
		synctest.Wait()
		if v, err := ask("dead"); v != 4 || err != nil || calls != 2 {
			t.Errorf("after the answer: %v, %v, %d calls", v, err, calls)
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
