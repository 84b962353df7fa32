package linesender

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/rtcollector/rtcollector/internal/httpx"
)

// Protocol is how a destination is reached.
type Protocol string

// The protocols.
const (
	TCP   Protocol = "tcp"
	TLS   Protocol = "tls" // over TCP
	UDP   Protocol = "udp"
	Unix  Protocol = "unix" // a socket of this machine
	HTTP  Protocol = "http"
	HTTPS Protocol = "https"
)

// UnmarshalScalar implements conf.Scalar.
func (p *Protocol) UnmarshalScalar(text string) error {
	switch v := Protocol(text); v {
	case TCP, TLS, UDP, HTTP, HTTPS:
		*p = v
		return nil
	}
	return errors.New("must be tcp, tls, udp, http or https")
}

// place is a destination.
type place struct {
	protocol Protocol
	host     string // for the certificate; "" for a socket of this machine
	addr     string // host:port, or a path
	url      httpx.Address
}

func (p place) isHTTP() bool { return p.protocol == HTTP || p.protocol == HTTPS }

// String names the destination for people. It has no credentials.
func (p place) String() string {
	switch p.protocol {
	case HTTP, HTTPS:
		return p.url.String()
	case TCP:
		return p.addr
	}
	return string(p.protocol) + ":" + p.addr
}

// network is what package net calls the protocol.
func (p place) network() string {
	if p.protocol == TLS {
		return "tcp"
	}
	return string(p.protocol)
}

// parsePlace parses [tcp:|tls:|udp:|unix:]HOST[:PORT] or a URL, as Netdata's "destination" has them. The error does not repeat the text,
// which may contain a password.
func parsePlace(text string, protocol Protocol, k Kind) (place, error) {
	text = strings.TrimSpace(text)
	for _, scheme := range []Protocol{HTTP, HTTPS} {
		if strings.HasPrefix(text, string(scheme)+"://") {
			return urlPlace(text, scheme, k)
		}
	}
	for _, p := range []Protocol{TCP, TLS, UDP, Unix} {
		if rest, ok := strings.CutPrefix(text, string(p)+":"); ok {
			text, protocol = rest, p
			break
		}
	}
	if protocol == Unix || strings.HasPrefix(text, "/") {
		if err := allow(Unix, k); err != nil {
			return place{}, err
		}
		if !strings.HasPrefix(text, "/") {
			return place{}, errors.New("must have the absolute path of a socket, such as unix:/run/receiver.sock")
		}
		return place{protocol: Unix, addr: text}, nil
	}
	host, port, err := net.SplitHostPort(text)
	if err != nil { // no port
		host, port = strings.Trim(text, "[]"), strconv.Itoa(k.Port)
	}
	return checkedPlace(host, port, protocol, k)
}

// hostPlace returns the destination of the settings host, port and protocol.
func hostPlace(host string, port int, protocol Protocol, k Kind) (place, error) {
	if port < 1 || port > 65535 {
		return place{}, errors.New("port must be between 1 and 65535")
	}
	return checkedPlace(strings.Trim(host, "[]"), strconv.Itoa(port), protocol, k)
}

func checkedPlace(host, port string, protocol Protocol, k Kind) (place, error) {
	number, err := strconv.ParseUint(port, 10, 16)
	if host == "" || strings.ContainsAny(host, " \t/@,;") || err != nil || number == 0 {
		return place{}, fmt.Errorf("must be an address such as %s.lan:%d, tcp:10.0.0.1:%d or tls:[fd00::1]:%d", k.Name, k.Port, k.Port, k.Port)
	}
	if protocol == HTTP || protocol == HTTPS {
		return urlPlace(string(protocol)+"://"+net.JoinHostPort(host, port), protocol, k)
	}
	if err := allow(protocol, k); err != nil {
		return place{}, err
	}
	return place{protocol: protocol, host: host, addr: net.JoinHostPort(host, port)}, nil
}

func urlPlace(text string, scheme Protocol, k Kind) (place, error) {
	if err := allow(scheme, k); err != nil {
		return place{}, err
	}
	_, rest, _ := strings.Cut(text, "://")
	if !strings.ContainsAny(rest, "/?") {
		text += k.Path
	}
	a, err := httpx.ParseURL(text)
	return place{protocol: scheme, url: a}, err
}

func allow(p Protocol, k Kind) error {
	if slices.Contains(k.Protocols, p) {
		return nil
	}
	var names []string
	for _, other := range k.Protocols {
		names = append(names, string(other))
	}
	return fmt.Errorf("cannot use %s: %s is written over %s", p, k.Name, strings.Join(names, ", "))
}
