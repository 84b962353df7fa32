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

// Address is a URL as users write it, taken apart: what everybody may see, and the credentials.
type Address struct {
	Host   string // name or IP address; of a socket, its path
	Port   string // "" of a socket
	Scheme string // http, https, unix

	url    *url.URL // what is asked for, without credentials
	user   *url.Userinfo
	public string
}

var errURL = errors.New("must be a URL such as http://localhost/status, or unix:///run/nginx.sock:/status for a socket")

// ParseURL takes a URL apart: http://, https://, or unix:///path/of/socket:/path/of/request. The error does not repeat
// the URL: there may be a password in it.
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
		return a.socket(u)
	default:
		return Address{}, errURL
	}
	if n, err := strconv.Atoi(a.Port); a.Host == "" || err != nil || n < 1 || n > 65535 {
		return Address{}, errURL
	}
	a.url = u
	return a, nil
}

// socket finishes the address of a socket; what is asked for is then on a host that stands for this machine.
func (a Address) socket(u *url.URL) (Address, error) {
	socket, path, _ := strings.Cut(u.Path, ":")
	if u.Host != "" || socket == "" {
		return Address{}, errURL
	}
	a.Host, a.Port = socket, ""
	a.url = &url.URL{Scheme: "http", Host: "localhost", Path: cmp.Or(path, "/"), RawQuery: u.RawQuery}
	return a, nil
}

// String is the URL as everybody may see it, in labels and messages.
func (a Address) String() string { return a.public }

// HostPort is what the label "instance" holds: host:port, or the path of a socket.
func (a Address) HostPort() string {
	if a.Port == "" {
		return a.Host
	}
	return net.JoinHostPort(a.Host, a.Port)
}

// Instance are the labels server and port.
func (a Address) Instance() []telemetry.Label {
	return []telemetry.Label{{Key: "server", Value: a.Host}, {Key: "port", Value: a.Port}}
}

// Path is the label that tells two URLs of one server apart, empty labels otherwise: its path and query.
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

// keyedURL is a URL and where it is in the configuration: "url", "urls[1]".
type keyedURL struct{ key, text string }

// ParseURLs takes apart a list of URLs below a key of the configuration; no two may look alike. Errors name the item.
func ParseURLs(key string, texts []string) ([]Address, error) { return parseURLs(listed(key, texts)) }

func listed(key string, texts []string) []keyedURL {
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

// publicURL renders a URL that has no user without the values of parameters that are credentials by their names.
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

// isCredential says whether a parameter of a query is a credential, by the last of its name's words: api_key,
// access-token, X-Amz-Signature.
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
