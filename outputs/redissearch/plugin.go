// Package redissearch stores events as documents, JSON or hashes, and maintains a RediSearch index over them.
//
// The output:
//
//   - plugin.go: settings, [Writer], open and close.
//   - index.go: creates the index and adds missing attributes. schema.go: the attributes. info.go: parses FT.INFO.
//   - write.go: one write. encode.go: the commands of a document. results.go: the server's replies to them.
//   - limit.go: removes the oldest documents (max_documents).
//   - inspect.go: what "check --connect" reports.
//
// The reader, which "rtcollector logs" uses:
//
//   - read.go: [Reader], which runs queries and reads their pages. match.go: conditions that the index cannot check.
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

// Settings holds the settings of the output.
type Settings struct {
	redisconn.Config `yaml:",inline"`
	Index            string        `yaml:"index" conf:"public"`
	KeyPrefix        string        `yaml:"key_prefix" conf:"public"`
	Storage          Storage       `yaml:"storage"`
	TTL              conf.Duration `yaml:"ttl"`                     // counted from the time of the event; 0: for ever
	MaxDocuments     int           `yaml:"max_documents"`           // 0: no limit
	Hostname         string        `yaml:"hostname" conf:"ignored"` // the agent's own setting decides
	Debug            bool          `yaml:"debug" conf:"ignored"`
}

// Config holds the settings of the output. Like the predecessor, it also accepts them in a map below "config".
type Config struct {
	Settings `yaml:",inline"`
	Nested   *Settings `yaml:"config"`
}

func defaultSettings() Settings {
	return Settings{Config: redisconn.Defaults(), Index: "logs_idx", KeyPrefix: "log:", Storage: JSON}
}

// Defaults returns settings for the Redis on this machine that keep events for ever.
func Defaults() Config {
	nested := defaultSettings()
	return Config{Settings: defaultSettings(), Nested: &nested}
}

// Validate implements conf.Validator.
func (s *Settings) Validate() error {
	var errs []error
	if s.Index == "" {
		errs = append(errs, conf.Key("index", "must not be empty"))
	}
	if s.KeyPrefix == "" {
		errs = append(errs, conf.Key("key_prefix", "must not be empty: the index would cover every key"))
	}
	if s.TTL != 0 && s.TTL.D() < time.Second {
		errs = append(errs, conf.Key("ttl", "must be at least 1s, or 0 to keep events for ever"))
	}
	if s.MaxDocuments < 0 {
		errs = append(errs, conf.Key("max_documents", "must not be negative; 0 sets no limit"))
	}
	if s.DB != 0 && len(s.Cluster) == 0 {
		errs = append(errs, conf.Key("db", "must be 0: RediSearch only indexes database 0"))
	}
	return errors.Join(append(errs, s.Config.Validate())...)
}

// Validate implements conf.Validator.
func (c *Config) Validate() error {
	if c.Nested != nil && !isDefault(*c.Nested) && !isDefault(c.Settings) {
		return conf.Key("config", "settings are given both here and outside of config: put all of them in one place")
	}
	return c.Settings.Validate()
}

func isDefault(s Settings) bool { return reflect.DeepEqual(s, defaultSettings()) }

// settings returns the settings that the user wrote, from either place.
func (c *Config) settings() Settings {
	if c.Nested != nil && isDefault(c.Settings) {
		return *c.Nested
	}
	return c.Settings
}

// Writer writes events and maintains the index.
type Writer struct {
	config   Settings
	instance string
	log      *slog.Logger
	secrets  secret.Resolver

	client *redisconn.Client
	shards *redisconn.Shards

	indexReady    bool      // the last check of the index found it usable
	knownFailures int64     // refused documents that the index had counted by then
	writeStart    time.Time // start of the current write
	lastTrim      time.Time // last removal of the oldest documents
	lastTrimError string    // its error, which was logged
}

// New builds the output. It does not connect.
func New(env outputs.Env, config Config) (*Writer, error) {
	if env.Instance == "" {
		return nil, errors.New("build redissearch: no instance for the IDs of events")
	}
	w := &Writer{config: config.settings(), instance: env.Instance, log: env.Log, secrets: env.Secrets}
	if w.log == nil {
		w.log = slog.New(slog.DiscardHandler)
	}
	return w, nil
}

// Open connects and creates or checks the index, so that problems are reported at the start.
func (w *Writer) Open(ctx context.Context) error {
	client, err := redisconn.Open(ctx, w.config.Config, w.secrets)
	if err != nil {
		return err
	}
	stop := client.CutOn(ctx)
	defer stop()
	w.client, w.shards, w.indexReady = client, client.NewShards(), false
	if err = checkDatabase(client); err == nil {
		err = w.ensureIndex(ctx)
	}
	if err != nil {
		_ = w.Close()
		return client.Explain(ctx, err)
	}
	return nil
}

// checkDatabase returns an error unless the client uses database 0. RediSearch only indexes database 0 and confuses keys of other
// databases with it. Validate has checked the settings, but a URL may come from a secret store.
func checkDatabase(client *redisconn.Client) error {
	if c, ok := client.UniversalClient.(*redis.Client); ok && c.Options().DB != 0 {
		return fmt.Errorf("RediSearch cannot index database %d: use database 0", c.Options().DB)
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
