// Package shared lets several inputs of one agent use one thing together, such as a list of the host's processes that is expensive to read.
package shared

import (
	"io"
	"sync"
)

// Pool holds things that are in use. Its zero value is empty. A nil Pool shares nothing.
type Pool struct {
	mu      sync.Mutex
	entries map[any]*entry
}

type entry struct {
	once  sync.Once
	users int
	thing io.Closer
	err   error
}

// Get returns the thing of a key, which open makes if nobody uses it. Things are equal if their keys are; the type of the key says what the
// thing is, so it should be a type of the caller's own. Release must be called once the caller no longer needs the thing: the last user
// closes it. An error of open is not kept.
func Get[K comparable, T io.Closer](p *Pool, key K, open func() (T, error)) (thing T, release func() error, err error) {
	if p == nil {
		thing, err = open()
		if err != nil {
			return thing, nil, err
		}
		return thing, thing.Close, nil
	}
	e := p.enter(key)
	e.once.Do(func() { e.thing, e.err = open() })
	if e.err != nil {
		_ = p.leave(key, e)
		return thing, nil, e.err
	}
	return e.thing.(T), sync.OnceValue(func() error { return p.leave(key, e) }), nil
}

func (p *Pool) enter(key any) *entry {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.entries[key]
	if e == nil {
		if p.entries == nil {
			p.entries = map[any]*entry{}
		}
		e = &entry{}
		p.entries[key] = e
	}
	e.users++
	return e
}

func (p *Pool) leave(key any, e *entry) error {
	p.mu.Lock()
	e.users--
	last := e.users == 0
	if last && p.entries[key] == e {
		delete(p.entries, key)
	}
	p.mu.Unlock()
	if wasOpened := e.err == nil; last && wasOpened {
		return e.thing.Close()
	}
	return nil
}
