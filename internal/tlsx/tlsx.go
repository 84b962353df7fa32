// Package tlsx is the one place that turns the settings "tls:" into TLS, and its errors into advice.
package tlsx

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"

	"github.com/rtcollector/rtcollector/internal/conf"
)

// Config is the block "tls:" of everything that connects to a server.
type Config struct {
	CA                 string  `yaml:"ca"`   // PEM file with the authorities that may sign the server's certificate; "": the system's
	Cert               string  `yaml:"cert"` // PEM file of a client certificate
	Key                string  `yaml:"key"`
	ServerName         string  `yaml:"server_name"` // the name that the certificate must have; "": the host that is dialled
	InsecureSkipVerify bool    `yaml:"insecure_skip_verify"`
	MinVersion         Version `yaml:"min_version"` // 0: 1.2
}

// Validate implements conf.Validator.
func (c *Config) Validate() error {
	var errs []error
	if (c.Cert == "") != (c.Key == "") {
		errs = append(errs, conf.Key("cert", "needs key, and the other way round"))
	}
	if c.InsecureSkipVerify && c.CA != "" {
		errs = append(errs, conf.Key("insecure_skip_verify", "makes ca useless: leave one of them out"))
	}
	return errors.Join(errs...)
}

// Version is a version of TLS, as crypto/tls numbers them.
type Version uint16

// UnmarshalScalar implements conf.Scalar.
func (v *Version) UnmarshalScalar(text string) error {
	switch text {
	case "1.2":
		*v = tls.VersionTLS12
	case "1.3":
		*v = tls.VersionTLS13
	default:
		return errors.New(`must be "1.2" or "1.3"`)
	}
	return nil
}

// Client reads the files and returns what a connection to host needs. It is called for every connection, so that
// certificates which were renewed on disk are used without a restart.
func (c *Config) Client(host string) (*tls.Config, error) {
	config := &tls.Config{
		MinVersion:         max(tls.VersionTLS12, uint16(c.MinVersion)),
		ServerName:         host,
		InsecureSkipVerify: c.InsecureSkipVerify, // a decision of the operator, who had to write it down
	}
	if c.ServerName != "" {
		config.ServerName = c.ServerName
	}
	if c.CA != "" {
		pem, err := readPEM(c.CA)
		if err != nil {
			return nil, fmt.Errorf("read tls.ca: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read tls.ca: no certificate in %s", c.CA)
		}
	}
	if c.Cert != "" {
		cert, err := loadKeyPair(c.Cert, c.Key)
		if err != nil {
			return nil, fmt.Errorf("read tls.cert and tls.key: %w", err)
		}
		config.Certificates = []tls.Certificate{cert}
	}
	return config, nil
}

// Advice says in the words of the settings what a failed handshake means, or "" when it was none. It completes a
// sentence that begins with the server's name.
func Advice(err error) string {
	var authority x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var name x509.HostnameError
	var plain tls.RecordHeaderError
	var op *net.OpError
	switch {
	case errors.As(err, &authority):
		return "has a certificate of an unknown authority: name the authority's file in tls.ca"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "has a certificate that is not valid now: renew it, or set the clock"
	case errors.As(err, &name):
		return "has a certificate for another name: dial it by that name, or set tls.server_name"
	case errors.As(err, &plain):
		return "speaks no TLS there: name its TLS port, or switch TLS off"
	case errors.As(err, &op) && op.Op == "remote error":
		return "refuses the TLS handshake: it may want a client certificate (tls.cert, tls.key) of another authority, or another version"
	}
	return ""
}
