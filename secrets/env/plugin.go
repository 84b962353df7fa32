// Package env is the secret store that reads environment variables.
package env

import (
	_ "embed"

	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/secrets"
)

//go:embed README.md
var readme string

// Plugin is the definition of the store "env".
var Plugin = secrets.Define("env", "environment variables: SECRET_REDIS_PASSWORD for secret:redis/password", Defaults, New).Doc(readme)

// Config are the store's settings.
type Config struct {
	Prefix string `yaml:"prefix"` // of the variables' names
}

// Defaults is the predecessor's prefix.
func Defaults() Config { return Config{Prefix: "SECRET_"} }

// Store is the live store.
type Store struct{ secret.Env }

// New makes the store.
func New(_ secrets.StoreEnv, config Config) (Store, error) {
	return Store{secret.Env{Prefix: config.Prefix}}, nil
}

// Local implements [secrets.Local].
func (Store) Local() {}
