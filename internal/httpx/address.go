package httpx

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/rtcollector/rtcollector/internal/conf"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// Address is a parsed URL. Its exported fields and String contain no credentials.
type Address struct {
	Host   string // name or IP address; for a socket its path
	Port   string // "" for a socket
	Scheme string // http, https, unix

	url    *url.URL // of the request, without credentials
	user   *url.Userinfo
	public string
}

var errURL = errors.New("must be a URL such as http://localhost/status, or unix:///run/nginx.sock:/status for a socket")

// ParseURL parses a URL: http://, https://, or unix:///path/of/socket:/path/of/request. The error does not repeat the URL,
// which may contain a password.
func ParseURL(text string) (Address, error) {
	u, err := url.Parse(text)
	if err != nil {
		return Address{}, errURL
	}
	a := Address{Host: u.Hostname(), Port: u.Port(), Scheme: u.Scheme, user: u.User}
	u.User, u.Fragment = nil, ""
	a.public = publicURL(u)
	switch u.Scheme {
	case "http":
		a.Port = cmp.Or(a.Port, "80")
	case "https":
		a.Port = cmp.Or(a.Port, "443")
	case "unix":
		return a.completeSocket(u)
	default:
		return Address{}, errURL
	}
	if n, err := strconv.Atoi(a.Port); a.Host == "" || err != nil || n < 1 || n > 65535 {
		return Address{}, errURL
	}
	a.url = u
	return a, nil
}

// completeSocket completes the address of a socket. Requests over a socket have the host localhost.
func (a Address) completeSocket(u *url.URL) (Address, error) {
	socket, path, _ := strings.Cut(u.Path, ":")
	if u.Host != "" || socket == "" {
		return Address{}, errURL
	}
	a.Host, a.Port = socket, ""
	a.url = &url.URL{Scheme: "http", Host: "localhost", Path: cmp.Or(path, "/"), RawQuery: u.RawQuery}
	return a, nil
}

// String returns the URL without credentials, for labels and messages.
func (a Address) String() string { return a.public }

// HostPort returns the value of the label "instance": host:port, or the path of a socket.
func (a Address) HostPort() string {
	if a.Port == "" {
		return a.Host
	}
	return net.JoinHostPort(a.Host, a.Port)
}

// Instance returns the labels server and port.
func (a Address) Instance() []telemetry.Label {
	return []telemetry.Label{{Key: "server", Value: a.Host}, {Key: "port", Value: a.Port}}
}

// Path returns the label path, with the path and query of the URL. Its value is empty unless all contains another URL of the same server.
func (a Address) Path(all []Address) telemetry.Label {
	l := telemetry.Label{Key: "path"}
	shares := func(o Address) bool { return o.HostPort() == a.HostPort() && o.public != a.public }
	if slices.ContainsFunc(all, shares) {
		l.Value = a.url.Path
		if _, query, has := strings.Cut(a.public, "?"); has {
			l.Value += "?" + query
		}
	}
	return l
}

// keyedURL is a URL and its key in the configuration: "url", "urls[1]".
type keyedURL struct{ key, text string }

// ParseURLs parses the list of URLs below a key of the configuration. Two URLs that differ only in credentials are an error.
// Errors name the item.
func ParseURLs(key string, texts []string) ([]Address, error) { return parseURLs(keyURLs(key, texts)) }

func keyURLs(key string, texts []string) []keyedURL {
	var list []keyedURL
	for i, text := range texts {
		list = append(list, keyedURL{fmt.Sprintf("%s[%d]", key, i), text})
	}
	return list
}

func parseURLs(list []keyedURL) ([]Address, error) {
	var all []Address
	var errs []error
	for _, u := range list {
		a, err := ParseURL(u.text)
		isKnown := slices.ContainsFunc(all, func(o Address) bool { return o.public == a.public })
		switch {
		case err != nil:
			errs = append(errs, conf.Key(u.key, "%s", err))
		case isKnown:
			errs = append(errs, conf.Key(u.key, "%s appears twice (credentials do not count)", a))
		default:
			all = append(all, a)
		}
	}
	return all, errors.Join(errs...)
}

// publicURL returns a URL as text, without its user. It replaces the values of parameters whose names suggest a credential.
func publicURL(u *url.URL) string {
	clean := *u
	params := strings.Split(u.RawQuery, "&")
	for i, p := range params {
		if name, _, has := strings.Cut(p, "="); has && isCredential(name) {
			params[i] = name + "=redacted"
		}
	}
	clean.RawQuery = strings.Join(params, "&")
	return clean.String()
}

// isCredential reports whether a parameter of a query is a credential. The last word of its name decides: api_key, access-token,
// X-Amz-Signature.
func isCredential(name string) bool {
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
	if len(words) == 0 {
		return false
	}
	last := words[len(words)-1]
	for _, end := range []string{"token", "secret", "password", "passwd", "apikey", "signature", "credential", "credentials"} {
		if strings.HasSuffix(last, end) {
			return true
		}
	}
	return slices.Contains([]string{"key", "auth", "sig", "pass", "pwd", "pw", "jwt", "session", "sid"}, last)
}
