package httpx

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// contentCoding returns the content coding of an answer, "" if there is none.
func contentCoding(resp *http.Response) string {
	coding := strings.ToLower(strings.TrimSpace(resp.Header.Get("Content-Encoding")))
	if coding == "identity" || resp.Body == http.NoBody {
		return ""
	}
	return coding
}

// decompressBody makes the body of an answer in gzip decompress itself. Some servers have only compressed files and send them although
// the request does not allow it. The caller must bound how much it reads.
func decompressBody(resp *http.Response) {
	if coding := contentCoding(resp); coding != "gzip" && coding != "x-gzip" {
		return
	}
	resp.Body = &gzipBody{body: resp.Body}
	resp.Header.Del("Content-Encoding")
	resp.ContentLength, resp.Uncompressed = -1, true
}

// gzipBody is a body that is decompressed while it is read.
type gzipBody struct {
	body io.ReadCloser
	gzip *gzip.Reader // nil before the first read
}

// Read implements io.Reader.
func (u *gzipBody) Read(b []byte) (int, error) {
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
func (u *gzipBody) Close() error { return u.body.Close() }

// describeCoding returns the error for an answer with an unsupported content coding.
func (t *Target) describeCoding(coding string) error {
	return fmt.Errorf("%s answers with Content-Encoding %.40q, which was not requested: let it send plain text or gzip", t, coding)
}
