// Package linesender is what the outputs graphite, opentsdb and json have in common: one line of text for each sample, sent to one of several
// destinations.
//
//   - config.go: [Config]. place.go: destinations.
//   - sender.go: [Sender], which writes batches. line.go: [Line], [Format] and numbers. names.go: how names are made acceptable. lines.go:
//     which series are sent, under names that differ. bucket.go: averages and sums.
//   - transport.go, link.go: connections with failover. sys_*.go: what the peer has acknowledged. post.go: HTTP.
package linesender

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/netx"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/simplepattern"
	"github.com/rtcollector/rtcollector/internal/tlsx"
)

// Readme documents the settings of [Config]. Outputs that inline it append this to their README.
//
//go:embed README.md
var Readme string

// Kind is what distinguishes an output from the others.
type Kind struct {
	Name        string // of the output, for messages
	Port        int    // default port
	Protocols   []Protocol
	Path        string // default path of a URL
	ContentType string // of a request over HTTP
}

// Config holds the settings that the outputs share. Outputs inline it.
type Config struct {
	Host        string      `yaml:"host"` // one destination, instead of destination
	Port        int         `yaml:"port"`
	Protocol    Protocol    `yaml:"protocol"`    // of destinations that do not name theirs
	Destination []string    `yaml:"destination"` // the preferred one first
	TLS         tlsx.Config `yaml:"tls"`
	SOCKS5Proxy secret.Ref  `yaml:"socks5_proxy"`

	ConnectTimeout conf.Duration `yaml:"connect_timeout"`
	Timeout        conf.Duration `yaml:"timeout"`      // without progress
	ReturnAfter    conf.Duration `yaml:"return_after"` // to a preferred destination

	Prefix     string             `yaml:"prefix" conf:"public"`
	Hostname   string             `yaml:"hostname" conf:"public"` // replaces the name of the agent's host
	Names      Names              `yaml:"names"`
	DataSource DataSource         `yaml:"data_source"`
	Every      conf.Duration      `yaml:"update_every"` // length of the buckets of average and sum
	Charts     simplepattern.List `yaml:"send_charts_matching"`
	Hosts      simplepattern.List `yaml:"send_hosts_matching"`
	Jitter     conf.Duration      `yaml:"jitter"`
}

// maxJitter keeps the pause shorter than the time that the agent has for its last writes.
const maxJitter = 5 * time.Second

// Defaults returns the default settings of a kind of output.
func Defaults(k Kind) Config {
	return Config{
		Host: "localhost", Port: k.Port, Protocol: k.Protocols[0], Prefix: "rtcollector",
		ConnectTimeout: conf.Duration(5 * time.Second), Timeout: conf.Duration(10 * time.Second), ReturnAfter: conf.Duration(time.Minute),
		Names: OwnNames, DataSource: AsCollected, Every: conf.Duration(10 * time.Second),
		Charts: simplepattern.Parse("*"), Hosts: simplepattern.Parse("*"),
	}
}

// ValidateAs validates the settings for a kind of output. Structs that inline Config call it from their Validate.
func (c *Config) ValidateAs(k Kind) error {
	var errs []error
	if _, err := c.places(k); err != nil {
		errs = append(errs, err)
	}
	if c.ConnectTimeout <= 0 {
		errs = append(errs, conf.Key("connect_timeout", "must be more than 0"))
	}
	if c.Timeout <= 0 {
		errs = append(errs, conf.Key("timeout", "must be more than 0"))
	}
	if c.ReturnAfter <= 0 {
		errs = append(errs, conf.Key("return_after", "must be more than 0"))
	}
	if c.Every.D() < time.Second || c.Every.D()%time.Second != 0 {
		errs = append(errs, conf.Key("update_every", "must be whole seconds, at least 1"))
	}
	if c.Jitter.D() > maxJitter {
		errs = append(errs, conf.Key("jitter", "must be at most %v", maxJitter))
	}
	if c.Charts.IsEmpty() {
		errs = append(errs, conf.Key("send_charts_matching", "selects nothing: write \"*\" for everything"))
	}
	if text, ok := literal(c.SOCKS5Proxy); ok {
		if _, err := netx.ParseSOCKS5(text); err != nil {
			errs = append(errs, conf.Key("socks5_proxy", "%s", err))
		}
	}
	return errors.Join(append(errs, c.TLS.Validate())...)
}

// places returns the destinations in the order of preference.
func (c *Config) places(k Kind) ([]place, error) {
	if len(c.Destination) == 0 {
		p, err := hostPlace(c.Host, c.Port, c.Protocol, k)
		if err != nil {
			return nil, conf.Key("host", "%s", err)
		}
		return []place{p}, nil
	}
	var all []place
	var errs []error
	for i, text := range c.Destination {
		p, err := parsePlace(text, c.Protocol, k)
		if err != nil {
			errs = append(errs, conf.Item("destination", i, "%s", err))
			continue
		}
		if len(all) > 0 && all[0].isHTTP() != p.isHTTP() {
			errs = append(errs, conf.Item("destination", i, "must use HTTP exactly if the first one does"))
		}
		if slices.ContainsFunc(all, func(other place) bool { return other.String() == p.String() }) {
			errs = append(errs, conf.Item("destination", i, "is in the list already"))
		}
		all = append(all, p)
	}
	return all, errors.Join(errs...)
}

// IsHTTP reports whether the destinations are requested over HTTP.
func (c *Config) IsHTTP(k Kind) bool {
	all, _ := c.places(k)
	return len(all) > 0 && all[0].isHTTP()
}

// noStore rejects every reference. Resolving with it succeeds for literals only.
type noStore struct{}

func (noStore) Secret(context.Context, string) (string, error) { return "", errors.New("no store") }

func literal(r secret.Ref) (string, bool) {
	if r.IsZero() {
		return "", false
	}
	text, err := r.Resolve(context.Background(), noStore{})
	return text, err == nil
}

// Names selects how series are named.
type Names string

// The names.
const (
	OwnNames     Names = "rtcollector"
	NetdataNames Names = "netdata"     // series with a label "chart" as Netdata names them, with the names of charts
	NetdataIDs   Names = "netdata_ids" // likewise, with the IDs of charts
)

// UnmarshalScalar implements conf.Scalar.
func (n *Names) UnmarshalScalar(text string) error {
	switch v := Names(text); v {
	case OwnNames, NetdataNames, NetdataIDs:
		*n = v
		return nil
	}
	return fmt.Errorf("must be %s, %s or %s", OwnNames, NetdataNames, NetdataIDs)
}

// DataSource selects which values are sent.
type DataSource string

// The data sources.
const (
	AsCollected DataSource = "as_collected" // every sample
	Average     DataSource = "average"      // the mean of the samples of a bucket
	Sum         DataSource = "sum"          // the sum of the samples of a bucket
)

// UnmarshalScalar implements conf.Scalar.
func (d *DataSource) UnmarshalScalar(text string) error {
	switch v := DataSource(text); v {
	case AsCollected, Average, Sum:
		*d = v
		return nil
	}
	return fmt.Errorf("must be %s, %s or %s", AsCollected, Average, Sum)
}
