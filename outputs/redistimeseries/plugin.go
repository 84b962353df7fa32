// Package redistimeseries writes samples into RedisTimeSeries: one series per metric and label set, made once with its
// labels and retention, then fed by pipelined TS.MADD.
package redistimeseries

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/redisconn"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/internal/tskey"
	"github.com/rtcollector/rtcollector/outputs"
)

//go:embed README.md
var readme string

// Plugin is the definition of the output "redistimeseries".
var Plugin = outputs.Define("redistimeseries", "writes samples into RedisTimeSeries", Defaults, New).Doc(readme + redisconn.Readme)

// Config are the output's settings.
type Config struct {
	redisconn.Config `yaml:",inline"`
	Settings         `yaml:",inline"`
	Overrides        []Override   `yaml:"overrides"`
	KeyFormat        tskey.Format `yaml:"key_format"`
	KeyPrefix        string       `yaml:"key_prefix" conf:"public"`
	Hostname         string       `yaml:"hostname" conf:"ignored"` // the agent's own setting decides
	Debug            bool         `yaml:"debug" conf:"ignored"`
}

// Defaults keeps samples for ever in the Redis on this machine.
func Defaults() Config {
	return Config{
		Config:    redisconn.Defaults(),
		Settings:  Settings{DuplicatePolicy: policyLast, Labels: true},
		KeyFormat: tskey.Host,
	}
}

// Validate implements conf.Validator.
func (c *Config) Validate() error {
	errs := []error{c.Config.Validate(), c.validate()}
	for i := range c.Overrides {
		o := &c.Overrides[i]
		settings := o.apply(c.Settings)
		if o.Retention == nil && o.Ignore == nil && o.Compactions == nil && o.DuplicatePolicy == nil {
			continue // nothing that could be wrong in another way than above
		}
		if err := settings.validate(); err != nil {
			errs = append(errs, conf.Item("overrides", i, "match %q: %s", o.Match, err))
		}
	}
	switch {
	case c.KeyFormat == "":
		errs = append(errs, conf.Key("key_format", "must not be empty"))
	case len(c.Cluster) > 0 && c.compacts() && c.KeyFormat != tskey.Tagged:
		errs = append(errs, conf.Key("key_format", "must be tagged: in a cluster a series and its compactions must share a slot"))
	}
	return errors.Join(errs...)
}

// Writer is the live output.
type Writer struct {
	config   Config
	naming   tskey.Naming
	slot     telemetry.Slot
	host     string
	instance string
	started  time.Time
	log      *slog.Logger
	secrets  secret.Resolver

	client *redisconn.Client
	shards *redisconn.Shards

	alive   *telemetry.Series // the liveness key, treated like any other series
	life    *shape            // how that is created
	shapes  map[alike]*shape
	ignores bool      // the server knows IGNORE
	moves   uint32    // slots that have moved, which costs their series the compaction rules
	round   uint64    // counts calls of ensure: tells what is asked for twice in one
	epoch   uint64    // counts connections and minutes: a key that was refused is tried again in the next
	renewed time.Time // when the epoch last moved on by itself

	vanishing bool    // series were gone at the last write, and that is logged
	doubts    []doubt // series that could not be created in this round
	doubted   string  // why; logged already
	advanced  bool    // this write created series, whatever became of its samples
	pace      pace

	gone    atomic.Int64 // series, since the start
	evicted evictions
	claim   hostClaim

	tierFailures int // writes in a row that ended because compactions were refused

	batches []*telemetry.Batch
	whole   part // of a write to a single server: everything
}

// New makes the output; nothing is connected yet.
func New(env outputs.Env, config Config) (*Writer, error) {
	w := &Writer{
		config:   config,
		naming:   tskey.Naming{Format: config.KeyFormat, Prefix: config.KeyPrefix},
		slot:     env.Slot,
		host:     env.Host,
		instance: env.Instance,
		started:  time.Now(),
		log:      env.Log,
		secrets:  env.Secrets,
		shapes:   map[alike]*shape{},
		ignores:  true,
		pace:     pace{perCommand},
		life:     &shape{Settings: Settings{Retention: config.Retention, DuplicatePolicy: policyLast, Labels: true}, chunk: largestAuto},
	}
	if w.log == nil {
		w.log = slog.New(slog.DiscardHandler)
	}
	w.alive = telemetry.NewFactory(env.Host, "", nil, 1).Gauge("rtcollector:hosts", telemetry.None)
	return w, nil
}

// Open connects and makes sure that the server speaks TimeSeries, so that what is wrong is said at the start.
func (w *Writer) Open(ctx context.Context) error {
	client, err := w.connect(ctx)
	var refusal redis.Error
	if errors.As(err, &refusal) && strings.HasPrefix(refusal.Error(), "NOPERM") {
		return fmt.Errorf("%w; all that is needed: ~%s* %s", err, w.config.KeyPrefix, rights)
	}
	if err != nil {
		return err
	}
	w.learn(ctx, client)
	w.client, w.shards = client, client.NewShards()
	w.epoch++
	w.claim = hostClaim{next: time.Now().Add(claimEvery)}
	return nil
}

// rights are what a user needs to write, as ACL rules.
const rights = redisconn.Rights + " +ts.create +ts.alter +ts.info +ts.madd +ts.createrule"

// connect asks for a key that need not exist: TS.INFO is the cheapest question that only the module can answer.
func (w *Writer) connect(ctx context.Context) (*redisconn.Client, error) {
	client, err := redisconn.Open(ctx, w.config.Config, w.secrets)
	if err != nil {
		return nil, err
	}
	stop := client.CutOn(ctx)
	defer stop()
	err = client.Do(ctx, "TS.INFO", w.naming.Liveness(w.host)).Err()
	if err != nil && !isTimeSeriesReply(err.Error()) {
		_ = client.Close()
		return nil, client.Explain(ctx, err)
	}
	return client, nil
}

// ignoreSince is the first version of RedisTimeSeries that knows IGNORE, as MODULE LIST gives it.
const ignoreSince = 11200

// learn finds out whether the server is too old for a setting. One that does not tell its version is taken for new.
func (w *Writer) learn(ctx context.Context, client *redisconn.Client) {
	if !w.config.wantsIgnore() {
		return
	}
	modules, err := client.Modules(ctx)
	version := modules["timeseries"]
	w.ignores = err != nil || version == 0 || version >= ignoreSince
	if !w.ignores {
		w.log.Warn("ignore has no effect: the server's TimeSeries module is too old, it needs 1.12", "version", version)
	}
}

func (c *Config) compacts() bool {
	return len(c.Compactions) > 0 || slices.ContainsFunc(c.Overrides, func(o Override) bool { return len(o.Compactions) > 0 })
}

func (c *Config) wantsIgnore() bool {
	return c.Ignore != nil || slices.ContainsFunc(c.Overrides, func(o Override) bool { return o.Ignore != nil })
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
