package httpresponse

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"regexp"
	"time"

	"github.com/rtcollector/rtcollector/internal/bom"
	"github.com/rtcollector/rtcollector/internal/httpx"
)

// expected describes a good answer.
type expected struct {
	status  int            // 0: any
	text    *regexp.Regexp // nil: any
	json    map[string]string
	maxBody int64 // bytes of the body that are compared
}

// answer is the result of a request.
type answer struct {
	result        result
	err           error // why the request failed; nil for a mismatch
	status        int   // 0: no answer
	length        int64
	version       float64
	total         time.Duration
	times         phaseTimes
	expires       time.Time // of the certificate; zero: no certificate
	tls           float64   // version of TLS; 0: none
	hasText       bool
	hasJSON       bool
	statusMatches bool // the status
}

// requestAnswer sends a request and reads the answer. It calls sent when the request was sent.
func requestAnswer(ctx context.Context, t *httpx.Target, want *expected, buf *bytes.Buffer, sent func()) answer {
	c := newPhaseClock(sent)
	resp, err := t.Do(httptrace.WithClientTrace(ctx, c.traceHooks()))
	var a answer
	if err == nil {
		defer func() { _ = resp.Body.Close() }()
		err = a.readResponse(resp, want, buf)
		if err != nil {
			t.Close()
		}
	}
	a.total, a.times = time.Since(c.began), c.readTimes()
	if err != nil {
		a.result, a.err = classifyError(err), t.Explain(err)
		a.status = 0
		var refused *tls.CertificateVerificationError
		if errors.As(err, &refused) {
			a.expires = earliestExpiry(refused.UnverifiedCertificates)
		}
	}
	return a
}

// readResponse reads an answer and compares it with the expected one.
func (a *answer) readResponse(resp *http.Response, want *expected, buf *bytes.Buffer) error {
	if s := resp.TLS; s != nil {
		a.expires = earliestExpiry(s.PeerCertificates)
		a.tls = 1 + float64(s.Version-tls.VersionTLS10)/10
	}
	a.status, a.version = resp.StatusCode, float64(resp.ProtoMajor)+float64(resp.ProtoMinor)/10
	buf.Reset()
	n, err := buf.ReadFrom(io.LimitReader(resp.Body, want.maxBody))
	if err != nil {
		return err
	}
	rest, err := io.Copy(io.Discard, resp.Body)
	if err != nil {
		return err
	}
	a.length = n + rest
	a.compareBody(want, buf.Bytes())
	return nil
}

func (a *answer) compareBody(want *expected, text []byte) {
	text, _ = bom.Strip(text) // string_match may begin with ^
	a.statusMatches = want.status == 0 || a.status == want.status
	a.hasText = want.text == nil || want.text.Match(text)
	a.hasJSON = len(want.json) == 0 || matchesJSON(text, want.json)
	switch {
	case !a.statusMatches:
		a.result = statusCodeMismatch
	case !a.hasText:
		a.result = stringMismatch
	case !a.hasJSON:
		a.result = jsonMismatch
	}
}

func earliestExpiry(chain []*x509.Certificate) time.Time {
	if len(chain) == 0 {
		return time.Time{}
	}
	return chain[0].NotAfter
}
