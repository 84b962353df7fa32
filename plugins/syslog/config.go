package sysloginput

import (
	"errors"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/catalog"
	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/syslogmsg"
	"github.com/rtcollector/rtcollector/internal/tlsx"
)

// Config is the input's configuration.
type Config struct {
	Server  address   `yaml:"server" conf:"public"`
	Servers []address `yaml:"servers" conf:"public"`

	TLS tlsx.Server `yaml:",inline"`

	Standard   choice `yaml:"syslog_standard"`
	BestEffort bool   `yaml:"best_effort"`
	Separator  string `yaml:"sdparam_separator" conf:"public"`
	Timezone   string `yaml:"timezone" conf:"public"`

	Framing  choice `yaml:"framing"`
	Trailer  choice `yaml:"trailer"`
	Encoding choice `yaml:"content_encoding"`
	Mode     string `yaml:"socket_mode" conf:"public"`

	MaxMessage       conf.Size     `yaml:"max_message_size"`
	MaxDecompression conf.Size     `yaml:"max_decompression_size"`
	MaxConnections   int           `yaml:"max_connections"`
	ReadTimeout      conf.Duration `yaml:"read_timeout"`
	ReadBuffer       conf.Size     `yaml:"read_buffer_size"`
	KeepAlive        conf.Duration `yaml:"keep_alive_period"`

	Hostname string `yaml:"hostname" conf:"ignored"` // events always have the sender's name and address
}

func defaults() Config {
	return Config{
		Standard: "auto", Separator: "_", Framing: "auto", Trailer: "lf", Encoding: "identity",
		MaxMessage: 64 << 10, MaxDecompression: 1 << 20, MaxConnections: 1024,
		ReadTimeout: conf.Duration(30 * time.Second), KeepAlive: conf.Duration(5 * time.Minute),
	}
}

// choice is one of several words. Case does not matter.
type choice string

// UnmarshalScalar implements conf.Scalar.
func (w *choice) UnmarshalScalar(text string) error {
	*w = choice(strings.ToLower(text))
	return nil
}

func (w choice) check(key string, choices ...string) error {
	if slices.Contains(choices, string(w)) {
		return nil
	}
	return conf.Key(key, "must be one of %s, not %q%s", strings.Join(choices, ", "), string(w), conf.Suggest(string(w), choices))
}

const (
	encodingGzip = "gzip"
	trailerNUL   = "nul"
)

// Validate implements conf.Validator.
func (c *Config) Validate() error {
	errs := []error{
		c.Standard.check("syslog_standard", "auto", "rfc5424", "rfc3164"),
		c.Framing.check("framing", string(AutoFraming), string(OctetCounting), string(NonTransparent)),
		c.Trailer.check("trailer", "lf", trailerNUL),
		c.Encoding.check("content_encoding", "identity", encodingGzip),
	}
	for i, a := range c.addresses() {
		if slices.Contains(c.addresses()[:i], a) {
			errs = append(errs, conf.Key("servers", "%s appears twice", a))
		}
		if a.withTLS && !c.TLS.Enabled() {
			errs = append(errs, conf.Key("tls_cert", "and tls_key are needed for %s", a))
		}
	}
	if _, err := parseMode(c.Mode); err != nil {
		errs = append(errs, conf.Key("socket_mode", `must be like "0660": %v`, err))
	}
	if _, err := c.timeZone(); err != nil {
		errs = append(errs, conf.Key("timezone", `must be a name such as "Europe/Berlin", "UTC" or "Local": %v`, err))
	}
	const minLength = 480 // RFC 5424, section 6.1: every receiver must accept this length
	if c.MaxMessage < minLength || c.MaxMessage > 16<<20 {
		errs = append(errs, conf.Key("max_message_size", "must be from %d to 16MiB", minLength))
	}
	if c.MaxDecompression < c.MaxMessage {
		errs = append(errs, conf.Key("max_decompression_size", "must not be less than max_message_size"))
	}
	if c.MaxConnections < 0 {
		errs = append(errs, conf.Key("max_connections", "must not be negative; 0 sets no limit"))
	}
	return errors.Join(append(errs, c.TLS.Validate())...)
}

// addresses returns the addresses to listen on; by default port 514 of UDP and TCP.
func (c *Config) addresses() []address {
	switch {
	case c.Server != (address{}):
		return append([]address{c.Server}, c.Servers...)
	case len(c.Servers) > 0:
		return c.Servers
	}
	return []address{{network: "udp", location: ":514"}, {network: "tcp", location: ":514"}}
}

// timeZone returns the zone of timestamps without one; nil: it is guessed.
func (c *Config) timeZone() (*time.Location, error) {
	if c.Timezone == "" {
		return nil, nil
	}
	return time.LoadLocation(c.Timezone)
}

func (c *Config) parserSettings() syslogmsg.Settings {
	zone, _ := c.timeZone() // Validate has checked it
	return syslogmsg.Settings{Standard: syslogmsg.Standard(c.Standard), Separator: c.Separator, BestEffort: c.BestEffort, Zone: zone}
}

func (c *Config) newFrames() *frames {
	f := &frames{framing: Framing(c.Framing), trailer: '\n', maxMessage: int(c.MaxMessage)}
	if c.Trailer == trailerNUL {
		f.trailer = 0
	}
	return f
}

// address is an address to listen on.
type address struct {
	network  string // tcp, tcp4, tcp6, udp, udp4, udp6, unix or unixgram
	location string // host:port, or a path
	withTLS  bool   // with TLS
}

// UnmarshalScalar implements conf.Scalar.
func (a *address) UnmarshalScalar(text string) error {
	errForm := errors.New(`must be like "udp://:514", "tcp://0.0.0.0:6514", "tls://[::]:6514", "unix:///run/x.sock" or "unixgram:///run/x.sock"`)
	u, err := url.Parse(text)
	if err != nil {
		return errForm
	}
	switch u.Scheme {
	case "unix", "unixgram":
		if u.Host != "" || u.Path == "" {
			return errForm
		}
		*a = address{network: u.Scheme, location: u.Path}
		return nil
	case "tls", "tcp+tls":
		a.network, a.withTLS = "tcp", true
	case "tcp", "tcp4", "tcp6", "udp", "udp4", "udp6":
		a.network = u.Scheme
	default:
		return errForm
	}
	if u.User != nil || u.Path != "" && u.Path != "/" {
		return errForm
	}
	port := u.Port()
	if port == "" {
		port = "6514" // RFC 5425, as in the Python rtcollector
	}
	if _, err := net.LookupPort("tcp", port); err != nil {
		return errors.New("must have a port from 0 to 65535")
	}
	a.location = net.JoinHostPort(u.Hostname(), port)
	return nil
}

// String returns the address for messages and the label listener: udp:514, tls:10.0.0.5:6514, unix:/run/x.sock.
func (a address) String() string {
	kind := a.network
	if a.withTLS {
		kind = "tls"
	}
	return kind + ":" + strings.TrimPrefix(a.location, ":")
}

// isPacket reports whether each message is a datagram.
func (a address) isPacket() bool {
	return a.network == "unixgram" || strings.HasPrefix(a.network, "udp")
}

// isFile reports whether the address is a path.
func (a address) isFile() bool { return strings.HasPrefix(a.network, "unix") }

// Privileges implements catalog.Privileged.
func (c *Config) Privileges() (all []catalog.Privilege) {
	for _, a := range c.addresses() {
		_, port, _ := net.SplitHostPort(a.location)
		if number, err := strconv.Atoi(port); err == nil && number > 0 && number < 1024 && !a.isFile() {
			all = append(all, catalog.Privilege{Capabilities: "CAP_NET_BIND_SERVICE", Without: "port " + port + ", unless net.ipv4.ip_unprivileged_port_start permits it"})
		}
		if a.isPacket() {
			all = append(all, catalog.Privilege{Capabilities: "CAP_NET_ADMIN", Without: "a receive buffer over net.core.rmem_max: a burst may be dropped by the kernel"})
		}
	}
	return all
}
