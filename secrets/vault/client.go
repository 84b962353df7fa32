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

// transport makes a connection for every request: requests are rare, nothing stays behind that had to be closed, and
// the files of the TLS settings are read anew. It knows no proxy.
func transport(config tlsx.Config) http.RoundTripper {
	dialer := &net.Dialer{Timeout: 30 * time.Second} // the request has a deadline of its own
	return &http.Transport{
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true, // what is read is bounded as it comes
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

// newClient makes a client of Vault's library and takes from it what it has read from the environment: what counts is
// what is configured.
func newClient(address string, c Config, t http.RoundTripper) (*api.Client, error) {
	client, err := api.NewClient(&api.Config{
		Address: address,
		HttpClient: &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // the library follows the one redirect of a standby node itself
		}},
	})
	if err != nil {
		return nil, errEnvironment()
	}
	client.SetHeaders(http.Header{api.RequestHeaderName: {"true"}})
	client.ClearToken()
	if c.Namespace != "" {
		client.SetNamespace(c.Namespace)
	}
	client.SetWrappingLookupFunc(func(string, string) string { return "" })
	return client, nil
}

// errEnvironment names variables, not values: one of them can hold a password. The library reads them although it is
// told not to use them, and gives up when one makes no sense.
func errEnvironment() error {
	var names []string
	for _, pair := range os.Environ() {
		if name, _, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "VAULT_") && name != envAddress && name != envToken {
			names = append(names, name)
		}
	}
	return fmt.Errorf("the library for Vault cannot read one of these environment variables, which have no effect here: "+
		"correct or unset them: %s", strings.Join(names, ", "))
}

// reply is what Vault says, whatever the status.
type reply struct {
	api.Secret
	Errors []string `json:"errors"`

	status int
	path   string
	alien  bool // this is not how Vault answers
}

// exchange sends one request. The error says that there was no answer.
func (s *Store) exchange(ctx context.Context, method, path, token string, body any) (reply, error) {
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
		return reply{}, s.unreachable(ctx, err)
	}
	defer resp.Body.Close()
	r := reply{status: resp.StatusCode, path: path}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxReply))
	if err != nil {
		return reply{}, s.unreachable(ctx, err)
	}
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.UseNumber()
	if err := decoder.Decode(&r); err != nil && len(text) > 0 {
		r.alien = true
		r.Errors = []string{string(text)}
	}
	return r, nil
}
