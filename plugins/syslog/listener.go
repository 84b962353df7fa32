package sysloginput

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/rtcollector/rtcollector/internal/crew"
	"github.com/rtcollector/rtcollector/internal/pause"
	"github.com/rtcollector/rtcollector/plugins"
)

const (
	// After ctx is done, a listener continues to read what was already sent: until nothing arrives for lingerTime, and no longer than
	// maxLinger, because senders may go on for ever.
	lingerTime = 100 * time.Millisecond
	maxLinger  = time.Second

	// receiveBuffer is the requested receive buffer of a datagram socket. It holds 50,000 messages per second for 200 ms.
	receiveBuffer = 8 << 20
)

// listener serves one address.
type listener struct {
	address address
	config  *Config
	host    string // of this agent
	log     *slog.Logger
	out     plugins.Emitter
	counts  counts
	drops   dropCounter

	collectors chan *collector // shared by the connections

	mu          sync.Mutex
	warned      map[string]bool // peer and message that were logged since then
	warnedSince time.Time
}

func newListener(a address, c *Config, host string, log *slog.Logger) *listener {
	n := 2 * runtime.GOMAXPROCS(0) // one works while another one waits
	l := &listener{address: a, config: c, host: host, log: log.With("listener", a.String()), collectors: make(chan *collector, n)}
	for range n {
		l.collectors <- l.newCollector()
	}
	return l
}

// run listens until ctx is done. It retries with growing pauses.
func (l *listener) run(ctx context.Context) {
	var backoff pause.Backoff
	logged := "" // the last error
	for ctx.Err() == nil {
		err := l.listen(ctx, func() {
			l.log.Info("listening")
			backoff.Reset()
			logged = ""
		})
		if ctx.Err() != nil {
			return
		}
		retryIn := backoff.Next()
		if text := fmt.Sprint(err); text != logged {
			logged = text
			l.log.Error("cannot listen, will retry", "error", l.explainError(err), "retry_in", retryIn.Round(time.Millisecond))
		}
		pause.Sleep(ctx, retryIn)
	}
}

// explainError adds what to do about an address that is not available.
func (l *listener) explainError(err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE) && l.address.isFile() && !isSocket(l.address.location):
		return fmt.Errorf("%w: the file exists and is not a socket: remove it, or use another path", err)
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%w: another program or this agent already listens there: stop it, or use another address", err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: ports below 1024 require root or CAP_NET_BIND_SERVICE; a socket file requires a writable folder", err)
	}
	return err
}

// listen opens the address and serves until ctx is done. All goroutines that it started have ended when it returns.
func (l *listener) listen(ctx context.Context, opened func()) error {
	if l.address.isFile() {
		removeStaleSocket(l.address.location)
	}
	if l.address.isPacket() {
		return l.listenPackets(ctx, opened)
	}
	return l.listenStream(ctx, opened)
}

func (l *listener) listenPackets(ctx context.Context, opened func()) error {
	var lc net.ListenConfig
	conn, err := lc.ListenPacket(ctx, l.address.network, l.address.location)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if l.address.isFile() { // a net.Listener removes its file itself
		defer func() { _ = os.Remove(l.address.location) }()
	}
	if err := l.applyMode(); err != nil {
		return err
	}
	l.growBuffer(conn)
	l.drops.watchSocket(conn)
	opened()
	return crew.Catch(func() error { return l.servePackets(ctx, conn) })
}

func (l *listener) listenStream(ctx context.Context, opened func()) error {
	lc := net.ListenConfig{KeepAlive: l.config.KeepAlive.D()}
	if lc.KeepAlive == 0 {
		lc.KeepAlive = -1
	}
	var secure *tls.Config
	if l.address.withTLS || l.address.network == "tcp" && l.config.TLS.Enabled() {
		config, err := l.config.TLS.Config()
		if err != nil {
			return err
		}
		secure = config
	}
	ln, err := lc.Listen(ctx, l.address.network, l.address.location)
	if err != nil {
		return err
	}
	defer func() { _ = ln.Close() }()
	if err := l.applyMode(); err != nil {
		return err
	}
	opened()
	return l.acceptConnections(ctx, ln, secure)
}

// removeStaleSocket removes the socket file of a process that has ended, which would make listening fail.
func removeStaleSocket(path string) {
	if !isSocket(path) {
		return
	}
	for _, network := range []string{"unix", "unixgram"} {
		conn, err := net.Dial(network, path)
		if err == nil {
			_ = conn.Close()
		}
		if err == nil || errors.Is(err, syscall.EAGAIN) { // another process listens: the error of listening reports that
			return
		}
	}
	_ = os.Remove(path)
}

func isSocket(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode()&fs.ModeSocket != 0
}

func (l *listener) applyMode() error {
	mode, err := parseMode(l.config.Mode)
	if err != nil || mode == 0 || !l.address.isFile() {
		return err
	}
	return os.Chmod(l.address.location, mode)
}

// parseMode parses octal permissions. The mode of "" is 0, which keeps what the umask gives.
func parseMode(text string) (fs.FileMode, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 8, 32)
	if err != nil || n > 0o777 {
		return 0, fmt.Errorf("%q is not a mode", text)
	}
	return fs.FileMode(n), nil
}

// growBuffer enlarges the receive buffer. It warns if the kernel grants less than read_buffer_size.
func (l *listener) growBuffer(conn net.PacketConn) {
	size, asked := int(l.config.ReadBuffer), l.config.ReadBuffer > 0
	if !asked {
		size = receiveBuffer
	}
	got, err := setReceiveBuffer(conn, size)
	if asked && (err != nil || got < size) {
		l.log.Warn("the kernel grants a smaller buffer than read_buffer_size: raise net.core.rmem_max", "bytes", got, "wanted", size)
	}
}

// warnOnce logs a warning about a peer, once per hour for each peer and message. It also bounds how many different warnings it
// logs in an hour, so that hostile senders cannot fill the log.
func (l *listener) warnOnce(peer, message string, err error) {
	const period, maxWarnings = time.Hour, 1000
	l.mu.Lock()
	if now := time.Now(); l.warned == nil || now.Sub(l.warnedSince) >= period {
		l.warned, l.warnedSince = map[string]bool{}, now
	}
	quiet := l.warned[peer+message] || len(l.warned) >= maxWarnings
	if !quiet {
		l.warned[peer+message] = true
	}
	l.mu.Unlock()
	if !quiet {
		l.log.Warn(message, "peer", peer, "error", err)
	}
}
