package secrets

import (
	"context"
	"errors"
	"log/slog"

	"github.com/rtcollector/rtcollector/internal/catalog"
)

// Store answers references. Its methods may be called from several goroutines at once. Every call of Secret finds the
// value as it is now, so that a rotated credential is used by the next connection; a store that keeps values for a
// few seconds says so. The error says what was asked, where, and what to do: [NotFound] when the store has no such
// secret, [Unavailable] when it could not be asked.
type Store = Resolver

// Keeper is implemented by stores with something to keep alive, such as a token that must be renewed. Keep works
// until ctx is done and leaves no goroutine behind. A store is usable without: it then logs in again where it must.
type Keeper interface {
	Keep(ctx context.Context, log *slog.Logger)
}

// Local is implemented by stores that need neither a network nor a login. The settings of other stores may refer to
// them, and to no others, so that references cannot go in circles.
type Local interface{ Local() }

// StoreEnv is what a store is built with.
type StoreEnv struct {
	Name    string                      // of the store, as messages call it: "secret_stores.prod"
	Getenv  func(string) (string, bool) // os.LookupEnv
	Secrets Resolver                    // what the store's own references are resolved with: [Local] stores only
	Hide    func(value string)          // for credentials that are not shown in any message; may be nil
}

// Options are the keys that every store understands beside its own.
type Options struct {
	Type string `yaml:"type"` // which kind of store
}

type (
	// Definition is one kind of store.
	Definition = catalog.Definition[StoreEnv, Options, Store]
	// Built is a decoded configuration of a store.
	Built = catalog.Built[StoreEnv, Options, Store]
	// Catalog is a list of kinds of stores.
	Catalog = catalog.Catalog[StoreEnv, Options, Store]
)

// Define defines a kind of store.
func Define[C any, S Store](name, summary string, defaults func() C, build func(StoreEnv, C) (S, error)) Definition {
	return catalog.Define[C, StoreEnv, Options](name, summary, defaults, func() Options { return Options{} },
		func(e StoreEnv, c C) (Store, error) { return build(e, c) })
}

type notFoundError struct{ error }

func (e notFoundError) Unwrap() error { return e.error }

// NotFound marks the answer of a store that has no such secret.
func NotFound(err error) error { return notFoundError{err} }

// IsNotFound says whether the error was marked by [NotFound].
func IsNotFound(err error) bool {
	var e notFoundError
	return errors.As(err, &e)
}

type unavailableError struct{ error }

func (e unavailableError) Unwrap() error { return e.error }

// Unavailable marks the error of a store that could not be asked: later it may answer.
func Unavailable(err error) error { return unavailableError{err} }

// IsUnavailable says whether the error was marked by [Unavailable].
func IsUnavailable(err error) bool {
	var e unavailableError
	return errors.As(err, &e)
}
