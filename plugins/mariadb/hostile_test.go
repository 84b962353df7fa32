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

// encodePacket returns a packet of the protocol: length, number, body.
func encodePacket(number byte, body string) string {
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

// acceptClient accepts a client and waits for its first query.
func acceptClient(conn net.Conn) error {
	if _, err := io.WriteString(conn, encodePacket(0, greeting)); err != nil {
		return err
	}
	room := make([]byte, 4096)
	if _, err := conn.Read(room); err != nil {
		return err
	}
	if _, err := io.WriteString(conn, encodePacket(2, ok)); err != nil {
		return err
	}
	_, err := conn.Read(room)
	return err
}

func encodeResult(rows ...string) string {
	text := encodePacket(1, "\x01") + encodePacket(2, column) + encodePacket(3, eof)
	for i, row := range rows {
		text += encodePacket(byte(4+i), row)
	}
	return text
}

// No reply of a server makes the input allocate much memory.
func TestHostileServers(t *testing.T) {
	const tooMuch = "sends more than the limit of 16777216 bytes"
	large := "\xfd\xf8\xff\xff" + strings.Repeat("x", 1<<24-8)
	for name, c := range map[string]struct{ says, want string }{
		"columns":      {encodePacket(1, "\xfe\x00\x00\x00\x40\x00\x00\x00\x00"), "announces more than 65535 columns"},
		"more columns": {encodePacket(1, "\xfe\xff\xff\xff\xff\xff\xff\xff\x7f"), "announces more than 65535 columns"},
		"many columns": {encodePacket(1, "\xfc\xff\xff"), ""},
		"a large row":  {encodeResult("\xfd\xf0\xff\xff"+large[4:len(large)-8], large), tooMuch},
		"endless row":  {encodePacket(1, "\x01") + encodePacket(2, column) + encodePacket(3, eof) + strings.Repeat("\xff\xff\xff\x04"+strings.Repeat("x", 1<<24-1), 2), ""},
		"zeros":        {strings.Repeat("\x00", 65536), ""},
	} {
		in := startInput(t, "host: 127.0.0.1\nport: "+servicetest.PortOf(servicetest.ServeEndlessly(t, c.says, acceptClient)))
		servicetest.CheckAllocated(t, 128<<20, func() {
			b, err := in.Within(20*time.Second, 0)
			if err == nil || !hasUp(b, 0) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %q", name, err, c.want)
			}
		})
	}
}

// A panic of the driver while it connects becomes an error, even in a goroutine of database/sql.
func FuzzServer(f *testing.F) {
	f.Add([]byte(encodePacket(0, greeting)), false)
	f.Add([]byte(encodePacket(0, greeting)+encodePacket(2, "\xfe\x00")), false)
	f.Add([]byte(encodePacket(1, "\xfe\x00\x00\x00\x10\x00\x00\x00\x00")), true)
	f.Add([]byte(encodeResult("\x01a", eof)), true)
	f.Fuzz(func(t *testing.T, data []byte, polite bool) {
		path := t.TempDir() + "/s"
		servicetest.ServeRawSocket(t, path, func(conn net.Conn) {
			if polite && acceptClient(conn) != nil {
				return
			}
			_, _ = conn.Write(data)
		})
		servicetest.CheckAllocated(t, 64<<20, func() {
			_, _ = startInput(t, "socket: "+path).Within(5*time.Second, 0)
		})
	})
}
