// Package tlsx converts TLS settings to configurations of crypto/tls, and TLS errors to advice for users.
//
//   - tlsx.go: [Config], the settings of clients, and [Advice]. server.go: [Server], the settings of listeners.
//   - pem.go: reads certificates and keys. tlstest: certificates for tests.
package tlsx

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"

	"github.com/rtcollector/rtcollector/internal/conf"
)

// Config holds the settings "tls:" of components that connect to a server.
type Config struct {
	CA                 string  `yaml:"ca"`   // PEM file with the authorities for the server's certificate; "": those of the system
	Cert               string  `yaml:"cert"` // PEM file of a client certificate
	Key                string  `yaml:"key"`
	ServerName         string  `yaml:"server_name"` // the name in the certificate; "": the host of the connection
	InsecureSkipVerify bool    `yaml:"insecure_skip_verify"`
	MinVersion         Version `yaml:"min_version"` // 0: 1.2
}

// Validate implements conf.Validator.
func (c *Config) Validate() error {
	var errs []error
	if (c.Cert == "") != (c.Key == "") {
		errs = append(errs, conf.Key("cert", "must be set together with key"))
	}
	if c.InsecureSkipVerify && c.CA != "" {
		errs = append(errs, conf.Key("insecure_skip_verify", "disables the check that needs ca: remove one of them"))
	}
	return errors.Join(errs...)
}

// Version is a version of TLS in the numbers of crypto/tls.
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

// Client reads the files and returns the configuration for a connection to host. It is called for every connection, so that renewed
// certificates are used without a restart.
func (c *Config) Client(host string) (*tls.Config, error) {
	config := &tls.Config{
		MinVersion:         max(tls.VersionTLS12, uint16(c.MinVersion)),
		ServerName:         host,
		InsecureSkipVerify: c.InsecureSkipVerify, //nolint:gosec // only if the user has set it
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

// Advice describes the error of a failed handshake and which settings to change. It returns "" for other errors. The text completes a
// sentence that begins with the name of the server.
func Advice(err error) string {
	var authority x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var name x509.HostnameError
	var plain tls.RecordHeaderError
	var op *net.OpError
	switch {
	case errors.As(err, &authority):
		return "has a certificate of an unknown authority: set tls.ca to the authority's file"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "has a certificate that is not valid now: renew it, or correct the clock"
	case errors.As(err, &name):
		return "has a certificate for another name: connect by that name, or set tls.server_name"
	case errors.As(err, &plain):
		return "does not use TLS on this port: use its TLS port, or turn TLS off"
	case errors.As(err, &op) && op.Op == "remote error":
		return "refuses the TLS handshake: it may require another client certificate (tls.cert, tls.key) or another version of TLS"
	}
	return ""
}
