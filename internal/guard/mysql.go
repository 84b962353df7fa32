package guard

import (
	"fmt"
	"net"
)

// MySQL is a connection to a MariaDB or MySQL without TLS. It limits the number of columns in a result, because the driver allocates memory
// for the announced number before it has read any
// (https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query_response_text_resultset.html).
type MySQL struct {
	*budgetConn

	head      [4]byte // length in three bytes, number of the packet
	headLen   int
	remaining int  // bytes of the packet that have not arrived
	atStart   bool // the next byte is the first of the packet
}

// NewMySQL returns a guarded connection. The driver hides read errors; [Budget.Exceeded] returns them.
func NewMySQL(conn net.Conn, b *Budget) *MySQL { return &MySQL{budgetConn: b.conn(conn)} }

// Read implements net.Conn.
func (m *MySQL) Read(b []byte) (int, error) {
	n, err := m.budgetConn.Read(b)
	if good, bad := m.scan(b[:n]); bad != nil {
		m.budget.violation.Store(bad)
		return good, bad
	}
	return n, err
}

func (m *MySQL) scan(b []byte) (int, *LimitError) {
	for at := 0; at < len(b); {
		if m.remaining == 0 {
			m.head[m.headLen] = b[at]
			at++
			if m.headLen++; m.headLen == len(m.head) {
				m.remaining = int(m.head[0]) | int(m.head[1])<<8 | int(m.head[2])<<16
				m.headLen, m.atStart = 0, true
			}
			continue
		}
		if m.atStart && m.head[3] == 1 && isWideInteger(b[at]) {
			return at, &LimitError{fmt.Sprintf("announces more than %d columns", maxColumns)}
		}
		m.atStart = false
		n := min(m.remaining, len(b)-at)
		m.remaining -= n
		at += n
	}
	return len(b), nil
}

// maxColumns is the maximum number of columns in a result. Servers allow at most 4096.
const maxColumns = 1<<16 - 1

// isWideInteger reports whether a packet that begins with this byte contains an integer of three or eight bytes.
func isWideInteger(c byte) bool { return c == 0xfd || c == 0xfe }
