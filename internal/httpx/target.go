package httpx

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/net/proxy"

	"github.com/rtcollector/rtcollector/internal/bom"
	"github.com/rtcollector/rtcollector/internal/secret"
)

// Target is a URL that is asked again and again. Its connection is kept; after an error, it, the certificates and the
// credentials are made anew. A Target serves one goroutine at a time.
type Target struct {
	Address
	Method string // "": GET
	Body   string // of the request
	Accept string // what form of answer is wanted
	Fresh  bool   // every request has a connection of its own: it is what the caller measures

	Compressed bool // asks for gzip: of targets that are near, it costs more than it saves

	LocalAddr func() (net.Addr, error) // where connections come from; nil: the system decides

	config Config
	store  secret.Resolver
	live   *session
	stale  bool // what live was made of may have changed
	page   []byte
	held   int // bytes of the page that are taken from the pool
}

// Target returns a target with these settings; store answers their references to secrets.
func (c Config) Target(a Address, store secret.Resolver) *Target {
	return &Target{Address: a, config: c, store: store}
}

// session is what a target has open: everything that was found out for it.
type session struct {
	client    http.Client
	transport *http.Transport
	request   *http.Request
	conns     conns
}

const (
	maxHeader  = 64 << 10
	maxDrained = 64 << 10 // of an answer that nobody reads, so that its connection can be kept
	minRoom    = 1 << 10  // for one read
	largePage  = 1 << 20  // whose room is not kept
)

// Get asks for the page and returns it; it is valid until the next Get. An answer with another status than 200 is a
// [StatusError], one of more than limit bytes an error, too. The page has no byte order mark. All errors name the target and say what to do.
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
		_ = t.read(resp.Body, maxDrained) // for the sake of the connection, too
		return nil, t.refused(resp)
	}
	if coding := encoded(resp); coding != "" {
		_ = t.read(resp.Body, maxDrained)
		return nil, t.errEncoding(coding)
	}
	if n := resp.ContentLength; n > largePage && n <= min(limit, maxPages) {
		t.forget()
		t.page = make([]byte, 0, n+minRoom) // else it would be copied again and again while it grows
	}
	if err := t.read(resp.Body, limit); err != nil {
		t.Close()
		return nil, t.Explain(err)
	}
	page, err := bom.Strip(t.page)
	if err != nil {
		return nil, fmt.Errorf("%s answers with a page that %w", t, err)
	}
	return page, nil
}

// read reads the page, up to limit bytes and what the pool has left. The room that the last one had is used again.
func (t *Target) read(body io.Reader, limit int64) error {
	t.page = t.page[:0]
	for {
		switch room := cap(t.page) - len(t.page); {
		case room >= minRoom:
		case cap(t.page) < largePage:
			t.page = slices.Grow(t.page, max(cap(t.page), 2*minRoom))
		default: // by a quarter: what a page outgrows is garbage
			t.page = slices.Grow(t.page, 2*minRoom)
		}
		if more := cap(t.page) - t.held; more > 0 {
			if t.held += more; !t.config.pool.take(more) {
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

// Done gives the room of a large page back, when its reader is done with it.
func (t *Target) Done() {
	if cap(t.page) > largePage {
		t.forget()
	}
}

// forget gives the room of the page back.
func (t *Target) forget() {
	t.config.pool.give(t.held)
	t.page, t.held = nil, 0
}

// guardError completes a sentence that begins with the target's name.
type guardError struct{ text string }

func (e *guardError) Error() string { return e.text }

// Do makes the request. Whoever calls it closes the answer's body, and calls Close when that cannot be read.
func (t *Target) Do(ctx context.Context) (*http.Response, error) { return t.DoBelow(ctx, "", "") }

// DoBelow is Do for a path below that of the URL, over the same connection; query is encoded, and if it is
// empty that of the URL is kept.
func (t *Target) DoBelow(ctx context.Context, path, query string) (*http.Response, error) {
	s, err := t.open(ctx)
	if err != nil {
		return nil, err
	}
	r := s.request.WithContext(context.WithValue(ctx, askerKey{}, ctx))
	if path != "" {
		base := *t.url
		base.Path = cmp.Or(base.Path, "/") // else the result had none at its beginning
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
	unpack(resp)
	switch resp.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired:
		t.stale = true // the credentials may have been rotated, or the certificate renewed
	}
	return resp, nil
}

// Close gives the connection back, also that of an answer which is still read, and the room of the last page. The target can
// still be used.
func (t *Target) Close() {
	t.forget()
	if t.live != nil {
		t.live.transport.CloseIdleConnections()
		t.live.conns.close()
		t.live, t.stale = nil, false
	}
}

func (t *Target) open(ctx context.Context) (*session, error) {
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
	s.client.Transport, s.client.CheckRedirect = s.transport, t.follow
	t.live = s
	return s, nil
}

// newRequest makes the request that all others are copies of.
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
	if host := r.Header.Get("Host"); host != "" { // net/http takes it from here only
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

// newTransport leaves out IdleConnTimeout: the connection is to be kept, and net/http winds up the timer of one of HTTP/2 that
// was closed while it was busy once more, and holds all that belongs to it until then.
func (t *Target) newTransport(ctx context.Context, s *session) (*http.Transport, error) {
	transport := &http.Transport{
		DialContext:            s.dialer(t, dial),
		MaxResponseHeaderBytes: maxHeader,
		MaxIdleConnsPerHost:    1,
		ForceAttemptHTTP2:      true,
		DisableKeepAlives:      t.Fresh,
		DisableCompression:     !t.Compressed,
	}
	if t.Scheme == "unix" {
		socket := t.Host
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return s.dialer(t, dial)(ctx, "unix", socket)
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
	d, err := proxy.SOCKS5("tcp", u.Host, auth, direct{t})
	if err != nil {
		return err
	}
	transport.DialContext = s.dialer(t, func(ctx context.Context, _ *Target, network, addr string) (net.Conn, error) {
		return d.(proxy.ContextDialer).DialContext(ctx, network, addr) //nolint:forcetypeassert // documented by proxy.SOCKS5
	})
	return nil
}
