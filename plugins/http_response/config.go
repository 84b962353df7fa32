package httpresponse

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"time"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/httpx"
)

// Config says what is asked, and what is expected.
type Config struct {
	httpx.Config       `yaml:",inline"`
	URLs               []string          `yaml:"urls" conf:"public"`
	Method             string            `yaml:"method" conf:"public"`
	Body               string            `yaml:"body"`
	StatusCode         int               `yaml:"response_status_code"` // 0: any
	StringMatch        string            `yaml:"response_string_match"`
	JSONMatch          map[string]string `yaml:"response_json_match"` // values by path
	BodyMaxSize        conf.Size         `yaml:"response_body_max_size"`
	BodyField          string            `yaml:"response_body_field" conf:"public"` // of the event that every answer makes; "": none
	InsecureSkipVerify bool              `yaml:"insecure_skip_verify"`
	Interface          string            `yaml:"interface"`
	KeepConnections    keeping           `yaml:"keep_connections"`
}

// keeping is how long a connection is kept; 0: every request has one of its own.
type keeping time.Duration

// usualAge is how long connections are kept when nothing else is said: so late may a new certificate or address be noticed.
const usualAge = 5 * time.Minute

// UnmarshalScalar implements conf.Scalar.
func (k *keeping) UnmarshalScalar(text string) error {
	switch text {
	case "true":
		*k = keeping(usualAge)
		return nil
	case "false":
		*k = 0
		return nil
	}
	d, err := conf.ParseDuration(text)
	if err != nil {
		return errors.New("must be true, false, or how long one is kept, such as 10m")
	}
	*k = keeping(d)
	return nil
}

func defaults() Config {
	return Config{Config: httpx.Defaults(), Method: http.MethodGet, BodyMaxSize: 32 << 10}
}

var methodWord = regexp.MustCompile(`^[A-Za-z]+$`)

// Validate implements conf.Validator.
func (c *Config) Validate() error {
	_, err := httpx.ParseURLs("urls", c.URLs)
	errs := []error{c.Config.Validate(), err}
	if !methodWord.MatchString(c.Method) {
		errs = append(errs, conf.Key("method", "must be a word such as GET or POST"))
	}
	if _, err := regexp.Compile(c.StringMatch); err != nil {
		errs = append(errs, conf.Key("response_string_match", "must be a regular expression: %s", err))
	}
	const largest = 64 << 20
	if c.BodyMaxSize > largest {
		errs = append(errs, conf.Key("response_body_max_size", "must be at most 64MiB: it is held in memory for every URL"))
	}
	if c.InsecureSkipVerify && c.TLS.CA != "" {
		errs = append(errs, conf.Key("insecure_skip_verify", "makes tls.ca useless: leave one of them out"))
	}
	return errors.Join(errs...)
}

// localAddr returns where connections come from: nil when the system decides.
func (c *Config) localAddr() func() (net.Addr, error) {
	if c.Interface == "" {
		return nil
	}
	if ip := net.ParseIP(c.Interface); ip != nil {
		return func() (net.Addr, error) { return &net.TCPAddr{IP: ip}, nil }
	}
	return func() (net.Addr, error) { return addressOf(c.Interface) } // it may change
}

// addressOf returns an interface's first address, one of IPv4 if there is any.
func addressOf(name string) (net.Addr, error) {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return nil, fmt.Errorf("use interface %s: %w", name, err)
	}
	addrs, err := i.Addrs()
	if err != nil {
		return nil, fmt.Errorf("use interface %s: %w", name, err)
	}
	var found net.IP
	for _, a := range addrs {
		n, ok := a.(*net.IPNet)
		if ok && (found == nil || found.To4() == nil && n.IP.To4() != nil) {
			found = n.IP
		}
	}
	if found == nil {
		return nil, fmt.Errorf("use interface %s: it has no address", name)
	}
	return &net.TCPAddr{IP: found}, nil
}
