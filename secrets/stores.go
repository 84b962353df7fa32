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

// Stores holds the stores of a configuration: named ones, and a main one for all references that do not begin with the name of another.
type Stores struct {
	main     Store
	named    map[string]Store
	redactor *secret.Redactor
}

// NewStores returns the stores of a configuration. Every resolved value is added to the redactor hide, which may be nil.
func NewStores(main Store, named map[string]Store, hide *secret.Redactor) *Stores {
	return &Stores{main: main, named: named, redactor: hide}
}

// Secret implements [secret.Resolver]. The id "prod/redis/password" is the secret redis/password of the store prod. If no store has that
// name, it is the secret prod/redis/password of the main store.
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
	s.redactor.Add(v)
	return v, nil
}

var errNoID = errors.New(`the reference names a store but no secret in it; write "secret:<store>/<id>"`)

// Find returns the store for an id, and the id without the name of the store.
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
