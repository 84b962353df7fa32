package embedded

import (
	"fmt"
	"strings"

	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

const (
	maxClientNameBytes = 1024

	errClientName = resp.Error("ERR Client names cannot contain spaces, newlines or special characters.")
)

// runClient runs the subcommands that client libraries use when they connect, and
// CLIENT LIST for people. Libraries accept Redis's error for other ones, because
// older servers answer it.
func (c *conn) runClient(args [][]byte) {
	switch sub := args[1]; {
	case resp.IsWord(sub, "SETINFO") && len(args) == 4, resp.IsWord(sub, "NO-EVICT"), resp.IsWord(sub, "NO-TOUCH"):
		c.Out.OK()
	case resp.IsWord(sub, "SETNAME") && len(args) == 3:
		c.setName(string(args[2]))
	case resp.IsWord(sub, "GETNAME"):
		if c.name == "" {
			c.Out.Null()
		} else {
			c.Out.Bulk(c.name)
		}
	case resp.IsWord(sub, "ID"):
		c.Out.Int(c.id)
	case resp.IsWord(sub, "INFO"):
		c.Out.Verbatim(c.describe(true))
	case resp.IsWord(sub, "LIST"):
		c.Out.Verbatim(c.server.listClients(c))
	default:
		c.FailSubcommand(sub)
	}
}

func (c *conn) setName(name string) {
	if !isClientName(name) {
		c.Fail(errClientName)
		return
	}
	c.name = name
	c.Out.OK()
}

func isClientName(name string) bool {
	for i := range len(name) {
		if name[i] < '!' || name[i] > '~' {
			return false
		}
	}
	return len(name) <= maxClientNameBytes
}

// describe returns a line of CLIENT LIST. Name and database may only be read by
// the client's own goroutine, so the lines about others do not have them.
func (c *conn) describe(self bool) string {
	name, db := "", 0
	if self {
		name, db = c.name, c.DB
	}
	return fmt.Sprintf("id=%d addr=%s laddr=%s name=%s db=%d\n", c.id, c.net.RemoteAddr(), c.net.LocalAddr(), name, db)
}

func (s *Server) listClients(self *conn) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for c := range s.conns {
		b.WriteString(c.describe(c == self))
	}
	return b.String()
}
