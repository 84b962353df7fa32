// Package redistimeseries writes samples into RedisTimeSeries: one series per metric and label set, made once with its
// labels and retention, then fed by pipelined TS.MADD.
package redistimeseries

import (
	"context"
	_ "embed"
	"errors"
	"log/slog"
	"time"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/internal/tskey"
	"github.com/rtcollector/rtcollector/outputs"
	"github.com/rtcollector/rtcollector/secrets"
)

//go:embed README.md
var readme string

// Plugin is the definition of the output "redistimeseries".
var Plugin = outputs.Define("redistimeseries", "writes samples into RedisTimeSeries", Defaults, New).Doc(readme)

// Config are the output's settings.
type Config struct {
	redisconn.Config `yaml:",inline"`
	Retention        Retention    `yaml:"retention"`
	KeyFormat        tskey.Format `yaml:"key_format"`
	KeyPrefix        string       `yaml:"key_prefix" conf:"public"`
	Hostname         string       `yaml:"hostname" conf:"ignored"` // the agent's own setting decides
	Debug            bool         `yaml:"debug" conf:"ignored"`
}

// Defaults keeps samples for ever in the Redis on this machine.
func Defaults() Config {
	return Config{Config: redisconn.Defaults(), KeyFormat: tskey.Host}
}

// Validate implements conf.Validator.
func (c *Config) Validate() error {
	if c.KeyFormat == "" {
		return conf.Key("key_format", "must not be empty")
	}
	return c.Config.Validate()
}

// Writer is the live output.
type Writer struct {
	config  Config
	naming  tskey.Naming
	slot    int
	host    string
	log     *slog.Logger
	secrets secrets.Resolver

	client *redisconn.Client
	pipe   *redisconn.Pipe

	alive   *telemetry.Series // the liveness key, treated like any other series
	round   uint64            // counts calls of ensure: tells what is asked for twice in one
	epoch   uint64            // counts connections and minutes: a key that was refused is tried again in the next
	renewed time.Time         // when the epoch last moved on by itself

	vanishing bool // series were gone at the last write: said already

	batches []*telemetry.Batch
	enc     encoder
	res     results
}

// New makes the output; nothing is connected yet.
func New(env outputs.Env, config Config) (*Writer, error) {
	w := &Writer{
		config:  config,
		naming:  tskey.Naming{Format: config.KeyFormat, Prefix: config.KeyPrefix},
		slot:    env.Slot,
		host:    env.Host,
		log:     env.Log,
		secrets: env.Secrets,
	}
	if w.log == nil {
		w.log = slog.New(slog.DiscardHandler)
	}
	w.alive = telemetry.NewFactory(env.Host, "", nil, env.Slot+1).Gauge("rtcollector:hosts", telemetry.None)
	return w, nil
}

// Open connects and makes sure that the server speaks TimeSeries, so that what is wrong is said at the start. TS.INFO
// of a key that need not exist is the cheapest question that only the module can answer.
func (w *Writer) Open(ctx context.Context) error {
	client, err := redisconn.Open(ctx, w.config.Config, w.secrets)
	if err != nil {
		return err
	}
	stop := client.CutOn(ctx)
	defer stop()
	err = client.Do(ctx, "TS.INFO", w.naming.Liveness(w.host)).Err()
	if err != nil && !isTimeSeriesReply(err.Error()) {
		_ = client.Close()
		return client.Explain(ctx, err)
	}
	w.client, w.pipe = client, client.NewPipe()
	w.epoch++
	return nil
}

// Close implements [outputs.Output].
func (w *Writer) Close() error {
	if w.client == nil {
		return nil
	}
	w.pipe.Close()
	err := w.client.Close()
	w.client, w.pipe = nil, nil
	return err
}

var errNotOpen = errors.New("write to redis: not connected")
