package tlsx

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/rtcollector/rtcollector/internal/conf"
)

// Server holds the settings of components that accept connections with TLS.
type Server struct {
	Cert     string `yaml:"tls_cert"` // PEM file with our certificate, followed by those of its authorities
	Key      string `yaml:"tls_key"`
	ClientCA string `yaml:"tls_client_ca"` // PEM file with the authorities for client certificates; "": clients need no certificate
}

// Enabled reports whether a certificate is configured.
func (s *Server) Enabled() bool { return s.Cert != "" }

// Validate implements conf.Validator.
func (s *Server) Validate() error {
	var errs []error
	if (s.Cert == "") != (s.Key == "") {
		errs = append(errs, conf.Key("tls_cert", "must be set together with tls_key"))
	}
	if s.ClientCA != "" && s.Cert == "" {
		errs = append(errs, conf.Key("tls_client_ca", "needs tls_cert and tls_key"))
	}
	return errors.Join(errs...)
}

// Config returns the configuration of a listener. It reads the files now, to find mistakes, and again for every connection, so that renewed
// certificates are used without a restart.
func (s *Server) Config() (*tls.Config, error) {
	config, err := s.load()
	if err != nil {
		return nil, err
	}
	config.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return s.load() }
	return config, nil
}

func (s *Server) load() (*tls.Config, error) {
	cert, err := loadKeyPair(s.Cert, s.Key)
	if err != nil {
		return nil, fmt.Errorf("read tls_cert and tls_key: %w", err)
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{cert}}
	if s.ClientCA == "" {
		return config, nil
	}
	pem, err := readPEM(s.ClientCA)
	if err != nil {
		return nil, fmt.Errorf("read tls_client_ca: %w", err)
	}
	config.ClientCAs, config.ClientAuth = x509.NewCertPool(), tls.RequireAndVerifyClientCert
	if !config.ClientCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("read tls_client_ca: no certificate in %s", s.ClientCA)
	}
	return config, nil
}
