package tlsx_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/tlsx"
	"github.com/rtcollector/rtcollector/internal/tlsx/tlstest"
)

// serve accepts TLS connections on loopback, finishes their handshakes and closes them.
func serve(t *testing.T, config *tls.Config) string {
	t.Helper()
	return servicetest.ServeRaw(t, func(conn net.Conn) {
		if config == nil {
			_, _ = io.WriteString(conn, "-ERR this is no TLS\r\n")
			return
		}
		secure := tls.Server(conn, config)
		_ = secure.Handshake() // the client reports the error
		_ = secure.Close()
	})
}

// handshake connects with a configuration and returns the error as text; "": success.
func handshake(t *testing.T, addr string, c tlsx.Config) string {
	t.Helper()
	config, err := c.Client("127.0.0.1")
	if err != nil {
		return err.Error()
	}
	conn, err := tls.Dial("tcp", addr, config)
	if err == nil {
		defer func() { _ = conn.Close() }()
		if _, err = conn.Read(make([]byte, 1)); errors.Is(err, io.EOF) { // with TLS 1.3 a refused certificate causes an error only now
			return ""
		}
	}
	if advice := tlsx.Advice(err); advice != "" {
		return advice
	}
	return err.Error()
}

func server(t *testing.T, a *tlstest.Authority, c tlstest.Cert) *tls.Config {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(a.Issue(t, c))
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}}
}

func TestHandshake(t *testing.T) {
	a, stranger := tlstest.New(t), tlstest.New(t)
	cert, key := a.Issue(t, tlstest.Cert{})
	otherCert, otherKey := stranger.Issue(t, tlstest.Cert{})
	strict := server(t, a, tlstest.Cert{})
	strict.ClientAuth, strict.ClientCAs = tls.RequireAndVerifyClientCert, a.Pool()
	old := server(t, a, tlstest.Cert{})
	old.MaxVersion = tls.VersionTLS12
	trusting := tlsx.Config{CA: a.File}
	for _, c := range []struct {
		name   string
		server *tls.Config
		client tlsx.Config
		want   string // "": success
	}{
		{"trusted", server(t, a, tlstest.Cert{}), trusting, ""},
		{"unknown authority", server(t, a, tlstest.Cert{}), tlsx.Config{}, "unknown authority"},
		{"not verified", server(t, a, tlstest.Cert{}), tlsx.Config{InsecureSkipVerify: true}, ""},
		{"expired", server(t, a, tlstest.Cert{Expired: true}), trusting, "not valid now"},
		{"other host", server(t, a, tlstest.Cert{Hosts: []string{"redis.lan"}}), trusting, "another name"},
		{"named", server(t, a, tlstest.Cert{Hosts: []string{"redis.lan"}}), tlsx.Config{CA: a.File, ServerName: "redis.lan"}, ""},
		{"no TLS", nil, trusting, "does not use TLS on this port"},
		{"client certificate", strict, tlsx.Config{CA: a.File, Cert: cert, Key: key}, ""},
		{"no client certificate", strict, trusting, "refuses the TLS handshake"},
		{"client certificate of a stranger", strict, tlsx.Config{CA: a.File, Cert: otherCert, Key: otherKey}, "refuses the TLS handshake"},
		{"too old", old, tlsx.Config{CA: a.File, MinVersion: tls.VersionTLS13}, "refuses the TLS handshake"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := handshake(t, serve(t, c.server), c.client)
			if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// The files are read again for every connection.
func TestRenewedCertificate(t *testing.T) {
	a := tlstest.New(t)
	strict := server(t, a, tlstest.Cert{})
	strict.ClientAuth, strict.ClientCAs = tls.RequireAndVerifyClientCert, a.Pool()
	addr := serve(t, strict)
	cert, key := a.Issue(t, tlstest.Cert{Expired: true})
	c := tlsx.Config{CA: a.File, Cert: cert, Key: key}
	if got := handshake(t, addr, c); !strings.Contains(got, "refuses the TLS handshake") {
		t.Errorf("an expired client certificate: %q", got)
	}
	a.IssueTo(t, tlstest.Cert{}, cert, key)
	if got := handshake(t, addr, c); got != "" {
		t.Error(got)
	}
}

func TestFiles(t *testing.T) {
	a := tlstest.New(t)
	_, key := a.Issue(t, tlstest.Cert{})
	for want, c := range map[string]tlsx.Config{
		"read tls.ca: open /nowhere":                   {CA: "/nowhere"},
		"read tls.ca: no certificate in " + key:        {CA: key},
		"read tls.cert and tls.key: open /nowhere":     {Cert: "/nowhere", Key: key},
		"read tls.cert and tls.key: tls: private key ": {Cert: a.File, Key: key},
	} {
		if _, err := c.Client("x"); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

// TestByteOrderMark: a mark must not hide the first block of a file.
func TestByteOrderMark(t *testing.T) {
	a := tlstest.New(t)
	cert, key := a.Issue(t, tlstest.Cert{})
	marked := func(path string) string {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		path = filepath.Join(t.TempDir(), "marked.pem")
		if err := os.WriteFile(path, append([]byte("\ufeff"), data...), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	client := tlsx.Config{CA: marked(a.File), Cert: marked(cert), Key: marked(key)}
	if _, err := client.Client("x"); err != nil {
		t.Error(err)
	}
	server := tlsx.Server{Cert: marked(cert), Key: marked(key), ClientCA: marked(a.File)}
	if _, err := server.Config(); err != nil {
		t.Error(err)
	}
}

func TestValidate(t *testing.T) {
	for want, c := range map[string]tlsx.Config{
		"cert: must be set together with key":                    {Cert: "a"},
		"insecure_skip_verify: disables the check that needs ca": {CA: "a", InsecureSkipVerify: true},
		"": {CA: "a", Cert: "b", Key: "c"},
	} {
		got := ""
		if err := c.Validate(); err != nil {
			got = err.Error()
		}
		if !strings.HasPrefix(got, want) || (want == "") != (got == "") {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	var v tlsx.Version
	if v.UnmarshalScalar("1.1") == nil || v.UnmarshalScalar("1.3") != nil || v != tls.VersionTLS13 {
		t.Error("versions")
	}
}
