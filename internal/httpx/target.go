package httpx

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/proxy"

	"github.com/rtcollector/rtcollector/secrets"
)

// Target is a URL that is asked again and again. Its connection is kept; after an error, it, the certificates and the
// credentials are made anew. A Target serves one goroutine at a time.
type Target struct {
	Address
	Method string // "": GET
	Body   string // of the request
	Accept string // what form of answer is wanted
	Fresh  bool   // every request has a connection of its own: it is what the caller measures

	LocalAddr func() (net.Addr, error) // where connections come from; nil: the system decides

	config Config
	store  secrets.Resolver
	live   *session
	stale  bool // what live was made of may have changed
	page   bytes.Buffer
}

// Target returns a target with these settings; store answers their references to secrets.
func (c Config) Target(a Address, store secrets.Resolver) *Target {
	return &Target{Address: a, config: c, store: store}
}

// session is what a target has open: everything that was found out for it.
type session struct {
	client    http.Client
	transport *http.Transport
	request   *http.Request
}

const (
	// handshakeTimeout bounds handshakes of connections that nobody waits for any more: net/http goes on with them.
	handshakeTimeout = 10 * time.Second
	idleTimeout      = 5 * time.Minute
	maxHeader        = 64 << 10
	maxDrained       = 64 << 10 // of an answer that nobody reads, so that its connection can be kept
)

// Get asks for the page and returns it; it is valid until the next Get. An answer with another status than 200, or of
// more than limit bytes, is an error. All errors name the target and say what to do.
func (t *Target) Get(ctx context.Context, limit int64) ([]byte, error) {
	resp, err := t.Do(ctx)
	if err != nil {
		return nil, t.Explain(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		_, _ = io.CopyN(io.Discard, resp.Body, maxDrained) // only for the sake of the connection
		return nil, t.refused(resp)
	}
	t.page.Reset()
	n, err := t.page.ReadFrom(io.LimitReader(resp.Body, limit+1))
	switch {
	case err != nil:
		t.Close()
		return nil, t.Explain(err)
	case n > limit:
		t.Close()
		return nil, fmt.Errorf("%s answers with more than %d bytes: is it the right URL?", t, limit)
	}
	return t.page.Bytes(), nil
}

// Do makes the request. Whoever calls it closes the answer's body, and calls Close when that cannot be read.
func (t *Target) Do(ctx context.Context) (*http.Response, error) {
	s, err := t.open(ctx)
	if err != nil {
		return nil, err
	}
	a := &asker{ctx: ctx}
	r := s.request.WithContext(context.WithValue(ctx, askerKey{}, a))
	if t.Body != "" {
		r.ContentLength = int64(len(t.Body))
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(t.Body)), nil }
		r.Body, _ = r.GetBody()
	}
	resp, err := s.client.Do(r)
	if err != nil {
		t.Close()
		if late := ctx.Err(); late != nil && errors.Is(err, net.ErrClosed) { // by us
			err = late
		}
		return nil, err
	}
	a.answered()
	switch resp.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired:
		t.stale = true // the credentials may have been rotated, or the certificate renewed
	}
	return resp, nil
}

// Close gives the connection back. The target can still be used.
func (t *Target) Close() {
	if t.live != nil {
		t.live.transport.CloseIdleConnections()
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
	transport, err := t.newTransport(ctx)
	if err != nil {
		return nil, err
	}
	s := &session{request: request, transport: transport, client: http.Client{Transport: transport}}
	if !t.config.FollowRedirects {
		s.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
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

func (t *Target) newTransport(ctx context.Context) (*http.Transport, error) {
	transport := &http.Transport{
		DialContext:            t.dialer(dial),
		TLSHandshakeTimeout:    handshakeTimeout,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxHeader,
		MaxIdleConnsPerHost:    1,
		ForceAttemptHTTP2:      true,
		DisableKeepAlives:      t.Fresh,
		DisableCompression:     true, // most targets are near, where it costs more than it saves
	}
	if t.Scheme == "unix" {
		socket := t.Host
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return t.dialer(dial)(ctx, "unix", socket)
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
	return transport, t.useProxy(ctx, transport)
}

func (t *Target) useProxy(ctx context.Context, transport *http.Transport) error {
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
	transport.DialContext = t.dialer(func(ctx context.Context, _ *Target, network, addr string) (net.Conn, error) {
		return d.(proxy.ContextDialer).DialContext(ctx, network, addr) //nolint:forcetypeassert // documented by proxy.SOCKS5
	})
	return nil
}

// asker is whoever waits for an answer. net/http goes on with dialling and handshakes when nobody does any more, so that a
// connection which comes late serves the next request; to a target that hangs, they would pile up.
type asker struct {
	ctx context.Context

	mu    sync.Mutex
	stops []func() bool
}

type askerKey struct{}

// watch closes a new connection at the end of the asker's patience, unless it gave an answer before.
func (a *asker) watch(conn net.Conn) {
	stop := context.AfterFunc(a.ctx, func() { _ = conn.Close() })
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stops = append(a.stops, stop)
}

func (a *asker) answered() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, stop := range a.stops {
		stop()
	}
}

type dialFunc func(ctx context.Context, t *Target, network, addr string) (net.Conn, error)

func (t *Target) dialer(f dialFunc) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		a, ok := ctx.Value(askerKey{}).(*asker)
		if !ok {
			return f(ctx, t, network, addr)
		}
		conn, err := f(a.ctx, t, network, addr)
		if err == nil {
			a.watch(conn)
		}
		return conn, err
	}
}

func dial(ctx context.Context, t *Target, network, addr string) (net.Conn, error) {
	d := net.Dialer{KeepAlive: 30 * time.Second}
	if t.LocalAddr != nil && network != "unix" {
		local, err := t.LocalAddr()
		if err != nil {
			return nil, err
		}
		d.LocalAddr = local
	}
	return d.DialContext(ctx, network, addr)
}

// direct is the way to a proxy.
type direct struct{ t *Target }

// Dial implements proxy.Dialer.
func (d direct) Dial(network, addr string) (net.Conn, error) {
	return d.DialContext(context.Background(), network, addr)
}

// DialContext implements proxy.ContextDialer.
func (d direct) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	return dial(ctx, d.t, network, addr)
}

// Together calls f for all items at the same moment and returns when it has returned for the last.
func Together[T any](items []T, f func(T)) {
	if len(items) == 1 {
		f(items[0])
		return
	}
	var all sync.WaitGroup
	for _, item := range items {
		all.Go(func() { f(item) })
	}
	all.Wait()
}
