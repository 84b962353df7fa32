package sysinfo

import (
	"context"
	"errors"
	"sync"
)

// ErrStuck is the error of a file system that has not answered in time, now or earlier.
var ErrStuck = errors.New("no answer in time; skipped until it answers")

// slowCalls makes calls about paths that cannot be interrupted and may hang, because a server or a drive does not answer. It has at most
// one goroutine for each path. The zero value needs a call.
type slowCalls[T any] struct {
	call func(path string) (T, error)

	mu      sync.Mutex
	pending map[string]bool // paths whose call has not returned
}

// ask returns the answer about a path, or ErrStuck or context.Canceled if ctx is done before. While a call hangs, ErrStuck is returned at
// once.
func (s *slowCalls[T]) ask(ctx context.Context, path string) (T, error) {
	type answer struct {
		value T
		err   error
	}
	if !s.begin(path) {
		var none T
		return none, ErrStuck
	}
	answers := make(chan answer, 1)
	go func() {
		v, err := s.call(path)
		s.end(path)
		answers <- answer{v, err}
	}()
	select {
	case a := <-answers:
		return a.value, a.err
	case <-ctx.Done():
	}
	var none T
	if errors.Is(ctx.Err(), context.Canceled) {
		return none, ctx.Err()
	}
	return none, ErrStuck
}

// begin marks a path as pending. It returns false if it already is.
func (s *slowCalls[T]) begin(path string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pending[path] {
		return false
	}
	if s.pending == nil {
		s.pending = map[string]bool{}
	}
	s.pending[path] = true
	return true
}

func (s *slowCalls[T]) end(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.pending, path)
}
