package secrets

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/rtcollector/rtcollector/internal/secret"
)

// Stores are the stores of a configuration: one that is asked unless a reference begins with the name of another.
type Stores struct {
	main  Store
	named map[string]Store
	hide  *secret.Redactor
}

// NewStores puts stores together. What they answer is added to hide, which may be nil.
func NewStores(main Store, named map[string]Store, hide *secret.Redactor) *Stores {
	return &Stores{main: main, named: named, hide: hide}
}

// Secret implements [Resolver]. The id "prod/redis/password" is redis/password in the store prod when there is one of
// that name, else all of it belongs to the main store.
func (s *Stores) Secret(ctx context.Context, id string) (string, error) {
	store, rest := s.Find(id)
	if strings.Trim(rest, "/") == "" {
		return "", errNoID
	}
	v, err := store.Secret(ctx, rest)
	if name, _, named := strings.Cut(id, "/"); named && rest == id && len(s.named) > 0 && secret.IsNotFound(err) {
		err = fmt.Errorf("%w (and no store is called %q, only %s)", err, name, strings.Join(slices.Sorted(maps.Keys(s.named)), ", "))
	}
	if err != nil {
		return "", err
	}
	s.hide.Add(v)
	return v, nil
}

var errNoID = errors.New(`the reference names a store and no secret in it: "secret:<store>/<id>"`)

// Find returns the store that a reference is for, and what is left of its id.
func (s *Stores) Find(id string) (store Store, rest string) {
	name, rest, _ := strings.Cut(id, "/")
	if store, ok := s.named[name]; ok {
		return store, rest
	}
	return s.main, id
}

// Keep keeps all stores until ctx is done, and returns when they have ended.
func (s *Stores) Keep(ctx context.Context, log *slog.Logger) {
	var keepers sync.WaitGroup
	keep := func(name string, store Store) {
		if k, ok := store.(Keeper); ok {
			keepers.Go(func() { k.Keep(ctx, log.With("store", name)) })
		}
	}
	keep("secret_store", s.main)
	for name, store := range s.named {
		keep(name, store)
	}
	keepers.Wait()
}
