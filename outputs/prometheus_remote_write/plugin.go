// Package prometheusremotewrite sends samples to a receiver of Prometheus' remote write protocol
// (https://prometheus.io/docs/specs/prw/remote_write_spec/ and remote_write_spec_2_0/).
//
//   - plugin.go: settings, [Writer], open and close.
//   - write.go: cuts a write into requests, and decides what becomes of their samples.
//   - encode.go: the requests. series.go: what is cached for a series.
//   - answer.go: sends a request and classifies the answer.
package prometheusremotewrite

import (
	"context"
	_ "embed"
	"errors"
	"net/http"
	"time"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/httpx"
	"github.com/rtcollector/rtcollector/internal/metricdoc"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
)

//go:embed README.md
var readme string

// Plugin is the definition of the output "prometheus_remote_write".
var Plugin = outputs.Define("prometheus_remote_write", "sends samples to Prometheus and others that accept remote write", Defaults, New).Doc(readme + httpx.Readme)

// Config holds the settings of the output.
type Config struct {
	httpx.Config `yaml:",inline"`
	URL          string        `yaml:"url"`
	Version      Version       `yaml:"version"`
	Timeout      conf.Duration `yaml:"timeout"`     // of one request
	MaxSamples   int           `yaml:"max_samples"` // in one request
	MaxAge       conf.Duration `yaml:"max_age"`     // of a sample that is sent; 0: no limit
	MaxTries     int           `yaml:"max_tries"`   // of a single sample that the receiver answers with 5xx
}

// Version is the version of the protocol.
type Version string

// The versions. Auto begins with 2.0 and falls back to 1.0.
const (
	Auto     Version = "auto"
	Version1 Version = "1"
	Version2 Version = "2"
)

// UnmarshalScalar implements conf.Scalar.
func (v *Version) UnmarshalScalar(text string) error {
	switch *v = Version(text); *v {
	case Auto, Version1, Version2:
		return nil
	}
	return errors.New("must be auto, 1 or 2")
}

// Defaults returns settings for a Prometheus on this machine.
func Defaults() Config {
	c := Config{
		Config: httpx.Defaults(), URL: "http://127.0.0.1:9090/api/v1/write", Version: Auto, Timeout: conf.Duration(30 * time.Second), MaxSamples: 2000,
		MaxAge: conf.Duration(24 * time.Hour), MaxTries: 10,
	}
	c.FollowRedirects = false
	return c
}

// Validate implements conf.Validator.
func (c *Config) Validate() error {
	var errs []error
	if _, err := httpx.ParseURL(c.URL); err != nil {
		errs = append(errs, conf.Key("url", "%s", err))
	}
	if c.FollowRedirects {
		errs = append(errs, conf.Key("follow_redirects", "must be false: a redirected request may lose its body; set url to where the receiver is"))
	}
	if c.Timeout.D() < time.Second {
		errs = append(errs, conf.Key("timeout", "must be at least 1s"))
	}
	if c.MaxSamples < 1 {
		errs = append(errs, conf.Key("max_samples", "must be at least 1"))
	}
	if c.MaxAge != 0 && c.MaxAge.D() < time.Minute {
		errs = append(errs, conf.Key("max_age", "must be at least 1m, or 0 for no limit"))
	}
	if c.MaxTries < 1 {
		errs = append(errs, conf.Key("max_tries", "must be at least 1"))
	}
	return errors.Join(append(errs, c.Config.Validate())...)
}

// Writer sends samples.
type Writer struct {
	config   Config
	slot     telemetry.Slot
	secrets  secret.Resolver
	describe func(string) (metricdoc.Metric, bool)

	target    *httpx.Target // nil: not open
	version   Version       // that is used: Version1 or Version2
	confirmed bool          // the receiver has shown that it understands version 2

	size    int // samples in a request; less than configured after 413
	search  search
	samples []sample // of the current write; kept for its memory
	stale   []sample // markers for the series that end with it; likewise
	request request
}

// New builds the output. It does not connect.
func New(env outputs.Env, config Config) (*Writer, error) {
	w := &Writer{config: config, slot: env.Slot, secrets: env.Secrets, describe: env.Describe, size: config.MaxSamples}
	if w.version = config.Version; w.version == Auto {
		w.version = Version2
	}
	return w, nil
}

// Open prepares the connection. The first request makes it.
func (w *Writer) Open(context.Context) error {
	address, err := httpx.ParseURL(w.config.URL)
	if err != nil {
		return err
	}
	w.target = w.config.Target(address, w.secrets)
	w.target.Method = http.MethodPost
	w.setHeader()
	return nil
}

// setHeader sets the headers for the version in use.
func (w *Writer) setHeader() {
	kind, version := "application/x-protobuf", "0.1.0"
	if w.version == Version2 {
		kind, version = "application/x-protobuf;proto=io.prometheus.write.v2.Request", "2.0.0"
	}
	w.target.Header = http.Header{"Content-Encoding": {"snappy"}, "Content-Type": {kind}, "X-Prometheus-Remote-Write-Version": {version}}
}

// fallBack uses version 1 from now on.
func (w *Writer) fallBack() {
	w.version = Version1
	w.setHeader()
	w.target.Close() // a new session sends the new headers
}

// Close implements [outputs.Output].
func (w *Writer) Close() error {
	if w.target != nil {
		w.target.Close()
	}
	w.target = nil
	return nil
}

var errNotOpen = errors.New("write to a receiver of remote write: not open")
