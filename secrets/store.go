// Package secrets defines what a secret store implements, and routes each reference of a configuration, such as
// "secret:redis/password", to its store. The package internal/secret holds the configured values themselves ([secret.Ref]).
//
//   - store.go: [Store], what every kind of store implements, and [Define], which makes it configurable.
//   - stores.go: [Stores], which resolves each reference with the store that it names.
//   - Folders env, file, vault: the kinds of stores. Folder all: the generated list of them.
//   - Folders secretstest, vaulttest: the test that every kind of store must pass, and a server like Vault for tests.
package secrets

import (
	"context"
	"log/slog"

	"github.com/rtcollector/rtcollector/internal/catalog"
	"github.com/rtcollector/rtcollector/internal/secret"
)

// Store resolves references. Its methods may be called from several goroutines at once. Secret returns the current value, so that the
// next connection uses a rotated credential. A store may cache values for a few seconds if its README says so. Errors name the secret and
// where it was looked up (file, variable, URL), say what to do, and never contain the value. They are marked with [secret.NotFound] if the store has no such secret, and with [secret.Unavailable] if
// the store could not be reached.
type Store = secret.Resolver

// Keeper is implemented by stores that renew something, such as a token. Keep is called once, after the configuration was
// loaded, and runs until ctx is done; its goroutines must have ended when it returns. A store must also work when Keep is
// never called; in that case it logs in again once its token has expired.
type Keeper interface {
	Keep(ctx context.Context, log *slog.Logger)
}

// Local marks stores that need neither a network nor a login; its method does nothing. The settings of other stores may refer to
// local stores only. Local stores have no references in their own settings, so references cannot loop.
type Local interface{ Local() }

// StoreEnv is the environment that a store is built with.
type StoreEnv struct {
	Name    string                      // name of the store in messages: "secret_stores.prod"
	Getenv  func(string) (string, bool) // like os.LookupEnv; nil: there are no variables
	Secrets secret.Resolver             // resolves references in the store's own settings, which are to [Local] stores only
	Hide    func(value string)          // registers a credential that messages must not show; may be nil
}

// Options holds the settings that all stores have in common.
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
