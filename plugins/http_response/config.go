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

// Config has the input's settings: the requests and the expected answers.
type Config struct {
	httpx.Config       `yaml:",inline"`
	URLs               []string          `yaml:"urls" conf:"public"`
	Method             string            `yaml:"method" conf:"public"`
	Body               string            `yaml:"body"`
	StatusCode         int               `yaml:"response_status_code"` // 0: any
	StringMatch        string            `yaml:"response_string_match"`
	JSONMatch          map[string]string `yaml:"response_json_match"` // values by path
	BodyMaxSize        conf.Size         `yaml:"response_body_max_size"`
	BodyField          string            `yaml:"response_body_field" conf:"public"` // of an event with each answer; "": no events
	InsecureSkipVerify bool              `yaml:"insecure_skip_verify"`
	Interface          string            `yaml:"interface"`
	KeepConnections    keepTime          `yaml:"keep_connections"`
}

// keepTime is how long a connection is kept; 0: every request uses a new one.
type keepTime time.Duration

// defaultKeepTime is how long connections are kept by default. It bounds how late a new certificate or address is noticed.
const defaultKeepTime = 5 * time.Minute

// UnmarshalScalar implements conf.Scalar.
func (k *keepTime) UnmarshalScalar(text string) error {
	switch text {
	case "true":
		*k = keepTime(defaultKeepTime)
		return nil
	case "false":
		*k = 0
		return nil
	}
	d, err := conf.ParseDuration(text)
	if err != nil {
		return errors.New("must be true, false, or how long one is kept, such as 10m")
	}
	*k = keepTime(d)
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

// localAddr returns a function for the local address of connections; nil: the system decides.
func (c *Config) localAddr() func() (net.Addr, error) {
	if c.Interface == "" {
		return nil
	}
	if ip := net.ParseIP(c.Interface); ip != nil {
		return func() (net.Addr, error) { return &net.TCPAddr{IP: ip}, nil }
	}
	return func() (net.Addr, error) { return interfaceAddress(c.Interface) } // at each connection, because it may change
}

// interfaceAddress returns the first address of an interface, preferably of IPv4.
func interfaceAddress(name string) (net.Addr, error) {
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
