package httpx

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// encoded returns the coding of an answer's body, "" when there is none.
func encoded(resp *http.Response) string {
	coding := strings.ToLower(strings.TrimSpace(resp.Header.Get("Content-Encoding")))
	if coding == "identity" || resp.Body == http.NoBody {
		return ""
	}
	return coding
}

// unpack unpacks an answer that is compressed although nobody asked for that: some servers have compressed files only. Whoever
// reads it bounds what it takes, as with any other.
func unpack(resp *http.Response) {
	if coding := encoded(resp); coding != "gzip" && coding != "x-gzip" {
		return
	}
	resp.Body = &unpacked{body: resp.Body}
	resp.Header.Del("Content-Encoding")
	resp.ContentLength, resp.Uncompressed = -1, true
}

// unpacked is a body that is unpacked while it is read.
type unpacked struct {
	body io.ReadCloser
	gzip *gzip.Reader // made at the first read: it reads
}

// Read implements io.Reader.
func (u *unpacked) Read(b []byte) (int, error) {
	if u.gzip == nil {
		r, err := gzip.NewReader(u.body)
		if err != nil {
			return 0, err // io.EOF of an empty body
		}
		u.gzip = r
	}
	return u.gzip.Read(b)
}

// Close implements io.Closer.
func (u *unpacked) Close() error { return u.body.Close() }

// errEncoding is the error of an answer in a coding that we cannot read.
func (t *Target) errEncoding(coding string) error {
	return fmt.Errorf("%s answers with Content-Encoding %.40q, which was not asked for: let it send plain text or gzip", t, coding)
}
