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

// connection is the one connection to the server. It is made when it is needed, kept, and made anew after it broke.
//
// What is spoken is the protocol, without pgx's layer of Go types: every value is asked for as text, and all that
// is made of a text is a number or a label.
type connection struct {
	config Config
	store  secret.Resolver

	life context.Context // ends with the input: what pgconn still has to do behind our back ends then, too
	end  context.CancelFunc
	conn *pgconn.PgConn

	user   string        // of the connection
	budget *guard.Budget // of one query; what is said while connecting counts as one
}

const (
	// maxMessage is the longest message that is taken, in bytes: a row, for one.
	maxMessage = 4 << 20

	// maxAnswer is the same for all that the server says to one query.
	maxAnswer = 16 << 20
)

func newConnection(c Config, store secret.Resolver) *connection {
	life, end := context.WithCancel(context.Background())
	return &connection{config: c, store: store, life: life, end: end, budget: guard.NewBudget(maxAnswer)}
}

// alive says whether there is a connection, as far as is known without asking.
func (c *connection) alive() bool { return c.conn != nil && !c.conn.IsClosed() }

// answers says whether there is a connection that still works: the server may have been restarted since the last gather.
func (c *connection) answers(ctx context.Context) bool {
	c.budget.Renew()
	return c.alive() && c.conn.Ping(ctx) == nil
}

// dial connects to a server that was resolved.
func (c *connection) dial(ctx context.Context, config *pgconn.Config) error {
	config.DialFunc = c.dialNet
	config.BuildFrontend = c.frontend
	c.budget.Renew()
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	c.conn, c.user = conn, config.User
	return nil
}

// frontend decodes what the server says, within limits: pgconn would make room for a gigabyte when a message announces it. It
// sits above TLS, and pgconn still sees the TLS connection, which it binds passwords to (SCRAM-SHA-256-PLUS).
func (c *connection) frontend(r io.Reader, w io.Writer) *pgproto3.Frontend {
	f := pgproto3.NewFrontend(c.budget.Reader(r), w)
	f.SetMaxBodyLen(maxMessage)
	return f
}

// mortal is a network connection that is cut when the input ends. After a query was given up pgconn cancels it at the
// server and waits up to 15 seconds for that, in a goroutine.
type mortal struct {
	net.Conn
	stop func() bool
}

// Close implements net.Conn.
func (m *mortal) Close() error {
	m.stop()
	return m.Conn.Close()
}

func (c *connection) dialNet(ctx context.Context, network, addr string) (net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(c.life, cancel)
	defer stop()
	conn, err := guard.Dial(ctx, &net.Dialer{KeepAlive: 30 * time.Second}, network, addr)
	if err != nil {
		return nil, err
	}
	return &mortal{conn, context.AfterFunc(c.life, func() { _ = conn.Close() })}, nil
}

// close ends the connection and waits until nothing of it is left.
func (c *connection) close() {
	if c.alive() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = c.conn.Close(ctx)
	}
	c.end()
	if c.conn != nil {
		<-c.conn.CleanupDone()
	}
}

// rows takes an answer: first the names of its columns, then each row. The slices are only valid during the call.
type rows interface {
	begin(columns []pgconn.FieldDescription) error
	row(values [][]byte) error
}

// query runs one statement in a transaction of its own. An error of into ends the reading, but not the connection.
func (c *connection) query(ctx context.Context, sql string, into rows) error {
	c.budget.Renew()
	result := c.conn.ExecParams(ctx, sql, nil, nil, nil, nil) // unnamed, so that a pooler may stand between
	columns := len(result.FieldDescriptions())
	err := into.begin(result.FieldDescriptions())
	for result.NextRow() {
		switch values := result.Values(); {
		case err != nil:
		case len(values) != columns:
			err = fmt.Errorf("a row has %d columns, and %d were announced: is that a PostgreSQL?", len(values), columns)
		default:
			err = into.row(values)
		}
	}
	if _, failed := result.Close(); failed != nil {
		if guard.IsLimit(failed) {
			_ = c.conn.Conn().Close() // pgconn would read on for 15 seconds, to be polite
		}
		return failed
	}
	return err
}

// version reads what the server says it is, as server_version_num would be: "15.18 (Debian 15.18-0+deb12u1)" is 150018,
// "9.6.24" 90624, "18beta1" 180000.
func version(text string) int {
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
