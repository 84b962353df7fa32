package httpx

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// encoded returns the content coding of an answer, "" if there is none.
func encoded(resp *http.Response) string {
	coding := strings.ToLower(strings.TrimSpace(resp.Header.Get("Content-Encoding")))
	if coding == "identity" || resp.Body == http.NoBody {
		return ""
	}
	return coding
}

// unpack makes the body of a compressed answer plain. Some servers have only compressed files and send them unasked. The reader
// must bound what it reads, as always.
func unpack(resp *http.Response) {
	if coding := encoded(resp); coding != "gzip" && coding != "x-gzip" {
		return
	}
	resp.Body = &unpacked{body: resp.Body}
	resp.Header.Del("Content-Encoding")
	resp.ContentLength, resp.Uncompressed = -1, true
}

// unpacked is a body that is decompressed while it is read.
type unpacked struct {
	body io.ReadCloser
	gzip *gzip.Reader // nil before the first read
}

// Read implements io.Reader.
func (u *unpacked) Read(b []byte) (int, error) {
	if u.gzip == nil {
		r, err := gzip.NewReader(u.body)
		if err != nil {
			return 0, err // io.EOF if the body is empty
		}
		u.gzip = r
	}
	return u.gzip.Read(b)
}

// Close implements io.Closer.
func (u *unpacked) Close() error { return u.body.Close() }

// errEncoding returns the error for an answer with an unsupported content coding.
func (t *Target) errEncoding(coding string) error {
	return fmt.Errorf("%s answers with Content-Encoding %.40q, which was not asked for: let it send plain text or gzip", t, coding)
}
