package remotename

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rtcollector/rtcollector/internal/connlog"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/tlsx/tlstest"
)

// namespace is a network namespace in which lo is up and has the addresses of the tests.
type namespace struct {
	name string
	t    testing.TB
}

// The addresses of the host in the namespace.
const (
	webServer  = "203.0.113.7"
	webServer6 = "2001:db8::7"
)

func newNamespace(t testing.TB, suffix string) *namespace {
	t.Helper()
	servicetest.RequireCommands(t, "iproute2", "ip")
	n := &namespace{fmt.Sprintf("rtc-names-%d-%s", os.Getpid(), suffix), t}
	if out, err := exec.Command("ip", "netns", "add", n.name).CombinedOutput(); err != nil {
		t.Skipf("a network namespace requires root: %v: %s", err, out)
	}
	t.Cleanup(func() { exec.Command("ip", "netns", "del", n.name).Run() })
	n.ip("link set lo up")
	n.ip("addr add " + webServer + "/32 dev lo")
	n.ip("addr add " + webServer6 + "/128 dev lo nodad")
	return n
}

func (n *namespace) path() string { return "/run/netns/" + n.name }

// ip runs ip(8) for the namespace.
func (n *namespace) ip(args string) {
	n.t.Helper()
	if out, err := exec.Command("ip", append([]string{"-n", n.name}, strings.Fields(args)...)...).CombinedOutput(); err != nil {
		n.t.Fatalf("ip %s: %v: %s", args, err, out)
	}
}

// command returns a command in the namespace.
func (n *namespace) command(args ...string) *exec.Cmd {
	return exec.Command("ip", append([]string{"netns", "exec", n.name}, args...)...)
}

func (n *namespace) run(args ...string) string {
	n.t.Helper()
	out, err := n.command(args...).CombinedOutput()
	if err != nil {
		n.t.Fatalf("%s: %v: %s", args, err, out)
	}
	return string(out)
}

// inside calls f on a thread in the namespace.
func (n *namespace) inside(f func() error) {
	n.t.Helper()
	if err := inNamespace(n.path(), f); err != nil {
		n.t.Fatal(err)
	}
}

// capture starts a capture in the namespace. Reverse look-ups find nothing.
func (n *namespace) capture() Namer {
	n.t.Helper()
	namer, err := NewCapture(Options{NetNS: n.path(), Resolver: &fakeResolver{}})
	if errors.Is(err, os.ErrPermission) || errors.Is(err, syscall.EAFNOSUPPORT) {
		n.t.Skip(err)
	}
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() {
		if err := namer.Close(); err != nil {
			n.t.Error(err)
		}
	})
	return namer
}

// dnsmasq serves two names for webServer, its IPv6 address and its reverse name on 127.0.0.1:53.
func (n *namespace) dnsmasq() {
	n.t.Helper()
	servicetest.RequireCommands(n.t, "dnsmasq-base", "dnsmasq")
	servicetest.RequireCommands(n.t, "bind9-dnsutils", "dig")
	d := servicetest.New(n.t)
	d.Args = []string{"ip", "netns", "exec", n.name, "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--pid-file=", "--user=root",
		"--listen-address=127.0.0.1", "--bind-interfaces", "--log-facility=-",
		"--host-record=edge7.cdn.example," + webServer + "," + webServer6 + ",20", "--cname=www.shop.example,edge7.cdn.example,300",
		"--address=/other.example/" + webServer, "--address=/blocked.example/127.0.0.1", "--local=/113.0.203.in-addr.arpa/"}
	d.Ready = func(context.Context) error {
		out, err := n.command("dig", "+short", "+tries=1", "+time=1", "@127.0.0.1", "ready.example").CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	}
	d.Run()
}

// dig asks dnsmasq.
func (n *namespace) dig(args ...string) {
	n.run(append([]string{"dig", "+noall", "@127.0.0.1"}, args...)...)
}

// serveTLS accepts TLS connections at an address until the test ends.
func (n *namespace) serveTLS(addr string) netip.AddrPort {
	n.t.Helper()
	var l net.Listener
	n.inside(func() (err error) {
		l, err = net.Listen("tcp", addr)
		return err
	})
	certificate, err := tls.LoadX509KeyPair(tlstest.New(n.t).Issue(n.t, tlstest.Cert{}))
	if err != nil {
		n.t.Fatal(err)
	}
	tl := tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{certificate}})
	n.t.Cleanup(func() { tl.Close() })
	go func() {
		for {
			c, err := tl.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				c.(*tls.Conn).HandshakeContext(n.t.Context())
				fmt.Fprint(c, "HTTP/1.0 204 OK\r\n\r\n")
			}()
		}
	}()
	return l.Addr().(*net.TCPAddr).AddrPort()
}

// dialTLS connects and returns the connection as the observer would see it.
func (n *namespace) dialTLS(remote netip.AddrPort, name string) Conn {
	n.t.Helper()
	var c net.Conn
	opened := time.Now()
	n.inside(func() (err error) {
		c, err = net.Dial("tcp", remote.String())
		return err
	})
	defer c.Close()
	if err := tls.Client(c, &tls.Config{ServerName: name, InsecureSkipVerify: true}).HandshakeContext(n.t.Context()); err != nil {
		n.t.Fatal(err)
	}
	return Conn{connlog.TCP, c.LocalAddr().(*net.TCPAddr).AddrPort(), remote, opened}
}

// wantName waits until the name is final.
func wantName(t testing.TB, namer Namer, c Conn, want string) Name {
	t.Helper()
	var got Name
	servicetest.Until(t, fmt.Sprintf("the name of %v is final", c.Remote), func(context.Context) error {
		n, final := namer.Lookup(c)
		if got = n; !final {
			return fmt.Errorf("%+v", n)
		}
		return nil
	})
	if text := strings.Trim(got.Source+":"+got.Name, ":"); text != want {
		t.Errorf("%v is %q, want %q; %+v", c, text, want, namer.Stats())
	}
	return got
}

// waitForMessages waits until the capture has read so many DNS messages.
func waitForMessages(t testing.TB, namer Namer, count uint64) {
	t.Helper()
	servicetest.Until(t, "the messages are read", func(context.Context) error {
		if s := namer.Stats(); s.Messages < count {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
}

func to(remote string) Conn {
	return Conn{connlog.UDP, addrPort("127.0.0.1:9"), addrPort(remote), time.Now()}
}

// TestCaptureDNS asks a real server with a real client.
func TestCaptureDNS(t *testing.T) {
	n := newNamespace(t, "dns")
	n.dnsmasq()
	namer := n.capture()
	n.dig("www.shop.example")
	n.dig("+tcp", "www.SHOP.example", "AAAA")
	waitForMessages(t, namer, 4)
	before := to(webServer + ":443")
	got := wantName(t, namer, before, "dns:www.shop.example")
	if len(got.CNAMEs) != 1 || got.CNAMEs[0] != "edge7.cdn.example" {
		t.Errorf("%+v", got)
	}
	wantName(t, namer, to("["+webServer6+"]:443"), "dns:www.shop.example")
	n.dig("other.example")
	n.dig("blocked.example")
	waitForMessages(t, namer, 8)
	wantName(t, namer, to(webServer+":443"), "dns:other.example")
	wantName(t, namer, before, "dns:www.shop.example")
	wantName(t, namer, to("127.0.0.1:80"), "")
	if s := namer.Stats(); s.Messages != 8 || s.Malformed != 0 || s.Unasked != 0 || s.Dropped != 0 {
		t.Errorf("%+v", s)
	}
}

// TestCaptureTLS connects with Go's client, curl and openssl. The same address has many names.
func TestCaptureTLS(t *testing.T) {
	n := newNamespace(t, "tls")
	namer := n.capture()
	for _, port := range []string{"443", "4444"} {
		remote := n.serveTLS(net.JoinHostPort(webServer, port))
		wantName(t, namer, n.dialTLS(remote, "one.example"), "sni:one.example")
		wantName(t, namer, n.dialTLS(remote, "TWO.example"), "sni:two.example")
		wantName(t, namer, n.dialTLS(remote, ""), "")
		wantName(t, namer, n.dialTLS(n.serveTLS(net.JoinHostPort(webServer6, port)), "six.example"), "sni:six.example")
	}
	if _, err := exec.LookPath("curl"); err == nil {
		port := n.run("curl", "-sk", "-o", "/dev/null", "-w", "%{local_port}", "--resolve", "curl.example:443:"+webServer, "https://curl.example/")
		wantName(t, namer, Conn{connlog.TCP, addrPort(webServer + ":" + port), addrPort(webServer + ":443"), time.Now()}, "sni:curl.example")
	}
	if s := namer.Stats(); s.Malformed != 0 || s.Dropped != 0 {
		t.Errorf("%+v", s)
	}
}

// connectHosts joins two namespaces with an Ethernet: 10.77.0.1 and 10.77.0.2, fd00:77::1 and fd00:77::2.
func connectHosts(t testing.TB) (client, server *namespace) {
	t.Helper()
	client, server = newNamespace(t, "client"), newNamespace(t, "server")
	client.ip("link add eth0 type veth peer name eth0 netns " + server.name)
	for i, n := range []*namespace{client, server} {
		n.ip("link set eth0 up")
		n.ip(fmt.Sprintf("addr add 10.77.0.%d/24 dev eth0", 1+i))
		n.ip(fmt.Sprintf("addr add fd00:77::%d/64 dev eth0 nodad", 1+i))
	}
	return client, server
}

// TestCaptureBetweenHosts captures on an Ethernet, in the namespace of the client and in that of the server.
func TestCaptureBetweenHosts(t *testing.T) {
	client, server := connectHosts(t)
	atClient, atServer := client.capture(), server.capture()
	for _, addr := range []string{"10.77.0.2", "fd00:77::2"} {
		c := client.dialTLS(server.serveTLS(net.JoinHostPort(addr, "8443")), "far.example")
		wantName(t, atClient, c, "sni:far.example")
		wantName(t, atServer, c, "sni:far.example")
	}
	if s := atClient.Stats(); s.Malformed != 0 || s.Dropped != 0 || s.Flows != 0 {
		t.Errorf("%+v", s)
	}
}

// TestCaptureVLAN sends a tagged frame. Kernels without VLAN interfaces exist, so the frame comes from a packet socket.
func TestCaptureVLAN(t *testing.T) {
	client, server := connectHosts(t)
	namer := server.capture()
	local, remote := addrPort("203.0.113.98:40000"), addrPort("203.0.113.99:443")
	hello := clientHello(t, &tls.Config{ServerName: "vlan.example", CurvePreferences: []tls.CurveID{tls.X25519}}) // short enough for one frame
	frame := slices.Concat(slices.Repeat([]byte{0xff}, 6), make([]byte, 6), []byte{0x81, 0, 0, 7, 8, 0}, tcpPacket(local, remote, flagACK, 1, hello))
	client.inside(func() error {
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		eth0, err := net.InterfaceByName("eth0")
		if err != nil {
			return err
		}
		return unix.Sendto(fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: eth0.Index, Halen: 6})
	})
	wantName(t, namer, Conn{connlog.TCP, local, remote, time.Now()}, "sni:vlan.example")
}

// TestCaptureTun captures packets of an interface without an Ethernet header.
func TestCaptureTun(t *testing.T) {
	n := newNamespace(t, "tun")
	var tun *os.File
	err := inNamespace(n.path(), func() error {
		fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
		if err != nil {
			return err
		}
		request, err := unix.NewIfreq("rtctun0")
		if err != nil {
			return err
		}
		request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, request); err != nil {
			return err
		}
		tun = os.NewFile(uintptr(fd), "tun") // after the ioctl: before, nothing can be waited for
		return nil
	})
	if err != nil {
		t.Skipf("no tun interface here: %v", err)
	}
	defer tun.Close()
	n.ip("link set rtctun0 up")
	namer := n.capture()
	remote, local := addrPort("203.0.113.99:443"), addrPort("203.0.113.98:40000")
	if _, err := tun.Write(tcpPacket(local, remote, flagACK, 1, goHello(t, "tun.example"))); err != nil {
		t.Fatal(err)
	}
	wantName(t, namer, Conn{connlog.TCP, local, remote, time.Now()}, "sni:tun.example")
}

// TestCaptureFallsBackToPTR asks dnsmasq for the name of an address. That look-up is not a question of a program.
func TestCaptureFallsBackToPTR(t *testing.T) {
	n := newNamespace(t, "ptr")
	n.dnsmasq()
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (c net.Conn, err error) {
		err = inNamespace(n.path(), func() error {
			c, err = (&net.Dialer{}).DialContext(ctx, network, "127.0.0.1:53")
			return err
		})
		return c, err
	}}
	namer, err := NewCapture(Options{NetNS: n.path(), Resolver: resolver})
	if err != nil {
		t.Fatal(err)
	}
	defer namer.Close()
	wantName(t, namer, to(webServer+":443"), "ptr:edge7.cdn.example")
	wantName(t, namer, to("203.0.113.99:443"), "")
	waitForMessages(t, namer, 6)
	wantName(t, namer, to(webServer+":443"), "ptr:edge7.cdn.example")
	wantName(t, namer, to("["+webServer6+"]:443"), "ptr:edge7.cdn.example")

	ptr := NewPTR(resolver)
	defer ptr.Close()
	wantName(t, ptr, to(webServer+":443"), "ptr:edge7.cdn.example")
	if s := namer.Stats(); s.PTRFailures != 0 || s.PTRQueries != 3 {
		t.Errorf("%+v", s)
	}
}

// TestCaptureDrops floods the ring while it is not read.
func TestCaptureDrops(t *testing.T) {
	n := newNamespace(t, "drops")
	namer := n.capture().(*captureNamer)
	namer.mu.Lock() // the reader waits
	var c net.Conn
	n.inside(func() (err error) {
		c, err = net.Dial("udp", webServer+":53")
		return err
	})
	defer c.Close()
	for range 2 * ringBlocks * ringBlockSize / 8000 {
		c.Write(make([]byte, 8000))
	}
	namer.mu.Unlock()
	servicetest.Until(t, "the kernel reports drops", func(context.Context) error {
		if s := namer.Stats(); s.Dropped == 0 {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
}

// Without the right, the error says how to get it.
func TestCaptureWithoutRight(t *testing.T) {
	if os.Getuid() != 0 {
		if _, err := NewCapture(Options{}); err == nil {
			t.Skip("this user may capture")
		}
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // the thread loses the capability and ends
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		if err := unix.Capset(&header, &none[0]); err != nil {
			done <- err
			return
		}
		_, err := openCapture(tlsPorts(), "")
		done <- err
	}()
	err := <-done
	if err == nil || !errors.Is(err, os.ErrPermission) || !strings.Contains(err.Error(), "setcap cap_net_raw+ep ") || !strings.Contains(err.Error(), "--cap-add NET_RAW") {
		t.Errorf("%v", err)
	}
	for _, o := range []Options{{NetNS: "/nowhere"}, {NetNS: "/dev/null"}, {Ports: make([]uint16, maxTLSPorts+1)}} {
		if namer, err := NewCapture(o); err == nil {
			namer.Close()
			t.Errorf("%+v was taken", o)
		}
	}
}

func TestCaptureLeaksNothing(t *testing.T) {
	n := newNamespace(t, "leaks")
	servicetest.CheckNoLeaks(t, 20, func(int) {
		namer, err := NewCapture(Options{NetNS: n.path()})
		if err != nil {
			t.Fatal(err)
		}
		if err := namer.Close(); err != nil {
			t.Error(err)
		}
	})
}
