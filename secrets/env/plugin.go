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

// Config holds the settings of the store.
type Config struct {
	Prefix string `yaml:"prefix"` // beginning of the names of variables
}

// Defaults returns the prefix of the predecessor.
func Defaults() Config { return Config{Prefix: "SECRET_"} }

// Store reads environment variables.
type Store struct{ secret.Env }

// New builds the store.
func New(env secrets.StoreEnv, config Config) (Store, error) {
	return Store{secret.Env{Prefix: config.Prefix, Getenv: env.Getenv}}, nil
}

// Local implements [secrets.Local].
func (Store) Local() {}
