package httpserve

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"sync"
)

// minGzip is the size of a first write below which compressing saves nothing, in bytes.
const minGzip = 1000

var gzipWriters = sync.Pool{New: func() any {
	w, _ := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
	return w
}}

// Compress returns a handler that compresses text for clients that accept it.
func Compress(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Accept-Encoding")
		if !acceptsGzip(r.Header.Get("Accept-Encoding")) || r.Header.Get("Range") != "" {
			next.ServeHTTP(w, r)
			return
		}
		c := &compressor{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(c, r)
		c.close() // not after a panic, which would answer with success
	})
}

// acceptsGzip reports whether a client accepts gzip (RFC 9110, section 12.5.3).
func acceptsGzip(header string) bool {
	for _, part := range strings.Split(header, ",") {
		coding, q, _ := strings.Cut(part, ";")
		if strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			q = strings.ReplaceAll(q, " ", "")
			return q != "q=0" && !strings.HasPrefix(q, "q=0.000")
		}
	}
	return false
}

// compressor decides at the first write whether it compresses.
type compressor struct {
	http.ResponseWriter
	status  int
	started bool
	gz      *gzip.Writer // nil: not compressed
}

// WriteHeader implements http.ResponseWriter. The header is written with the first bytes.
func (c *compressor) WriteHeader(status int) { c.status = status }

// Write implements http.ResponseWriter.
func (c *compressor) Write(data []byte) (int, error) {
	c.start(data)
	if c.gz != nil {
		return c.gz.Write(data)
	}
	return c.ResponseWriter.Write(data)
}

func (c *compressor) start(first []byte) {
	if c.started {
		return
	}
	c.started = true
	h := c.Header()
	if len(first) >= minGzip && h.Get("Content-Encoding") == "" && isText(h.Get("Content-Type")) {
		h.Set("Content-Encoding", "gzip")
		h.Del("Content-Length")
		c.gz, _ = gzipWriters.Get().(*gzip.Writer)
		c.gz.Reset(c.ResponseWriter)
	}
	c.ResponseWriter.WriteHeader(c.status)
}

func isText(contentType string) bool {
	kind, _, _ := strings.Cut(contentType, ";")
	switch kind {
	case "application/json", "application/openmetrics-text", "text/javascript", "image/svg+xml":
		return true
	}
	return strings.HasPrefix(kind, "text/") && kind != "text/event-stream"
}

// FlushError lets server-sent events pass, see [http.ResponseController].
func (c *compressor) FlushError() error {
	c.start(nil)
	if c.gz != nil {
		if err := c.gz.Flush(); err != nil {
			return err
		}
	}
	return http.NewResponseController(c.ResponseWriter).Flush()
}

// Unwrap lets [http.ResponseController] set deadlines.
func (c *compressor) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func (c *compressor) close() {
	c.start(nil)
	if c.gz == nil {
		return
	}
	_ = c.gz.Close()
	c.gz.Reset(io.Discard)
	gzipWriters.Put(c.gz)
}
