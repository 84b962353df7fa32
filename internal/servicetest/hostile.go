package servicetest

import (
	"io"
	"net"
	"testing"
)

// ServeEndlessly starts a server that greets and then sends text again and again until the connection ends. It returns its address. Greet
// returns an error to end the connection. If greet is nil, the server reads a request instead of greeting.
func ServeEndlessly(t testing.TB, text string, greet func(net.Conn) error) string {
	t.Helper()
	if greet == nil {
		greet = func(c net.Conn) error { _, err := c.Read(make([]byte, 4096)); return err }
	}
	return ServeRaw(t, func(conn net.Conn) {
		if greet(conn) != nil {
			return
		}
		go func() { _, _ = io.Copy(io.Discard, conn) }() // ends with the connection
		for says := []byte(text); ; {
			if _, err := conn.Write(says); err != nil {
				return
			}
		}
	})
}
