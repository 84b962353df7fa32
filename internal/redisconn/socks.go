package redisconn

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/proxy"

	"github.com/rtcollector/rtcollector/internal/secret"
)

// errSOCKS4 does not repeat the URL, because it may contain a password.
var errSOCKS4 = errors.New("must be a URL such as socks4://user@host:1080; SOCKS4 has no passwords")

func parseSOCKS4(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "socks4" && u.Scheme != "socks4a" || u.Hostname() == "" || u.Fragment != "" {
		return nil, errSOCKS4
	}
	if _, set := u.User.Password(); set {
		return nil, errSOCKS4
	}
	return u, nil
}

func proxyURL(ctx context.Context, key string, ref secret.Ref, store secret.Resolver, parse func(string) (*url.URL, error)) (*url.URL, error) {
	text, err := ref.Resolve(ctx, store)
	if err != nil {
		return nil, err
	}
	u, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", key, err)
	}
	return u, nil
}

// socks4 dials through a SOCKS4 proxy. It sends names to the proxy, which looks them up (SOCKS4A). The only descriptions of the protocol
// are "SOCKS: A protocol for TCP proxy across firewalls" and "SOCKS 4A" (Ying-Da Lee).
type socks4 struct {
	proxy   string
	user    string
	forward proxy.ContextDialer
}

// DialContext implements proxy.ContextDialer.
func (s *socks4) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := s.dial(ctx, addr)
	if err != nil {
		return nil, &net.OpError{Op: "socks connect", Net: network, Addr: proxyAddr(s.proxy), Err: err}
	}
	return conn, nil
}

type proxyAddr string

func (proxyAddr) Network() string  { return "tcp" }
func (a proxyAddr) String() string { return string(a) }

func (s *socks4) dial(ctx context.Context, addr string) (net.Conn, error) {
	request, err := s.request(addr)
	if err != nil {
		return nil, err
	}
	conn, err := s.forward.DialContext(ctx, "tcp", s.proxy)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	err = s.handshake(conn, request)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// request returns version 4, command CONNECT, port, IPv4 address and user. For SOCKS4A the address is 0.0.0.1, and the name follows.
func (s *socks4) request(addr string) ([]byte, error) {
	host, service, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(service, 10, 16)
	if err != nil {
		return nil, err
	}
	if strings.ContainsRune(s.user+host, 0) {
		return nil, errors.New("a name contains NUL")
	}
	b := binary.BigEndian.AppendUint16([]byte{4, 1}, uint16(port))
	ip := net.ParseIP(host)
	switch v4 := ip.To4(); {
	case v4 != nil:
		b = append(b, v4...)
		return append(append(b, s.user...), 0), nil
	case ip != nil:
		return nil, errors.New("SOCKS4 does not support IPv6 addresses: use socks5_proxy")
	}
	b = append(b, 0, 0, 0, 1)
	b = append(append(b, s.user...), 0)
	return append(append(b, host...), 0), nil
}

func (s *socks4) handshake(conn net.Conn, request []byte) error {
	if _, err := conn.Write(request); err != nil {
		return err
	}
	var reply [8]byte
	if _, err := io.ReadFull(conn, reply[:]); err != nil {
		return err
	}
	switch {
	case reply[0] != 0:
		return errors.New("this is not a SOCKS4 proxy")
	case reply[1] == 91:
		return errors.New("request rejected or failed")
	case reply[1] == 92, reply[1] == 93:
		return errors.New("the user is refused (identd)")
	case reply[1] != 90:
		return fmt.Errorf("unknown reply %d", reply[1])
	}
	return nil
}
