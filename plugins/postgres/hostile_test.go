//go:build unix

package postgresinput

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/rtcollector/rtcollector/internal/servicetest"
)

// encodeMessage returns a message of the protocol with a length that may be wrong.
func encodeMessage(kind byte, length uint32, body string) string {
	return string([]byte{kind, byte(length >> 24), byte(length >> 16), byte(length >> 8), byte(length)}) + body
}

// encodeRow returns a row of one column.
func encodeRow(length int) string {
	body := "\x00\x01" + encodeMessage(0, uint32(length), strings.Repeat("x", length))[1:]
	return encodeMessage('D', uint32(4+len(body)), body)
}

// No reply of a server makes the input allocate much memory, and the error names the limit.
func TestHostileServers(t *testing.T) {
	const tooMuch = "sends more than the limit of 16777216 bytes"
	const parsed = "1\x00\x00\x00\x042\x00\x00\x00\x04"
	columns := encodeMessage('T', 4+2+20, "\x00\x01c\x00"+strings.Repeat("\x00", 18))
	for name, c := range map[string]struct{ says, want string }{
		"message":    {encodeMessage('D', 1<<30, ""), "announces a message of"},
		"error":      {encodeMessage('E', 1<<30, ""), "announces a message of 1073741820 bytes, more than the limit of 4194304: is this a PostgreSQL server?"},
		"settings":   {strings.Repeat(encodeMessage('S', 4+3+1000, "a\x00"+strings.Repeat("b", 1000)+"\x00"), 100), tooMuch},
		"notices":    {strings.Repeat(encodeMessage('N', 4+3+1000, "M"+strings.Repeat("m", 1000)+"\x00\x00"), 100), tooMuch},
		"rows":       {parsed + columns + strings.Repeat(encodeRow(1000), 1000), tooMuch},
		"large rows": {parsed + columns + strings.Repeat(encodeRow(1<<20), 30), tooMuch},
		"negative":   {encodeMessage('D', 0xffffffff, ""), "invalid message length"},
	} {
		for _, polite := range []bool{false, true} {
			var greet func(net.Conn) error
			if polite {
				greet = greetAndWait
			}
			t.Run(fmt.Sprint(name, polite), func(t *testing.T) {
				in := startInput(t, "host: 127.0.0.1\nport: "+servicetest.PortOf(servicetest.ServeEndlessly(t, c.says, greet))+"\nsslmode: disable")
				servicetest.CheckAllocated(t, 96<<20, func() {
					b, err := in.Within(20*time.Second, 0)
					if err == nil || !hasUp(b, 0) || (polite || !strings.Contains(name, "row")) && !strings.Contains(err.Error(), c.want) {
						t.Errorf("%s, polite %v: %v", name, polite, err)
					}
				})
			})
		}
	}
}

// greetAndWait accepts a client and waits for its first query.
func greetAndWait(conn net.Conn) error {
	b := pgproto3.NewBackend(conn, conn)
	if _, err := b.ReceiveStartupMessage(); err != nil {
		return err
	}
	b.Send(&pgproto3.AuthenticationOk{})
	b.Send(&pgproto3.ParameterStatus{Name: "server_version", Value: "16.1"})
	b.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	if err := b.Flush(); err != nil {
		return err
	}
	for {
		m, err := b.Receive()
		if err != nil {
			return err
		}
		if _, ok := m.(*pgproto3.Sync); ok {
			return nil
		}
		if _, ok := m.(*pgproto3.Terminate); ok {
			return errors.New("it goes")
		}
	}
}

// FuzzServer finds bytes that make the client panic or take much memory.
func FuzzServer(f *testing.F) {
	f.Add([]byte(encodeMessage('R', 8, "\x00\x00\x00\x00")+encodeMessage('Z', 5, "I")+encodeMessage('D', 1<<29, "")), false)
	f.Add([]byte(encodeRow(3)), true)
	f.Fuzz(func(t *testing.T, data []byte, polite bool) {
		dir := t.TempDir()
		servicetest.ServeRawSocket(t, dir+"/.s.PGSQL.5432", func(conn net.Conn) {
			if polite && greetAndWait(conn) != nil {
				return
			}
			_, _ = conn.Write(data)
		})
		servicetest.CheckAllocated(t, 64<<20, func() {
			_, _ = startInput(t, "host: "+dir).Within(5*time.Second, 0)
		})
	})
}
