package httpx

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// maxRedirects bounds how many redirects are followed, as in net/http.
const maxRedirects = 10

// RedirectError is the error for a redirect that is not followed. Its text follows the name of the target in a sentence. It does
// not contain the URL of the redirect, which may contain credentials.
type RedirectError struct{ text string }

// Error implements error.
func (e *RedirectError) Error() string { return e.text }

// checkRedirect decides whether a redirect is followed. Configured headers and credentials are only sent to the scheme, host and port of the target;
// net/http would send headers anywhere, and passwords to any port and any subdomain. After a redirect to another origin they are
// not sent again, even if a later redirect leads back.
func (t *Target) checkRedirect(r *http.Request, via []*http.Request) error {
	if !t.config.FollowRedirects {
		return http.ErrUseLastResponse
	}
	if len(via) >= maxRedirects {
		return &RedirectError{fmt.Sprintf("redirects more than %d times: correct the URL", maxRedirects)}
	}
	r.Header.Del("Referer") // it contains the query, which may have a token
	r.URL.User = nil        // the server does not choose our credentials
	home := originOf(via[0].URL)
	away := originOf(r.URL) != home
	for _, earlier := range via {
		away = away || originOf(earlier.URL) != home
	}
	switch {
	case !away:
		return nil
	case t.Scheme == "unix":
		return &RedirectError{"redirects from its socket to another server: name that server's URL"}
	case t.Body != "" && r.Body != nil && r.Body != http.NoBody:
		return &RedirectError{"redirects to another server, which does not get what is sent in the body: correct the URL"}
	case t.config.TLS.Cert != "" && r.URL.Scheme == "https":
		return &RedirectError{"redirects to another server, which does not get the client certificate (tls.cert): correct the URL"}
	}
	for name := range t.config.Headers {
		r.Header.Del(name)
	}
	for _, name := range []string{"Authorization", "Cookie", "Proxy-Authorization"} {
		r.Header.Del(name)
	}
	r.Host = ""
	return nil
}

// originOf returns scheme, host and port, which identify the server of a URL.
func originOf(u *url.URL) string {
	port := u.Port()
	switch {
	case port != "":
	case u.Scheme == "https":
		port = "443"
	default:
		port = "80"
	}
	return strings.ToLower(u.Scheme + "://" + u.Hostname() + ":" + port)
}

// redirectErrorIn returns the error of a redirect that is not followed or cannot be parsed.
func redirectErrorIn(err error) *RedirectError {
	var refused *RedirectError
	switch {
	case errors.As(err, &refused):
		return refused
	case strings.Contains(err.Error(), "failed to parse Location header"): // net/http repeats the header, and has no type
		return &RedirectError{"redirects to something that is no URL: correct the URL, or set follow_redirects: false"}
	}
	return nil
}
