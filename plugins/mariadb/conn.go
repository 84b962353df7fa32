package mariadbinput

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/rtcollector/rtcollector/internal/guard"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/tlsx"
)

// connector makes the driver's connections. What may have changed since the last one is looked up for each: the
// password, certificates.
type connector struct {
	place  Place
	store  secret.Resolver
	budget *guard.Budget // of one query; what is said while connecting counts as one
}

// maxAnswer is what is taken of what a server says to one query, in bytes.
const maxAnswer = 16 << 20

// Connect implements driver.Connector. The driver indexes what it has not measured, and database/sql may connect in a
// goroutine of its own, whose panic would end the agent.
func (c *connector) Connect(ctx context.Context) (conn driver.Conn, err error) {
	defer func() {
		if r := recover(); r != nil {
			conn, err = nil, fmt.Errorf("%w (%v)", mysql.ErrMalformPkt, r)
		}
	}()
	c.budget.Renew()
	return c.connect(ctx)
}

func (c *connector) connect(ctx context.Context) (driver.Conn, error) {
	password, err := c.place.Password.Resolve(ctx, c.store)
	if err != nil {
		return nil, err
	}
	config := mysql.NewConfig()
	config.Net, config.Addr = c.place.address()
	config.User, config.Passwd, config.DBName = c.place.User, password, c.place.Database
	config.Logger = &mysql.NopLogger{} // all it knows is in the errors it returns
	config.DialFunc = c.dial
	config.ConnectionAttributes = "program_name:rtcollector"
	if c.place.TLS != nil {
		if config.TLS, err = c.place.TLS.Client(c.place.Host); err != nil {
			return nil, err
		}
	}
	made, err := mysql.NewConnector(config)
	if err != nil {
		return nil, err
	}
	conn, err := made.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &safeConn{Conn: conn}, nil
}

// dial makes the connection that the driver speaks on, or in TLS through. What is inside TLS cannot be seen here, but counted.
func (c *connector) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := guard.Dial(ctx, &net.Dialer{KeepAlive: 30 * time.Second}, network, addr)
	if err != nil {
		return nil, err
	}
	if c.place.TLS == nil {
		return guard.NewMySQL(conn, c.budget), nil
	}
	return c.budget.Conn(conn), nil
}

// Driver implements driver.Connector.
func (c *connector) Driver() driver.Driver { return mysql.MySQLDriver{} }

// open returns a database that keeps one connection, and makes it when it is first used.
func open(p Place, store secret.Resolver, budget *guard.Budget) *sql.DB {
	db := sql.OpenDB(&connector{p, store, budget})
	db.SetMaxOpenConns(1)
	db.SetMaxIdleConns(1)
	return db
}

// explain turns an error into a sentence: which server, what is the matter, what to do. There is no credential in it.
func (p *Place) explain(err error) error {
	_, addr := p.address()
	var unresolved *secret.ResolveError
	var reply *mysql.MySQLError
	var lookup *net.DNSError
	var timeout net.Error
	said := func(advice string) error { return fmt.Errorf("mariadb %s %s: %w", addr, advice, err) }
	switch {
	case err == nil:
		return nil
	case errors.As(err, &unresolved), errors.Is(err, context.Canceled):
	case errors.As(err, &reply):
		if advice := advise(reply, p.User); advice != "" {
			return said(advice)
		}
	case tlsx.Advice(err) != "":
		return said(tlsx.Advice(err))
	case guard.IsLimit(err):
		return fmt.Errorf("mariadb %s %w: let the query return less, if it is one of yours", addr, err)
	case errors.Is(err, guard.ErrBusy):
		return fmt.Errorf("mariadb %s %w", addr, err)
	case errors.Is(err, mysql.ErrNoTLS):
		return said("speaks no TLS: switch it on there (ssl_cert, ssl_key), or leave out tls")
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, fs.ErrNotExist) && errors.As(err, new(*net.OpError)):
		return said("is not there: is it running, and does it listen there (bind_address, port, skip_networking)?")
	case errors.As(err, &lookup) && !lookup.IsTimeout:
		return said("has an unknown name: correct host, or the name server")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return said("did not answer in time: raise timeout, or see SHOW PROCESSLIST for what it waits for")
	case errors.Is(err, mysql.ErrMalformPkt), errors.Is(err, mysql.ErrPktSync), errors.Is(err, mysql.ErrPktTooLarge), errors.Is(err, mysql.ErrUnknownPlugin):
		return said("does not answer as a MariaDB does: correct host and port")
	case broken(err):
		return said("closed the connection: it was stopped, or that is no MariaDB")
	}
	return fmt.Errorf("mariadb %s: %w", addr, err)
}

// broken says whether the error is the end of a connection.
func broken(err error) bool {
	for _, end := range []error{driver.ErrBadConn, mysql.ErrInvalidConn, sql.ErrConnDone, io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, end) {
			return true
		}
	}
	return false
}

// advise says what an error of the server means and what to do (MariaDB's documentation, "Error Codes"; those from 3000 on are
// MySQL's).
func advise(e *mysql.MySQLError, user string) string {
	const (
		tooManyConnections = 1040
		deniedDatabase     = 1044
		denied             = 1045
		noDatabase         = 1049
		shuttingDown       = 1053
		hostBlocked        = 1129
		hostNotAllowed     = 1130
		deniedTable        = 1142
		deniedPrivilege    = 1227
		deniedSocket       = 1698
		statementTime      = 1969
		executionTime      = 3024
	)
	switch e.Number {
	case denied, deniedSocket:
		return "refuses the user or the password: correct user and password (the user may be known under another host only: CREATE USER)"
	case hostNotAllowed:
		return "lets nobody in from this host: CREATE USER '" + user + "'@'<host>' there"
	case hostBlocked:
		return "has blocked this host after many errors: run FLUSH HOSTS there"
	case tooManyConnections:
		return "has no connection left: raise max_connections there"
	case shuttingDown:
		return "was stopped"
	case noDatabase:
		return "has no such database: correct database"
	case deniedDatabase, deniedTable, deniedPrivilege:
		return "refuses this to the user: " + grant(e.Message, user)
	case statementTime, executionTime:
		return "gave up a query: it took longer than it may (timeout, max_statement_time)"
	}
	return ""
}

// grant is the statement that gives the right which a message names: "Access denied; you need (at least one of) the SUPER,
// SLAVE MONITOR privilege(s) for this operation", "SELECT command denied to user 'u'@'h' for table `d`.`t`".
func grant(message, user string) string {
	to := " TO " + quoted(user)
	if _, rest, ok := strings.Cut(message, "one of) the "); ok {
		names, _, _ := strings.Cut(rest, " privilege")
		least := strings.TrimSpace(names[strings.LastIndexByte(names, ',')+1:])
		return "GRANT " + least + " ON *.*" + to
	}
	if command, rest, ok := strings.Cut(message, " command denied"); ok {
		_, table, _ := strings.Cut(rest, "for table ")
		return "GRANT " + command + " ON " + table + to
	}
	if _, database, ok := strings.Cut(message, "to database "); ok {
		return "GRANT SELECT ON " + strings.ReplaceAll(database, "'", "`") + ".*" + to
	}
	return "GRANT PROCESS, REPLICATION CLIENT ON *.*" + to
}

// quoted writes a name as SQL has it.
func quoted(name string) string { return "'" + strings.ReplaceAll(name, "'", "''") + "'" }
