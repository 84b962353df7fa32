package guard_test

import (
	"io"
	"net"
	"strings"
	"syscall"
	"testing"

	"github.com/rtcollector/rtcollector/internal/guard"
	"github.com/rtcollector/rtcollector/internal/servicetest"
)

func TestBudget(t *testing.T) {
	b := guard.NewBudget(10)
	conn := b.Conn(&peerSays{pieces: []string{"12345678", "12345678", "12345678"}})
	got, err := io.ReadAll(conn)
	if string(got) != "1234567812345678" || !guard.IsLimit(err) || !guard.IsLimit(b.Exceeded()) {
		t.Errorf("%q, %v", got, err)
	}
	b.Renew()
	if got, err := io.ReadAll(b.Reader(strings.NewReader("0123456789"))); string(got) != "0123456789" || err != nil || b.Exceeded() != nil {
		t.Errorf("%q, %v", got, err)
	}
	if err := b.Spend(1); !guard.IsLimit(err) {
		t.Error(err)
	}
}

// Too large numbers of columns are found wherever the packet is split, but not in rows.
func TestMySQLColumns(t *testing.T) {
	wide := "\x09\x00\x00\x01\xfe\x00\x00\x00\x40\x00\x00\x00\x00"
	fine := "\x01\x00\x00\x01\x02" + "\x02\x00\x00\x02\xfe\x01" + "\x03\x00\x00\x01\xfc\xff\xff"
	for at := 1; at < len(wide); at++ {
		b := guard.NewBudget(1000)
		got, err := io.ReadAll(guard.NewMySQL(&peerSays{pieces: []string{fine, wide[:at], wide[at:]}}, b))
		if !strings.HasPrefix(string(got), fine) || len(got) > len(fine)+4 || !guard.IsLimit(err) || !guard.IsLimit(b.Exceeded()) {
			t.Errorf("cut at %d: %q, %v", at, got, err)
		}
	}
}

// Drivers must be able to check the socket. Otherwise they only notice a restart of the server when a query fails.
func TestSocketIsReachable(t *testing.T) {
	conn, err := net.Dial("tcp", servicetest.ServeRaw(t, func(c net.Conn) { _, _ = c.Read(make([]byte, 1)) }))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	b := guard.NewBudget(1)
	for _, c := range []net.Conn{b.Conn(conn), guard.NewMySQL(conn, b)} {
		if raw, err := c.(syscall.Conn).SyscallConn(); err != nil || raw == nil {
			t.Error(err)
		}
	}
}
