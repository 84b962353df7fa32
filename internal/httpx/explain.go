package httpx

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"

	"github.com/rtcollector/rtcollector/internal/guard"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/tlsx"
)

// Explain makes the error of a request readable: it names the target, what happened and what to do. It wraps err, and returns a
// cancellation unchanged.
func (t *Target) Explain(err error) error {
	var whole *url.Error // repeats the URL, possibly that of a redirect
	if errors.As(err, &whole) {
		err = whole.Err
	}
	var unresolved *secret.ResolveError
	switch {
	case err == nil, errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &unresolved):
		return fmt.Errorf("%s: %w", t, err)
	}
	var limit *guardError
	if refused := redirectErrorIn(err); refused != nil {
		return fmt.Errorf("%s %w", t, refused)
	}
	if errors.As(err, &limit) || errors.Is(err, guard.ErrBusy) {
		return fmt.Errorf("%s %w", t, err)
	}
	if IsTimeout(err) {
		return fmt.Errorf("%s did not answer in time: %w", t, err)
	}
	if text := err.Error(); tlsx.Advice(err) == "" && (strings.Contains(text, "malformed ") || strings.Contains(text, "readLoopPeekFail")) {
		// Not wrapped, because net/http repeats the answer. The second text means that the server sent something before the request.
		return fmt.Errorf("%s answers, but not with HTTP: correct the port, or write https://", t)
	}
	err = shortenError(err)
	if advice := t.adviseOn(err); advice != "" {
		return fmt.Errorf("%s %s: %w", t, advice, err)
	}
	return fmt.Errorf("%s: %w", t, err)
}

// shortError is an error with a truncated text, because some errors of net/http repeat headers of the answer.
type shortError struct{ error }

func shortenError(err error) error {
	const maxLength = 300
	if len(err.Error()) <= maxLength {
		return err
	}
	return shortError{err}
}

func (e shortError) Error() string { return strings.ToValidUTF8(e.error.Error()[:300], "") + "…" }
func (e shortError) Unwrap() error { return e.error }

func (t *Target) adviseOn(err error) string {
	var op *net.OpError
	var lookup *net.DNSError
	viaProxy := errors.As(err, &op) && (op.Op == "proxyconnect" || strings.HasPrefix(op.Op, "socks"))
	switch {
	case viaProxy:
		return "cannot be reached through its proxy: is it running, and is proxy right?"
	case tlsx.Advice(err) != "":
		return tlsx.Advice(err)
	case strings.Contains(err.Error(), "gave HTTP response to HTTPS client"): // net/http has no type for it
		return "does not speak TLS on this port: write http://, or correct the port"
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, fs.ErrNotExist) && t.Scheme == "unix":
		return "cannot be reached: start it, or correct the URL"
	case errors.Is(err, fs.ErrPermission) && t.Scheme == "unix":
		return "cannot be opened: make the user of the agent a member of the socket's group"
	case errors.As(err, &lookup):
		return "has an unknown host name: correct the URL or the name server"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "closed the connection in the middle of its answer"
	}
	return ""
}

// IsTimeout reports whether a request took too long.
func IsTimeout(err error) bool {
	var timeout net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

// StatusError is the error for an answer whose status is not 200.
type StatusError struct {
	Code int
	Text string // names the target, its answer and what to do
	Body []byte // the beginning of the answer; valid until the next Get
}

// Error implements error.
func (e *StatusError) Error() string { return e.Text }

// refusalError returns the error for an answer whose status is not 200.
func (t *Target) refusalError(resp *http.Response) error {
	advice := ""
	switch resp.StatusCode {
	case http.StatusUnauthorized:
		advice = ": set username and password, or bearer_token"
		if resp.Request.Header.Get("Authorization") != "" {
			advice = ": it refuses the username and password, or the bearer_token"
		}
	case http.StatusForbidden:
		advice = ": allow this host there, or use credentials that may read it"
	case http.StatusNotFound:
		advice = ": correct the URL's path, or switch the page on there"
	case http.StatusProxyAuthRequired:
		advice = ": the proxy requires credentials: proxy: http://user:password@host:3128"
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		advice = ": it is elsewhere: correct the URL, or set follow_redirects"
	}
	text := fmt.Sprintf("%s answers %d %s%s", t, resp.StatusCode, http.StatusText(resp.StatusCode), advice)
	return &StatusError{Code: resp.StatusCode, Text: text, Body: t.page}
}

// Unexpected returns the error for a page that is not what want describes.
func (t *Target) Unexpected(page []byte, want string) error {
	start := bytes.ToLower(page[:min(len(page), 1024)])
	switch {
	case bytes.Contains(start, []byte("<html")), bytes.Contains(start, []byte("<!doctype")):
		return fmt.Errorf("%s answers with an HTML page instead of %s: correct the URL", t, want)
	case len(bytes.TrimSpace(page)) == 0:
		return fmt.Errorf("%s answers with an empty page instead of %s: correct the URL", t, want)
	}
	return fmt.Errorf("%s does not answer with %s: correct the URL", t, want)
}
