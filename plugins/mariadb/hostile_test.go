//go:build unix

package mariadbinput

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/servicetest"
)

// packet is one of the protocol: length, number, body.
func packet(number byte, body string) string {
	n := len(body)
	return string([]byte{byte(n), byte(n >> 8), byte(n >> 16), number}) + body
}

const (
	// greeting is protocol version 10, capabilities PROTOCOL_41, SECURE_CONNECTION and PLUGIN_AUTH.
	greeting = "\x0a5.5.5-11.4.2-MariaDB\x00\x01\x00\x00\x00abcdefgh\x00\x00\x82\x21\x02\x00\x08\x00\x15" +
		"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00abcdefghijkl\x00mysql_native_password\x00"
	ok     = "\x00\x00\x00\x02\x00\x00\x00"
	column = "\x03def\x00\x00\x00\x01c\x00\x0c\x3f\x00\x01\x00\x00\x00\xfd\x00\x00\x00\x00\x00"
	eof    = "\xfe\x00\x00\x02\x00"
)

// greet connects a client, and waits for its first query.
func greet(conn net.Conn) error {
	if _, err := io.WriteString(conn, packet(0, greeting)); err != nil {
		return err
	}
	room := make([]byte, 4096)
	if _, err := conn.Read(room); err != nil {
		return err
	}
	if _, err := io.WriteString(conn, packet(2, ok)); err != nil {
		return err
	}
	_, err := conn.Read(room)
	return err
}

func result(rows ...string) string {
	text := packet(1, "\x01") + packet(2, column) + packet(3, eof)
	for i, row := range rows {
		text += packet(byte(4+i), row)
	}
	return text
}

// Whatever a server says, it takes little memory.
func TestHostileServers(t *testing.T) {
	const tooMuch = "sends more than the limit of 16777216 bytes"
	large := "\xfd\xf8\xff\xff" + strings.Repeat("x", 1<<24-8)
	for name, c := range map[string]struct{ says, want string }{
		"columns":      {packet(1, "\xfe\x00\x00\x00\x40\x00\x00\x00\x00"), "announces more than 65535 columns"},
		"more columns": {packet(1, "\xfe\xff\xff\xff\xff\xff\xff\xff\x7f"), "announces more than 65535 columns"},
		"many columns": {packet(1, "\xfc\xff\xff"), ""},
		"a large row":  {result("\xfd\xf0\xff\xff"+large[4:len(large)-8], large), tooMuch},
		"endless row":  {packet(1, "\x01") + packet(2, column) + packet(3, eof) + strings.Repeat("\xff\xff\xff\x04"+strings.Repeat("x", 1<<24-1), 2), ""},
		"zeros":        {strings.Repeat("\x00", 65536), ""},
	} {
		in := start(t, "host: 127.0.0.1\nport: "+servicetest.PortOf(servicetest.ServeEndlessly(t, c.says, greet)))
		servicetest.CheckAllocated(t, 128<<20, func() {
			b, err := in.Within(20*time.Second, 0)
			if err == nil || !upIs(b, 0) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %q", name, err, c.want)
			}
		})
	}
}

// A panic of the driver while it connects, which may be in a goroutine of database/sql, is an error.
func FuzzServer(f *testing.F) {
	f.Add([]byte(packet(0, greeting)), false)
	f.Add([]byte(packet(0, greeting)+packet(2, "\xfe\x00")), false)
	f.Add([]byte(packet(1, "\xfe\x00\x00\x00\x10\x00\x00\x00\x00")), true)
	f.Add([]byte(result("\x01a", eof)), true)
	f.Fuzz(func(t *testing.T, data []byte, polite bool) {
		path := t.TempDir() + "/s"
		servicetest.ServeRawSocket(t, path, func(conn net.Conn) {
			if polite && greet(conn) != nil {
				return
			}
			_, _ = conn.Write(data)
		})
		servicetest.CheckAllocated(t, 64<<20, func() {
			_, _ = start(t, "socket: "+path).Within(5*time.Second, 0)
		})
	})
}
