// Package redissearch stores events as documents, JSON or hashes, and keeps a RediSearch index over them.
package redissearch

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/outputs"
)

//go:embed README.md
var readme string

// Plugin is the definition of the output "redissearch".
var Plugin = outputs.Define("redissearch", "stores events as documents that RediSearch finds", Defaults, New).Doc(readme + redisconn.Readme)

// Storage is the kind of key that holds a document.
type Storage string

// The kinds.
const (
	JSON Storage = "json"
	Hash Storage = "hash"
)

// UnmarshalScalar implements conf.Scalar.
func (s *Storage) UnmarshalScalar(text string) error {
	switch v := Storage(text); v {
	case JSON, Hash:
		*s = v
		return nil
	}
	return fmt.Errorf("must be %s or %s", JSON, Hash)
}

// Settings are what can be configured.
type Settings struct {
	redisconn.Config `yaml:",inline"`
	Index            string        `yaml:"index" conf:"public"`
	KeyPrefix        string        `yaml:"key_prefix" conf:"public"`
	Storage          Storage       `yaml:"storage"`
	TTL              conf.Duration `yaml:"ttl"`                     // from the event's time on; 0: for ever
	MaxDocuments     int           `yaml:"max_documents"`           // 0: no limit
	Hostname         string        `yaml:"hostname" conf:"ignored"` // the agent's own setting decides
	Debug            bool          `yaml:"debug" conf:"ignored"`
}

// Config are the output's settings. The predecessor also took them from a map below "config".
type Config struct {
	Settings `yaml:",inline"`
	Nested   *Settings `yaml:"config"`
}

func defaults() Settings {
	return Settings{Config: redisconn.Defaults(), Index: "logs_idx", KeyPrefix: "log:", Storage: JSON}
}

// Defaults keeps events for ever in the Redis on this machine.
func Defaults() Config {
	nested := defaults()
	return Config{Settings: defaults(), Nested: &nested}
}

// Validate implements conf.Validator.
func (s *Settings) Validate() error {
	var errs []error
	if s.Index == "" {
		errs = append(errs, conf.Key("index", "must not be empty"))
	}
	if s.KeyPrefix == "" {
		errs = append(errs, conf.Key("key_prefix", "must not be empty: the index would take in every key"))
	}
	if s.TTL != 0 && s.TTL.D() < time.Second {
		errs = append(errs, conf.Key("ttl", "must be at least 1s, or 0 to keep events for ever"))
	}
	if s.MaxDocuments < 0 {
		errs = append(errs, conf.Key("max_documents", "must not be negative; 0 sets no limit"))
	}
	if s.DB != 0 && len(s.Cluster) == 0 {
		errs = append(errs, conf.Key("db", "must be 0: RediSearch has no index over another"))
	}
	return errors.Join(append(errs, s.Config.Validate())...)
}

// Validate implements conf.Validator.
func (c *Config) Validate() error {
	if c.Nested != nil && !isDefault(*c.Nested) && !isDefault(c.Settings) {
		return conf.Key("config", "holds the same settings that may stand beside it: use one place for all of them")
	}
	return c.Settings.Validate()
}

func isDefault(s Settings) bool { return reflect.DeepEqual(s, defaults()) }

// settings are those that were written, wherever they stand.
func (c *Config) settings() Settings {
	if c.Nested != nil && isDefault(c.Settings) {
		return *c.Nested
	}
	return c.Settings
}

// Writer is the live output.
type Writer struct {
	config   Settings
	instance string
	log      *slog.Logger
	secrets  secret.Resolver

	client *redisconn.Client
	shards *redisconn.Shards

	ready     bool      // the index was as it must be when we last looked
	failures  int64     // that the index had counted then
	began     time.Time // the write
	trimmed   time.Time
	trimError string // said already
}

// New makes the output; nothing is connected yet.
func New(env outputs.Env, config Config) (*Writer, error) {
	if env.Instance == "" {
		return nil, errors.New("build redissearch: no instance to make IDs of events with")
	}
	w := &Writer{config: config.settings(), instance: env.Instance, log: env.Log, secrets: env.Secrets}
	if w.log == nil {
		w.log = slog.New(slog.DiscardHandler)
	}
	return w, nil
}

// Open connects and sees to the index, so that what is wrong is said at the start.
func (w *Writer) Open(ctx context.Context) error {
	client, err := redisconn.Open(ctx, w.config.Config, w.secrets)
	if err != nil {
		return err
	}
	stop := client.CutOn(ctx)
	defer stop()
	w.client, w.shards, w.ready = client, client.NewShards(), false
	if err = checkDatabase(client); err == nil {
		err = w.ensure(ctx)
	}
	if err != nil {
		_ = w.Close()
		return client.Explain(ctx, err)
	}
	return nil
}

// checkDatabase: RediSearch makes indexes in database 0 only, and mixes up keys of others with those there. The
// settings were checked; a URL may come from the secret store.
func checkDatabase(client *redisconn.Client) error {
	if c, ok := client.UniversalClient.(*redis.Client); ok && c.Options().DB != 0 {
		return fmt.Errorf("RediSearch has no index over database %d: use 0", c.Options().DB)
	}
	return nil
}

// Close implements [outputs.Output].
func (w *Writer) Close() error {
	if w.client == nil {
		return nil
	}
	w.shards.Close()
	err := w.client.Close()
	w.client, w.shards = nil, nil
	return err
}

var errNotOpen = errors.New("write to redis: not connected")
