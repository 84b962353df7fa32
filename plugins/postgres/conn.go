package postgresinput

import (
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/rtcollector/rtcollector/internal/guard"
	"github.com/rtcollector/rtcollector/internal/secret"
)

// connection is the only connection to the server. It is opened when it is needed, kept, and opened again after it failed.
//
// It uses the protocol without pgx's layer of Go types: every value arrives as text and becomes a number or a label.
type connection struct {
	config Config
	store  secret.Resolver

	lifetime    context.Context // ends with the input, and with it the work that pgconn does in the background
	endLifetime context.CancelFunc
	conn        *pgconn.PgConn

	user   string        // of the connection
	budget *guard.Budget // bytes that the server may send for one query; connecting counts as one
}

const (
	// maxMessageLen bounds a message of the server, such as a row, in bytes.
	maxMessageLen = 4 << 20

	// maxReplyLen bounds all messages of the server for one query, in bytes.
	maxReplyLen = 16 << 20
)

func newConnection(c Config, store secret.Resolver) *connection {
	life, end := context.WithCancel(context.Background())
	return &connection{config: c, store: store, lifetime: life, endLifetime: end, budget: guard.NewBudget(maxReplyLen)}
}

// isOpen reports whether the connection is open, as far as is known without a round trip.
func (c *connection) isOpen() bool { return c.conn != nil && !c.conn.IsClosed() }

// isWorking reports whether the connection still works. The server may have restarted since the last gather.
func (c *connection) isWorking(ctx context.Context) bool {
	c.budget.Renew()
	return c.isOpen() && c.conn.Ping(ctx) == nil
}

// dial opens the connection.
func (c *connection) dial(ctx context.Context, config *pgconn.Config) error {
	config.DialFunc = c.dialNetwork
	config.BuildFrontend = c.newFrontend
	c.budget.Renew()
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	c.conn, c.user = conn, config.User
	return nil
}

// newFrontend returns a decoder of the server's messages that enforces our limits. Without it pgconn would allocate a gigabyte
// if a message announced that. The decoder is above TLS, so that pgconn can bind passwords to the TLS connection
// (SCRAM-SHA-256-PLUS).
func (c *connection) newFrontend(r io.Reader, w io.Writer) *pgproto3.Frontend {
	f := pgproto3.NewFrontend(c.budget.Reader(r), w)
	f.SetMaxBodyLen(maxMessageLen)
	return f
}

// boundConn is a network connection that is closed when the input ends. After the context of a query has ended, pgconn
// cancels the query at the server, in a goroutine that waits up to 15 seconds.
type boundConn struct {
	net.Conn
	stop func() bool
}

// Close implements net.Conn.
func (m *boundConn) Close() error {
	m.stop()
	return m.Conn.Close()
}

func (c *connection) dialNetwork(ctx context.Context, network, addr string) (net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(c.lifetime, cancel)
	defer stop()
	conn, err := guard.Dial(ctx, &net.Dialer{KeepAlive: 30 * time.Second}, network, addr)
	if err != nil {
		return nil, err
	}
	return &boundConn{conn, context.AfterFunc(c.lifetime, func() { _ = conn.Close() })}, nil
}

// close closes the connection and waits until its goroutines have ended.
func (c *connection) close() {
	if c.isOpen() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = c.conn.Close(ctx)
	}
	c.endLifetime()
	if c.conn != nil {
		<-c.conn.CleanupDone()
	}
}

// rowReader receives a result: first its columns, then each row. The slices are only valid during the call.
type rowReader interface {
	beginRows(columns []pgconn.FieldDescription) error
	addRow(values [][]byte) error
}

// query runs one statement in its own transaction. After an error of into it skips the other rows and keeps the connection.
func (c *connection) query(ctx context.Context, sql string, into rowReader) error {
	c.budget.Renew()
	result := c.conn.ExecParams(ctx, sql, nil, nil, nil, nil) // unnamed, so that it works through a connection pooler
	columns := len(result.FieldDescriptions())
	err := into.beginRows(result.FieldDescriptions())
	for result.NextRow() {
		switch values := result.Values(); {
		case err != nil:
		case len(values) != columns:
			err = fmt.Errorf("a row has %d columns instead of %d: is this a PostgreSQL server?", len(values), columns)
		default:
			err = into.addRow(values)
		}
	}
	if _, failed := result.Close(); failed != nil {
		if guard.IsLimit(failed) {
			_ = c.conn.Conn().Close() // otherwise pgconn would go on reading for 15 seconds
		}
		return failed
	}
	return err
}

// parseVersion returns a release in the form of server_version_num: "15.18 (Debian 15.18-0+deb12u1)" is 150018, "9.6.24" is
// 90624, "18beta1" is 180000.
func parseVersion(text string) int {
	number := func() int {
		end := strings.IndexFunc(text, func(r rune) bool { return r < '0' || r > '9' })
		if end < 0 {
			end = len(text)
		}
		n, _ := strconv.Atoi(text[:end])
		text = strings.TrimPrefix(text[end:], ".")
		return n
	}
	major := number()
	if major >= 10 {
		return major*10_000 + number()
	}
	return major*10_000 + number()*100 + number()
}
