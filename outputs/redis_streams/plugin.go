// Package redisstreams appends events and, if configured, samples to Redis streams.
//
//   - plugin.go: settings, [Writer], open and close.
//   - write.go: appends events. sample.go: appends samples.
//   - inspect.go: what "check --connect" reports.
package redisstreams

import (
	"context"
	_ "embed"
	"errors"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
)

//go:embed README.md
var readme string

// Plugin is the definition of the output "redis_streams".
var Plugin = outputs.Define("redis_streams", "appends events, and samples, to Redis streams", Defaults, New).Doc(readme + redisconn.Readme)

// Config holds the settings of the output.
type Config struct {
	redisconn.Config `yaml:",inline"`
	Stream           string `yaml:"stream" conf:"public"`
	MaxLength        int64  `yaml:"max_length"` // approximate limit for each stream; 0: no limit
	Metrics          bool   `yaml:"metrics"`    // append samples as well
	MetricsStream    string `yaml:"metrics_stream" conf:"public"`
}

// Defaults returns settings that keep the last 100,000 events in the Redis on this machine.
func Defaults() Config {
	return Config{
		Config: redisconn.Defaults(), Stream: "rtcollector:events", MetricsStream: "rtcollector:metrics", MaxLength: 100_000,
	}
}

// Validate implements conf.Validator.
func (c *Config) Validate() error {
	var errs []error
	if c.Stream == "" {
		errs = append(errs, conf.Key("stream", "must not be empty"))
	}
	if c.MetricsStream == "" {
		errs = append(errs, conf.Key("metrics_stream", "must not be empty"))
	}
	if c.Stream == c.MetricsStream {
		errs = append(errs, conf.Key("metrics_stream", "must not be the same as stream, because entries of events and samples differ"))
	}
	if c.MaxLength < 0 {
		errs = append(errs, conf.Key("max_length", "must not be negative; 0 sets no limit"))
	}
	return errors.Join(append(errs, c.Config.Validate())...)
}

// Writer appends events.
type Writer struct {
	config   Config
	instance string
	slot     telemetry.Slot
	secrets  secret.Resolver

	client *redisconn.Client
	shards *redisconn.Shards
}

// MetricWriter appends events and samples.
type MetricWriter struct{ *Writer }

// New builds the output: a [MetricWriter] if samples are configured, otherwise a [Writer]. It does not connect.
func New(env outputs.Env, config Config) (outputs.Output, error) {
	if env.Instance == "" {
		return nil, errors.New("build redis_streams: no instance for the IDs of events")
	}
	w := &Writer{config: config, instance: env.Instance, slot: env.Slot, secrets: env.Secrets}
	if config.Metrics {
		return &MetricWriter{w}, nil
	}
	return w, nil
}

// Open connects.
func (w *Writer) Open(ctx context.Context) error {
	client, err := redisconn.Open(ctx, w.config.Config, w.secrets)
	if err != nil {
		return err
	}
	w.client, w.shards = client, client.NewShards()
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
