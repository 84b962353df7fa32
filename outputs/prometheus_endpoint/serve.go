package prometheusendpoint

import (
	"cmp"
	"context"
	"crypto/tls"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/netutil"

	"github.com/rtcollector/rtcollector/internal/httpserve"
)

const (
	idleTimeout = 2 * time.Minute // longer than the interval of most scrapers
	stopTimeout = time.Second     // for answers that are being sent when the output closes
	maxHeader   = 32 << 10        // bytes
)

// The types of the page.
const (
	textType        = "text/plain; version=0.0.4; charset=utf-8"
	openMetricsType = "application/openmetrics-text; version=1.0.0; charset=utf-8"
)

func (o *Output) listen(ctx context.Context) (net.Listener, error) {
	var config *tls.Config
	if o.config.TLS.Enabled() {
		var err error
		if config, err = o.config.TLS.Config(); err != nil {
			return nil, err
		}
	}
	var settings net.ListenConfig
	l, err := settings.Listen(ctx, "tcp", o.config.Listen)
	if err != nil {
		return nil, err
	}
	l = netutil.LimitListener(l, o.config.MaxClients)
	if config != nil {
		l = tls.NewListener(l, config)
	}
	return l, nil
}

// serve starts the server.
func (o *Output) serve(l net.Listener) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+o.config.Path, o.serveMetrics)
	mux.HandleFunc("GET "+allMetricsPath, o.serveAllMetrics)
	timeout := o.config.Timeout.D()
	o.server = &http.Server{
		Handler:           httpserve.Compress(o.access.wrap(mux)),
		ReadHeaderTimeout: timeout, ReadTimeout: timeout, WriteTimeout: timeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(o.log.Handler(), slog.LevelDebug),
	}
	o.served = make(chan struct{})
	go func() {
		defer close(o.served)
		if err := o.server.Serve(l); err != nil && err != http.ErrServerClosed { //nolint:errorlint // Serve returns it as it is
			o.log.Error("the server of metrics ended", "error", err)
		}
	}()
}

// stop ends the server and waits until its goroutine has ended.
func (o *Output) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	err := o.server.Shutdown(ctx)
	if err != nil {
		err = o.server.Close()
	}
	<-o.served
	return err
}

// buffers are the memory of pages between requests.
type buffers struct{ pool sync.Pool }

func (o *Output) serveMetrics(w http.ResponseWriter, r *http.Request) {
	isOpenMetrics := prefersOpenMetrics(r.Header.Values("Accept"))
	buf := o.store.buffers.get()
	defer o.store.buffers.put(buf)
	*buf = o.store.appendPage((*buf)[:0], time.Now(), isOpenMetrics, o.config.Timestamps)
	h := w.Header()
	h.Add("Vary", "Accept")
	h.Set("Content-Type", textType)
	if isOpenMetrics {
		h.Set("Content-Type", openMetricsType)
	}
	_, _ = w.Write(*buf)
}

func (b *buffers) get() *[]byte {
	if buf, ok := b.pool.Get().(*[]byte); ok {
		return buf
	}
	return new([]byte)
}

func (b *buffers) put(buf *[]byte) { b.pool.Put(buf) }

// prefersOpenMetrics reports whether a client prefers OpenMetrics 1.0 to the text format (RFC 9110, section 12.5.1).
func prefersOpenMetrics(accept []string) bool {
	var open, text float64
	for _, header := range accept {
		for part := range strings.SplitSeq(header, ",") {
			kind, params, err := mime.ParseMediaType(part)
			if err != nil {
				continue
			}
			q, err := strconv.ParseFloat(cmp.Or(params["q"], "1"), 64)
			if err != nil || q < 0 || q > 1 {
				continue
			}
			version := params["version"]
			switch {
			case kind == "application/openmetrics-text" && (version == "" || version == "1.0.0"):
				open = max(open, q)
			case kind == "text/plain" && (version == "" || version == "0.0.4"):
				text = max(text, q)
			}
		}
	}
	return open > 0 && open >= text
}

// guard lets those in who know the credential.
type guard struct {
	credential *httpserve.Credential // nil: everybody
	attempts   httpserve.Attempts
	log        *slog.Logger
}

func (g *guard) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		if g.credential == nil || g.admit(w, r) {
			next.ServeHTTP(w, r)
		}
	})
}

// admit reports whether a request has the credential. If not, it answers the request.
func (g *guard) admit(w http.ResponseWriter, r *http.Request) bool {
	want, err := g.credential.Digest(r.Context())
	if err != nil {
		g.log.Warn("the credential of the server of metrics cannot be looked up", "error", err)
		http.Error(w, "the server cannot look up its credential: see its log", http.StatusServiceUnavailable)
		return false
	}
	client := httpserve.ClientOf(r.RemoteAddr)
	if g.attempts.AreExhausted(client) {
		w.Header().Set("Retry-After", "60")
		http.Error(w, "too many wrong attempts from this address: wait for a minute", http.StatusTooManyRequests)
		return false
	}
	if g.credential.Presented(r).Equals(want) {
		return true
	}
	if r.Header.Get("Authorization") != "" { // without it, the client could not know that one is needed
		g.attempts.RecordWrong(client)
	}
	w.Header().Set("WWW-Authenticate", g.credential.Scheme()+` realm="rtcollector"`)
	http.Error(w, "send the credential of the output prometheus_endpoint in the header Authorization", http.StatusUnauthorized)
	return false
}
