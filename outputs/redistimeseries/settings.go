package redistimeseries

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/match"
)

// Settings are the options with which series are created. The top level of the configuration holds the general ones; Overrides
// change them for some metrics.
type Settings struct {
	Retention       Retention    `yaml:"retention"`
	Encoding        Encoding     `yaml:"encoding"`
	ChunkSize       ChunkSize    `yaml:"chunk_size"`
	DuplicatePolicy Policy       `yaml:"duplicate_policy"`
	Labels          bool         `yaml:"labels"`
	Ignore          *Ignore      `yaml:"ignore"`
	Compactions     []Compaction `yaml:"compactions"`
}

func (s *Settings) validate() error {
	var errs []error
	seen := map[string]bool{}
	for _, c := range s.Compactions {
		if s.Retention != 0 && s.Retention < c.Every {
			errs = append(errs, conf.Key("compactions", "every %s cannot be made of samples that are kept for %s: raise retention", bucketName(c.Every), bucketName(s.Retention)))
		}
		for _, a := range c.aggregations() {
			name := compactionName(a, c.Every)
			if seen[name] {
				errs = append(errs, conf.Key("compactions", "%s appears twice", name))
			}
			seen[name] = true
		}
	}
	if s.Ignore != nil && *s.Ignore != (Ignore{}) && s.DuplicatePolicy != policyLast {
		errs = append(errs, conf.Key("ignore", "needs duplicate_policy last: Redis ignores no samples under another policy"))
	}
	return errors.Join(errs...)
}

// Retention is how long Redis keeps samples, in milliseconds; 0 means for ever. A plain number in the configuration is in
// milliseconds, as in the predecessor, not in seconds as in a [conf.Duration].
type Retention int64

var errRetention = errors.New(`must be milliseconds, or a text such as "30m", "12h", "7d", "1w" or "1y"; 0 keeps for ever`)

// UnmarshalScalar implements conf.Scalar.
func (r *Retention) UnmarshalScalar(text string) error {
	text = strings.TrimSpace(text)
	if ms, err := strconv.ParseFloat(text, 64); err == nil {
		if ms < 0 || ms != math.Trunc(ms) || ms > math.MaxInt64/2 {
			return errRetention
		}
		*r = Retention(ms)
		return nil
	}
	d, err := conf.ParseDuration(text)
	if err != nil || d > 0 && d < time.Millisecond { // it would round to 0, which means for ever
		return errRetention
	}
	*r = Retention(d.Milliseconds())
	return nil
}

// Override changes settings for the metrics that match. Settings that it does not name keep their general value.
type Override struct {
	Match           match.Pattern `yaml:"match"` // of metric names
	Retention       *Retention    `yaml:"retention"`
	Encoding        *Encoding     `yaml:"encoding"`
	ChunkSize       *ChunkSize    `yaml:"chunk_size"`
	DuplicatePolicy *Policy       `yaml:"duplicate_policy"`
	Labels          *bool         `yaml:"labels"`
	Ignore          *Ignore       `yaml:"ignore"`
	Compactions     []Compaction  `yaml:"compactions"` // nil: not named; empty: none
}

// Validate implements conf.Validator.
func (o *Override) Validate() error {
	if o.Match.String() == "" {
		return conf.Key("match", `is missing: a metric such as mem_used, many such as "cpu_*", or a regular expression after ~`)
	}
	return nil
}

// apply returns the settings with the changes of the override.
func (o *Override) apply(s Settings) Settings {
	set(&s.Retention, o.Retention)
	set(&s.Encoding, o.Encoding)
	set(&s.ChunkSize, o.ChunkSize)
	set(&s.DuplicatePolicy, o.DuplicatePolicy)
	set(&s.Labels, o.Labels)
	if o.Ignore != nil {
		s.Ignore = o.Ignore
	}
	if o.Compactions != nil {
		s.Compactions = o.Compactions
	}
	return s
}

func set[T any](into, from *T) {
	if from != nil {
		*into = *from
	}
}

// Encoding is how Redis stores samples. "" is the server's default, compressed.
type Encoding string

// UnmarshalScalar implements conf.Scalar.
func (e *Encoding) UnmarshalScalar(text string) error {
	return oneOf(e, text, "compressed", "uncompressed")
}

// Policy decides which value stays when two samples of a series have the same time.
type Policy string

const policyLast Policy = "last"

// UnmarshalScalar implements conf.Scalar. It refuses the policy sum, because a sample that is written again after a lost reply
// would count twice.
func (p *Policy) UnmarshalScalar(text string) error {
	if strings.EqualFold(text, "sum") {
		return errors.New("must not be sum: a sample that is written again after a lost reply would count twice")
	}
	return oneOf(p, strings.ToLower(text), policyLast, "first", "min", "max", "block")
}

func oneOf[T ~string](into *T, text string, choices ...T) error {
	if !slices.Contains(choices, T(text)) {
		return fmt.Errorf("must be one of %v", choices)
	}
	*into = T(text)
	return nil
}

// ChunkSize is how many bytes Redis allocates at a time for the samples of a series. 0 is auto: the size depends on the number
// of samples that are kept.
type ChunkSize int

// The sizes that RedisTimeSeries accepts (TS.CREATE, CHUNK_SIZE).
const (
	minChunk = 48
	maxChunk = 1 << 20
)

// UnmarshalScalar implements conf.Scalar.
func (c *ChunkSize) UnmarshalScalar(text string) error {
	if text == "auto" {
		*c = 0
		return nil
	}
	var size conf.Size
	if err := size.UnmarshalScalar(text); err != nil || size < minChunk || size > maxChunk || size%8 != 0 {
		return fmt.Errorf(`must be auto, or a multiple of 8 from %d to %d`, minChunk, maxChunk)
	}
	*c = ChunkSize(size)
	return nil
}

// Ignore makes Redis drop samples that are close to the previous one in time and in value. The zero value drops none.
type Ignore struct {
	MaxTimeDiff Retention `yaml:"max_time_diff"`
	MaxValDiff  float64   `yaml:"max_val_diff"`
}

// Validate implements conf.Validator.
func (i *Ignore) Validate() error {
	if i.MaxValDiff < 0 {
		return conf.Key("max_val_diff", "must not be negative")
	}
	if i.MaxTimeDiff == 0 && i.MaxValDiff != 0 {
		return conf.Key("max_time_diff", "is missing: after this time a sample is kept whatever its value")
	}
	return nil
}

// Compaction tells Redis to aggregate the samples of every period into one, and how long to keep the result.
type Compaction struct {
	Every        Retention     `yaml:"every"`
	Keep         Retention     `yaml:"keep"` // 0: for ever
	Aggregations []Aggregation `yaml:"aggregations"`
}

// Validate implements conf.Validator.
func (c *Compaction) Validate() error {
	var errs []error
	if c.Every == 0 {
		errs = append(errs, conf.Key("every", `is missing: the period whose samples become one, such as "1m"`))
	}
	if c.Keep != 0 && c.Keep < c.Every {
		errs = append(errs, conf.Key("keep", "must be longer than every"))
	}
	return errors.Join(errs...)
}

func (c *Compaction) aggregations() []Aggregation {
	if len(c.Aggregations) == 0 {
		return []Aggregation{"avg"}
	}
	return c.Aggregations
}

// Aggregation is an aggregator of RedisTimeSeries.
type Aggregation string

// UnmarshalScalar implements conf.Scalar.
func (a *Aggregation) UnmarshalScalar(text string) error {
	return oneOf(a, strings.ToLower(text), "avg", "min", "max", "sum", "count", "first", "last", "range",
		"std.p", "std.s", "var.p", "var.s", "twa")
}

// compactionName tells the compactions of a series apart in keys: "avg:1m".
func compactionName(a Aggregation, every Retention) string {
	return string(a) + ":" + bucketName(every)
}

// bucketName writes a period in its largest whole unit: "90s", "1m", "7d".
func bucketName(ms Retention) string {
	for _, u := range []struct {
		ms   Retention
		name string
	}{{86_400_000, "d"}, {3_600_000, "h"}, {60_000, "m"}, {1000, "s"}} {
		if ms >= u.ms && ms%u.ms == 0 {
			return strconv.FormatInt(int64(ms/u.ms), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(ms), 10) + "ms"
}
