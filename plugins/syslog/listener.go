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
	// lingering is how long a listener goes on reading after it was told to stop: what was sent by then gets in.
	lingering = 100 * time.Millisecond

	// receiveBuffer is what a socket of datagrams is given to hold, if the system lets us: 50,000 lines a second for a
	// fifth of one.
	receiveBuffer = 8 << 20
)

// listener is one address that is listened on.
type listener struct {
	address address
	config  *Config
	host    string // of this agent
	log     *slog.Logger
	out     plugins.Emitter
	counts  counts
	drops   dropCounter

	collectors chan *collector // those that connections share

	mu    sync.Mutex
	said  map[string]bool // what was logged about peers
	since time.Time       // that was begun
}

func newListener(a address, c *Config, host string, log *slog.Logger) *listener {
	n := 2 * runtime.GOMAXPROCS(0) // one works while another waits for a lock
	l := &listener{address: a, config: c, host: host, log: log.With("listener", a.String()), collectors: make(chan *collector, n)}
	for range n {
		l.collectors <- l.collector()
	}
	return l
}

// run listens until ctx is done, and tries again when it cannot.
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
			l.log.Error("cannot listen, will retry", "error", l.explain(err), "retry_in", retryIn.Round(time.Millisecond))
		}
		pause.Sleep(ctx, retryIn)
	}
}

// explain says what to do about an address that cannot be had.
func (l *listener) explain(err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE) && l.address.file() && !isSocket(l.address.where):
		return fmt.Errorf("%w: there is a file that is not a socket; remove it, or take another path", err)
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%w: another program listens there, or this agent does already; stop it or take another address", err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: ports below 1024 are for root, or for a program with CAP_NET_BIND_SERVICE; for a socket file, the folder must be writable", err)
	}
	return err
}

// listen opens the address and serves until ctx is done. It returns when all that it started has ended.
func (l *listener) listen(ctx context.Context, opened func()) error {
	if l.address.file() {
		removeStale(l.address.where)
	}
	if l.address.packets() {
		return l.listenPackets(ctx, opened)
	}
	return l.listenStream(ctx, opened)
}

func (l *listener) listenPackets(ctx context.Context, opened func()) error {
	var lc net.ListenConfig
	conn, err := lc.ListenPacket(ctx, l.address.network, l.address.where)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if l.address.file() { // a net.Listener does so by itself
		defer func() { _ = os.Remove(l.address.where) }()
	}
	if err := l.chmod(); err != nil {
		return err
	}
	l.growBuffer(conn)
	l.drops.watch(conn)
	opened()
	return crew.Catch(func() error { return l.servePackets(ctx, conn) })
}

func (l *listener) listenStream(ctx context.Context, opened func()) error {
	lc := net.ListenConfig{KeepAlive: l.config.KeepAlive.D()}
	if lc.KeepAlive == 0 {
		lc.KeepAlive = -1
	}
	var secure *tls.Config
	if l.address.secure || l.address.network == "tcp" && l.config.TLS.Enabled() {
		config, err := l.config.TLS.Config()
		if err != nil {
			return err
		}
		secure = config
	}
	ln, err := lc.Listen(ctx, l.address.network, l.address.where)
	if err != nil {
		return err
	}
	defer func() { _ = ln.Close() }()
	if err := l.chmod(); err != nil {
		return err
	}
	opened()
	return l.accept(ctx, ln, secure)
}

// removeStale removes the socket file of a process that is gone: a new one cannot take its place otherwise.
func removeStale(path string) {
	if !isSocket(path) {
		return
	}
	for _, network := range []string{"unix", "unixgram"} {
		conn, err := net.Dial(network, path)
		if err == nil {
			_ = conn.Close()
		}
		if err == nil || errors.Is(err, syscall.EAGAIN) { // another process listens, which may be busy: listening fails, which says so
			return
		}
	}
	_ = os.Remove(path)
}

func isSocket(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode()&fs.ModeSocket != 0
}

func (l *listener) chmod() error {
	mode, err := parseMode(l.config.Mode)
	if err != nil || mode == 0 || !l.address.file() {
		return err
	}
	return os.Chmod(l.address.where, mode)
}

// parseMode reads permissions in octal; "" is 0: as the umask has it.
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

// growBuffer lets the kernel hold more datagrams than by default, and says if it is not allowed as much as was asked for.
func (l *listener) growBuffer(conn net.PacketConn) {
	size, asked := int(l.config.ReadBuffer), l.config.ReadBuffer > 0
	if !asked {
		size = receiveBuffer
	}
	got, err := setReceiveBuffer(conn, size)
	if asked && (err != nil || got < size) {
		l.log.Warn("the kernel gives the socket a smaller buffer than read_buffer_size; raise net.core.rmem_max", "bytes", got, "wanted", size)
	}
}

// tell logs something about a peer, but not the same again within an hour, and not about more than so many: bad ones must
// not fill the log.
func (l *listener) tell(peer, message string, err error) {
	const often, most = time.Hour, 1000
	l.mu.Lock()
	if now := time.Now(); l.said == nil || now.Sub(l.since) >= often {
		l.said, l.since = map[string]bool{}, now
	}
	quiet := l.said[peer+message] || len(l.said) >= most
	if !quiet {
		l.said[peer+message] = true
	}
	l.mu.Unlock()
	if !quiet {
		l.log.Warn(message, "peer", peer, "error", err)
	}
}
