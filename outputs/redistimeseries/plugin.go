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

// Config holds the output's settings.
type Config struct {
	redisconn.Config `yaml:",inline"`
	Settings         `yaml:",inline"`
	Overrides        []Override   `yaml:"overrides"`
	KeyFormat        tskey.Format `yaml:"key_format"`
	KeyPrefix        string       `yaml:"key_prefix" conf:"public"`
	Hostname         string       `yaml:"hostname" conf:"ignored"` // the agent's own setting applies
	Debug            bool         `yaml:"debug" conf:"ignored"`
}

// RedisConfig implements [outputs.SeriesSource].
func (c *Config) RedisConfig() redisconn.Config { return c.Config }

// Defaults returns settings that keep samples for ever in the Redis on this machine.
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
			continue // it has no settings that depend on others
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

// Writer is the live output. Its methods are called from one goroutine, except SeriesGone.
type Writer struct {
	config   Config
	naming   tskey.Naming
	slot     telemetry.Slot // in every series
	host     string
	instance string
	started  time.Time
	log      *slog.Logger
	secrets  secret.Resolver

	client *redisconn.Client // nil unless open
	shards *redisconn.Shards

	supportsIgnore     bool // the server knows IGNORE
	definitions        map[definitionKey]*definition
	liveness           *telemetry.Series // the liveness key, treated like any other series
	livenessDefinition *definition

	now          time.Time         // when the current write began
	retry        uint32            // counts the occasions on which refused series are tried again: minutes, connections and failures
	retryStarted time.Time         // the minute
	slotMoves    uint32            // value of Shards.Moves; a slot that moves loses its compaction rules
	unlabelled   map[string]string // identities of the series that were created without labels, by key

	// State of the current write.
	batches    []*telemetry.Batch
	samples    sampleList
	request    request // reused when there is no cluster
	uncreated  []*target
	expiries   []expiry
	progressed bool // the write created series, whatever became of its samples
	askAgain   bool // the server accepts samples, but refused series before; see judgeUncreated
	askedAgain bool // this write has done that, so it does not again

	// State from write to write.
	commandSize        commandSize
	vanished           bool   // series vanished during the last write, which is logged
	uncreatedReason    string // last reason for which series could not be created, which is logged
	compactionFailures int    // writes in a row that failed because compactions were refused
	expiryRefused      bool   // the server refuses expiries, which is logged
	expiryRetry        uint32 // value of retry when it did
	seriesGone         atomic.Int64
	evictions          evictions
	hostMark           hostMark
}

// New creates the output. It does not connect.
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

		supportsIgnore: true,
		definitions:    map[definitionKey]*definition{},
		unlabelled:     map[string]string{},
		commandSize:    fullCommand,
		livenessDefinition: &definition{
			Settings: Settings{Retention: config.Retention, DuplicatePolicy: policyLast, Labels: true}, chunk: largestAuto,
		},
	}
	if w.log == nil {
		w.log = slog.New(slog.DiscardHandler)
	}
	w.liveness = telemetry.NewFactory(env.Host, "", nil).Gauge("rtcollector:hosts", telemetry.None)
	return w, nil
}

// Open connects and checks that the server knows time series, so that problems show at the start.
func (w *Writer) Open(ctx context.Context) error {
	client, err := w.connect(ctx)
	var refusal redis.Error
	if errors.As(err, &refusal) && strings.HasPrefix(refusal.Error(), "NOPERM") {
		return fmt.Errorf("%w; the output needs: ~%s* %s", err, w.config.KeyPrefix, rights)
	}
	if err != nil {
		return err
	}
	w.checkIgnore(ctx, client)
	w.client, w.shards = client, client.NewShards()
	w.retry++
	w.hostMark = hostMark{next: time.Now().Add(markEvery)}
	return nil
}

// rights lists the ACL rules that a user needs to write.
const rights = redisconn.Rights + " +ts.create +ts.alter +ts.info +ts.madd +ts.createrule +pexpire +persist"

// connect opens a client and sends TS.INFO, the cheapest command that only the module can answer. The key need not exist.
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

// ignoreVersion is the first version of RedisTimeSeries that knows IGNORE, as MODULE LIST prints it.
const ignoreVersion = 11200

// checkIgnore finds out whether the server knows IGNORE, if that is configured. A server that does not tell its version is
// assumed to be new.
func (w *Writer) checkIgnore(ctx context.Context, client *redisconn.Client) {
	if !w.config.wantsIgnore() {
		return
	}
	modules, err := client.Modules(ctx)
	version := modules["timeseries"]
	w.supportsIgnore = err != nil || version == 0 || version >= ignoreVersion
	if !w.supportsIgnore {
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
