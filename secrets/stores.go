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

// Stores holds the stores of a configuration: the named ones (secret_stores) and the main one (secret_store), which resolves every
// reference that does not start with the name of a named store.
type Stores struct {
	main     Store
	named    map[string]Store
	redactor *secret.Redactor
}

// NewStores returns the stores of a configuration. Every resolved value is added to the redactor, which may be nil.
func NewStores(main Store, named map[string]Store, redactor *secret.Redactor) *Stores {
	return &Stores{main: main, named: named, redactor: redactor}
}

// Secret implements [secret.Resolver]. The id "prod/redis/password" is the secret redis/password of the store prod. If no store has that
// name, it is the secret prod/redis/password of the main store.
func (s *Stores) Secret(ctx context.Context, id string) (string, error) {
	store, rest := s.Find(id)
	if strings.Trim(rest, "/") == "" {
		return "", errNoID
	}
	v, err := store.Secret(ctx, rest)
	if err != nil {
		return "", s.explainNotFound(id, rest, err)
	}
	s.redactor.Add(v)
	return v, nil
}

var errNoID = errors.New(`the reference names no secret; write "secret:<id>" or "secret:<store>/<id>"`)

// explainNotFound adds to the error of the main store that the first part of the id is perhaps the misspelt name of a store.
func (s *Stores) explainNotFound(id, rest string, err error) error {
	isMain := rest == id
	first, _, hasSlash := strings.Cut(id, "/")
	if !isMain || !hasSlash || len(s.named) == 0 || !secret.IsNotFound(err) {
		return err
	}
	return fmt.Errorf("%w (and no store is called %q, only %s)", err, first, strings.Join(slices.Sorted(maps.Keys(s.named)), ", "))
}

// Find returns the store for an id, and the id without the name of the store.
func (s *Stores) Find(id string) (store Store, rest string) {
	name, rest, _ := strings.Cut(id, "/")
	if store, ok := s.named[name]; ok {
		return store, rest
	}
	return s.main, id
}

// Keep runs the Keep of every [Keeper] until ctx is done, and waits for them.
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
