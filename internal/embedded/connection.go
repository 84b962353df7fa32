package embedded

import (
	"bytes"
	"strconv"

	"github.com/rtcollector/rtcollector/internal/embedded/keyspace"
	"github.com/rtcollector/rtcollector/internal/embedded/resp"
)

func (c *conn) runPing(args [][]byte) {
	switch {
	case len(args) > 2:
		c.Fail(keyspace.ErrArity)
	case c.subscriptions.count() > 0 && !c.Out.RESP3:
		c.Out.Array(2)
		c.Out.Bulk("pong")
		c.Out.BulkBytes(bytes.Join(args[1:], nil))
	case len(args) == 1:
		c.Out.Simple("PONG")
	default:
		c.Out.BulkBytes(args[1])
	}
}

func (c *conn) runEcho(args [][]byte) { c.Out.BulkBytes(args[1]) }

func (c *conn) runTime([][]byte) {
	now := c.Store.Now()
	c.Out.Array(2)
	c.Out.Bulk(strconv.FormatInt(now.Unix(), 10))
	c.Out.Bulk(strconv.Itoa(now.Nanosecond() / 1000))
}

// runWait answers at once, because there are no replicas.
func (c *conn) runWait([][]byte) { c.Out.Int(0) }

func (c *conn) runCluster([][]byte) {
	c.Fail("ERR This instance has cluster support disabled")
}

func (c *conn) runQuit([][]byte) {
	c.Out.OK()
	c.closing = true
}

func (c *conn) runSelect(args [][]byte) {
	if _, ok := resp.ParseInt(args[1]); !ok {
		c.Fail(resp.ErrNotInteger)
		return
	}
	db, ok := keyspace.ParseDB(args[1])
	if !ok {
		c.Fail(resp.ErrDBIndex)
		return
	}
	c.DB = db
	c.Out.OK()
}
