package httpx

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/net/proxy"

	"github.com/rtcollector/rtcollector/internal/bom"
	"github.com/rtcollector/rtcollector/internal/secret"
)

// Target is a URL that is requested repeatedly. It keeps its connection. After an error it makes a new connection, and reads
// certificates and credentials again. A Target must not be used by several goroutines at once.
type Target struct {
	Address
	Method string      // "": GET
	Body   string      // of the request
	Accept string      // the header Accept; "": none
	Header http.Header // further headers of every request; they take precedence over the configured ones
	Fresh  bool        // every request uses a new connection, because the caller measures it

	Compressed bool // requests gzip, which for nearby targets costs more than it saves

	LocalAddr func() (net.Addr, error) // the local address of connections; nil: the system decides

	config Config
	store  secret.Resolver
	live   *session
	stale  bool // credentials or certificates of live may have changed
	page   []byte
	held   int // bytes of the page that are reserved in the pool
}

// Target returns a target with these settings. Store resolves their references to secrets.
func (c Config) Target(a Address, store secret.Resolver) *Target {
	return &Target{Address: a, config: c, store: store}
}

// session is a client for a target, with the resolved credentials and certificates.
type session struct {
	client    http.Client
	transport *http.Transport
	request   *http.Request
	conns     conns
}

const (
	maxHeader  = 64 << 10
	maxDrained = 64 << 10 // read of an unused answer, so that its connection can be kept
	minRoom    = 1 << 10  // for one read
	largePage  = 1 << 20  // a larger page is not kept
)

// Get requests the page and returns it without a byte order mark. The page is valid until the next Get. An answer whose status is
// not 200 is a [StatusError]; a page of more than limit bytes is an error as well. All errors name the target and say what to do.
func (t *Target) Get(ctx context.Context, limit int64) ([]byte, error) {
	return t.GetBelow(ctx, "", "", limit)
}

// GetBelow is Get for a path below that of the URL; see DoBelow.
func (t *Target) GetBelow(ctx context.Context, path, query string, limit int64) ([]byte, error) {
	resp, err := t.DoBelow(ctx, path, query)
	if err != nil {
		return nil, t.Explain(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		_ = t.readPage(resp.Body, maxDrained) // so that the connection can be kept
		return nil, t.refusalError(resp)
	}
	if coding := contentCoding(resp); coding != "" {
		_ = t.readPage(resp.Body, maxDrained)
		return nil, t.describeCoding(coding)
	}
	if n := resp.ContentLength; n > largePage && n <= min(limit, maxPages) {
		t.freePage()
		t.page = make([]byte, 0, n+minRoom) // avoids copies while it grows
	}
	if err := t.readPage(resp.Body, limit); err != nil {
		t.Close()
		return nil, t.Explain(err)
	}
	page, err := bom.Strip(t.page)
	if err != nil {
		return nil, fmt.Errorf("%s answers with a page that %w", t, err)
	}
	return page, nil
}

// readPage reads the page, up to limit bytes and what the pool allows. It reuses the memory of the last page.
func (t *Target) readPage(body io.Reader, limit int64) error {
	t.page = t.page[:0]
	for {
		switch room := cap(t.page) - len(t.page); {
		case room >= minRoom:
		case cap(t.page) < largePage:
			t.page = slices.Grow(t.page, max(cap(t.page), 2*minRoom))
		default: // grows by a quarter
			t.page = slices.Grow(t.page, 2*minRoom)
		}
		if more := cap(t.page) - t.held; more > 0 {
			if t.held += more; !t.config.pool.reserve(more) {
				return &guardError{fmt.Sprintf("answers with a large page, and all pages of this input have more than %d bytes: spread the URLs over several inputs", maxPages)}
			}
		}
		n, err := body.Read(t.page[len(t.page):cap(t.page)])
		t.page = t.page[:len(t.page)+n]
		switch {
		case int64(len(t.page)) > limit:
			return &guardError{fmt.Sprintf("answers with more than %d bytes: is it the right URL?", limit)}
		case err == io.EOF: //nolint:errorlint // readers return it as it is
			return nil
		case err != nil:
			return err
		}
	}
}

// Done frees the memory of a large page. The page must not be used afterwards.
func (t *Target) Done() {
	if cap(t.page) > largePage {
		t.freePage()
	}
}

// freePage frees the memory of the page.
func (t *Target) freePage() {
	t.config.pool.release(t.held)
	t.page, t.held = nil, 0
}

// guardError is an error whose text continues a sentence that begins with the name of the target.
type guardError struct{ text string }

func (e *guardError) Error() string { return e.text }

// Do sends the request. The caller must close the body of the answer, and call Close if it cannot be read.
func (t *Target) Do(ctx context.Context) (*http.Response, error) { return t.DoBelow(ctx, "", "") }

// DoBelow is Do for a path below that of the URL, over the same connection. Query is encoded; if it is empty, the query of the
// URL is used.
func (t *Target) DoBelow(ctx context.Context, path, query string) (*http.Response, error) {
	s, err := t.openSession(ctx)
	if err != nil {
		return nil, err
	}
	r := s.request.WithContext(context.WithValue(ctx, requestContextKey{}, ctx))
	if path != "" {
		base := *t.url
		base.Path = cmp.Or(base.Path, "/") // JoinPath would omit the leading slash
		r.URL = base.JoinPath(path)
		r.URL.RawQuery = cmp.Or(query, base.RawQuery)
	}
	if t.Body != "" {
		r.ContentLength = int64(len(t.Body))
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(t.Body)), nil }
		r.Body, _ = r.GetBody()
	}
	resp, err := s.client.Do(r)
	if err != nil {
		t.Close()
		return nil, err
	}
	decompressBody(resp)
	switch resp.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired:
		t.stale = true // the credentials may have been rotated, or the certificate renewed
	}
	return resp, nil
}

// Close closes all connections, even if an answer is still being read, and frees the last page. The target can be used again.
func (t *Target) Close() {
	t.freePage()
	if t.live != nil {
		t.live.transport.CloseIdleConnections()
		t.live.conns.close()
		t.live, t.stale = nil, false
	}
}

func (t *Target) openSession(ctx context.Context) (*session, error) {
	if t.stale {
		t.Close()
	}
	if t.live != nil {
		return t.live, nil
	}
	request, err := t.newRequest(ctx)
	if err != nil {
		return nil, err
	}
	s := &session{request: request}
	if s.transport, err = t.newTransport(ctx, s); err != nil {
		return nil, err
	}
	s.client.Transport, s.client.CheckRedirect = s.transport, t.checkRedirect
	t.live = s
	return s, nil
}

// newRequest returns the request that is copied for each use.
func (t *Target) newRequest(ctx context.Context) (*http.Request, error) {
	r, err := http.NewRequest(t.Method, t.url.String(), nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("User-Agent", "rtcollector")
	if !t.Compressed {
		r.Header.Set("Accept-Encoding", "identity") // without it, any coding is acceptable (RFC 9110, 12.5.3)
	}
	if t.Accept != "" {
		r.Header.Set("Accept", t.Accept)
	}
	for name, value := range t.config.Headers {
		text, err := value.Resolve(ctx, t.store)
		if err != nil {
			return nil, err
		}
		r.Header.Set(name, text)
	}
	maps.Copy(r.Header, t.Header)
	if host := r.Header.Get("Host"); host != "" { // net/http ignores the header
		r.Host = host
	}
	return r, t.authorize(ctx, r)
}

func (t *Target) authorize(ctx context.Context, r *http.Request) error {
	c := t.config
	switch {
	case !c.BearerToken.IsZero():
		token, err := c.BearerToken.Resolve(ctx, t.store)
		r.Header.Set("Authorization", "Bearer "+token)
		return err
	case !c.Username.IsZero():
		user, errUser := c.Username.Resolve(ctx, t.store)
		password, err := c.Password.Resolve(ctx, t.store)
		r.SetBasicAuth(user, password)
		return errors.Join(errUser, err)
	case t.user != nil:
		password, _ := t.user.Password()
		r.SetBasicAuth(t.user.Username(), password)
	}
	return nil
}

// newTransport returns a transport without IdleConnTimeout, because the connection is to be kept. With a timeout net/http would
// also keep an HTTP/2 connection that was closed while busy in memory until the timer fires.
func (t *Target) newTransport(ctx context.Context, s *session) (*http.Transport, error) {
	transport := &http.Transport{
		DialContext:            s.trackConns(t, dialTarget),
		MaxResponseHeaderBytes: maxHeader,
		MaxIdleConnsPerHost:    1,
		ForceAttemptHTTP2:      true,
		DisableKeepAlives:      t.Fresh,
		DisableCompression:     !t.Compressed,
	}
	if t.Scheme == "unix" {
		socket := t.Host
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return s.trackConns(t, dialTarget)(ctx, "unix", socket)
		}
		return transport, nil
	}
	config, err := t.config.TLS.Client("") // net/http fills in the name
	if err != nil {
		return nil, err
	}
	transport.TLSClientConfig = config
	if t.config.Proxy.IsZero() {
		return transport, nil
	}
	return transport, t.useProxy(ctx, s, transport)
}

func (t *Target) useProxy(ctx context.Context, s *session, transport *http.Transport) error {
	text, err := t.config.Proxy.Resolve(ctx, t.store)
	if err != nil {
		return err
	}
	u, err := parseProxy(text)
	if err != nil {
		return fmt.Errorf("proxy %w", err)
	}
	if u.Scheme != "socks5" {
		transport.Proxy = http.ProxyURL(u)
		return nil
	}
	var auth *proxy.Auth
	if u.User != nil {
		password, _ := u.User.Password()
		auth = &proxy.Auth{User: u.User.Username(), Password: password}
	}
	if u.Port() == "" {
		u.Host = net.JoinHostPort(u.Hostname(), "1080")
	}
	d, err := proxy.SOCKS5("tcp", u.Host, auth, directDialer{t})
	if err != nil {
		return err
	}
	transport.DialContext = s.trackConns(t, func(ctx context.Context, _ *Target, network, addr string) (net.Conn, error) {
		return d.(proxy.ContextDialer).DialContext(ctx, network, addr) //nolint:forcetypeassert // documented by proxy.SOCKS5
	})
	return nil
}
