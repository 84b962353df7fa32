// Package secrets is the contract of secret stores, and the set of stores that a configuration defines. A store resolves
// the references of a configuration, such as "secret:redis/password"; the references themselves are [secret.Ref].
//
//   - store.go: [Store], what every kind of store implements, and [Define], which makes it configurable.
//   - stores.go: [Stores], which sends each reference to the store it names.
//   - env, file, vault: the kinds of stores. all lists them.
//   - secretstest: the test that every kind of store must pass.
package secrets

import (
	"context"
	"log/slog"

	"github.com/rtcollector/rtcollector/internal/catalog"
	"github.com/rtcollector/rtcollector/internal/secret"
)

// Store answers references. Its methods may be called from several goroutines at once. Every call of Secret finds the
// value as it is now, so that a rotated credential is used by the next connection; a store that keeps values for a
// few seconds says so. The error says what was asked, where, and what to do: [NotFound] when the store has no such
// secret, [Unavailable] when it could not be asked.
type Store = secret.Resolver

// Keeper is implemented by stores that renew something, such as a token. Keep is called once, after the configuration was
// loaded, and runs until ctx is done; its goroutines must have ended when it returns. A store must also work when Keep is
// never called: it then logs in again when its token has expired.
type Keeper interface {
	Keep(ctx context.Context, log *slog.Logger)
}

// Local is implemented by stores that need neither a network nor a login. Only local stores can resolve references in
// the settings of other stores, so references cannot loop.
type Local interface{ Local() }

// StoreEnv is the environment that a store is built with.
type StoreEnv struct {
	Name    string                      // name of the store in messages: "secret_stores.prod"
	Getenv  func(string) (string, bool) // os.LookupEnv
	Secrets secret.Resolver             // resolves the store's own references; [Local] stores only
	Hide    func(value string)          // adds a credential to those that messages must not show; may be nil
}

// Options are the settings that every store has besides its own.
type Options struct {
	Type string `yaml:"type"` // kind of store: env, file, vault
}

type (
	// Definition defines a kind of store.
	Definition = catalog.Definition[StoreEnv, Options, Store]
	// Built is a decoded configuration of a store.
	Built = catalog.Built[StoreEnv, Options, Store]
	// Catalog lists the kinds of stores.
	Catalog = catalog.Catalog[StoreEnv, Options, Store]
)

// Define defines a kind of store.
func Define[C any, S Store](name, summary string, defaults func() C, build func(StoreEnv, C) (S, error)) Definition {
	return catalog.Define[C, StoreEnv, Options](name, summary, defaults, func() Options { return Options{} },
		func(e StoreEnv, c C) (Store, error) { return build(e, c) })
}
