package sysloginput

import (
	"net"
	"os"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/conf"
)

// The receive buffer has the configured size, beyond the system's limit if the agent has the privilege. Otherwise a warning is logged.
func TestReceiveBufferIsSetOrReported(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if got, err := setReceiveBuffer(conn, 64<<10); err != nil || got != 64<<10 {
		t.Errorf("%d bytes, %v", got, err)
	}
	const large = 64 << 20
	got, err := setReceiveBuffer(conn, large)
	if err != nil || os.Getuid() == 0 && got != large {
		t.Errorf("%d bytes, %v", got, err)
	}
	said := ""
	c := defaults()
	l := newListener(address{network: "udp", where: ":1"}, &c, "h", slogTo(func(line string) { said = line }))
	for size, want := range map[conf.Size]bool{0: false, 64 << 10: false, 1 << 30: true} { // the kernel doubles the size, so this is more than it allows
		said, c.ReadBuffer = "", size
		l.growBuffer(conn)
		if strings.Contains(said, "net.core.rmem_max") != want {
			t.Errorf("%d bytes: %q", size, said)
		}
	}
}
