package embedded

import (
	"fmt"
	"strings"

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

// srvClient answers what client libraries ask for when they connect, and
// CLIENT LIST for people. Unknown ones get Redis' error, which libraries
// expect of an older server.
func srvClient(c *conn, args [][]byte) {
	switch sub := args[1]; {
	case resp.IsWord(sub, "SETINFO") && len(args) == 4, resp.IsWord(sub, "NO-EVICT"), resp.IsWord(sub, "NO-TOUCH"):
		c.out.OK()
	case resp.IsWord(sub, "SETNAME") && len(args) == 3:
		c.setName(string(args[2]))
	case resp.IsWord(sub, "GETNAME"):
		if c.name == "" {
			c.out.Null()
		} else {
			c.out.Bulk(c.name)
		}
	case resp.IsWord(sub, "ID"):
		c.out.Int(c.id)
	case resp.IsWord(sub, "INFO"):
		c.out.Verbatim(c.describe(true))
	case resp.IsWord(sub, "LIST"):
		c.out.Verbatim(c.srv.clientList(c))
	default:
		c.unknownSub("CLIENT", sub)
	}
}

func (c *conn) setName(name string) {
	if !isClientName(name) {
		c.out.Error(errClientName)
		return
	}
	c.name = name
	c.out.OK()
}

const errClientName = "ERR Client names cannot contain spaces, newlines or special characters."

func isClientName(name string) bool {
	for i := range len(name) {
		if name[i] < '!' || name[i] > '~' {
			return false
		}
	}
	return len(name) <= maxNameBytes
}

// describe is a line of CLIENT LIST. What only a client's own goroutine may
// read is told about itself alone.
func (c *conn) describe(self bool) string {
	name, db := "", 0
	if self {
		name, db = c.name, c.db
	}
	return fmt.Sprintf("id=%d addr=%s laddr=%s name=%s db=%d\n", c.id, c.net.RemoteAddr(), c.net.LocalAddr(), name, db)
}

func (s *Server) clientList(self *conn) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for c := range s.conns {
		b.WriteString(c.describe(c == self))
	}
	return b.String()
}
