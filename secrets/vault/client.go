package vault

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/rtcollector/rtcollector/internal/tlsx"
)

// maxReply is the size of the largest reply that is read, in bytes.
const maxReply = 1 << 20 // Vault stores no larger ones

// newTransport returns a transport that makes a connection for every request. Requests are rare, no connection has to be closed later, and
// the files of the TLS settings are read again each time. It uses no proxy.
func newTransport(config tlsx.Config) http.RoundTripper {
	dialer := &net.Dialer{Timeout: 30 * time.Second} // the request also has a deadline
	return &http.Transport{
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true, // so that maxReply limits the decoded size
		DialContext:            dialer.DialContext,
		DialTLSContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			host, _, err := net.SplitHostPort(addr)
			if err != nil {
				return nil, err
			}
			settings, err := config.Client(host)
			if err != nil {
				return nil, err
			}
			return (&tls.Dialer{NetDialer: dialer, Config: settings}).DialContext(ctx, network, addr)
		},
	}
}

// newClient returns a client of Vault's library. It resets what the library has read from the environment, because only our settings
// count.
func newClient(address string, c Config, t http.RoundTripper) (*api.Client, error) {
	client, err := api.NewClient(&api.Config{
		Address: address,
		HttpClient: &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // the library follows the one redirect of a standby node itself
		}},
	})
	if err != nil {
		return nil, newEnvironmentError()
	}
	client.SetHeaders(http.Header{api.RequestHeaderName: {"true"}})
	client.ClearToken()
	if c.Namespace != "" {
		client.SetNamespace(c.Namespace)
	}
	client.SetWrappingLookupFunc(func(string, string) string { return "" })
	return client, nil
}

// newEnvironmentError returns an error that lists the environment variables of Vault's library. The library reads them although it is
// told not to use them, and fails if one is invalid. The error has no values, because one may be a password.
func newEnvironmentError() error {
	var names []string
	for _, pair := range os.Environ() {
		if name, _, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "VAULT_") && name != envAddress && name != envToken {
			names = append(names, name)
		}
	}
	return fmt.Errorf("the Vault library cannot parse one of these environment variables, which have no effect here: "+
		"correct or unset them: %s", strings.Join(names, ", "))
}

// reply is a reply of Vault with any status.
type reply struct {
	api.Secret
	Errors []string `json:"errors"`

	status   int
	path     string
	notVault bool // the body is not JSON as Vault sends it
}

// sendRequest sends one request and returns the reply. An error means that there was no reply.
func (s *Store) sendRequest(ctx context.Context, method, path, token string, body any) (reply, error) {
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout.D())
	defer cancel()
	logical := s.client.WithRequestCallbacks(func(r *api.Request) { r.ClientToken = token }).Logical()
	var resp *api.Response
	var err error
	if method == http.MethodGet {
		resp, err = logical.ReadRawWithContext(ctx, path)
	} else {
		data, jsonErr := json.Marshal(body)
		if jsonErr != nil {
			return reply{}, jsonErr
		}
		resp, err = logical.WriteRawWithContext(ctx, path, data)
	}
	var refused *api.ResponseError
	if resp == nil || err != nil && !errors.As(err, &refused) {
		return reply{}, s.explainUnreachable(ctx, err)
	}
	defer resp.Body.Close()
	r := reply{status: resp.StatusCode, path: path}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxReply))
	if err != nil {
		return reply{}, s.explainUnreachable(ctx, err)
	}
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.UseNumber()
	if err := decoder.Decode(&r); err != nil && len(text) > 0 {
		r.notVault = true
		r.Errors = []string{string(text)}
	}
	return r, nil
}
