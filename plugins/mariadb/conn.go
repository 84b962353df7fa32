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

// connector opens connections of the driver. It reads the password and the certificates for each, because they may have
// changed.
type connector struct {
	endpoint Endpoint
	store    secret.Resolver
	budget   *guard.Budget // bytes that the server may send for one query; connecting counts as one
}

// maxReplyLen bounds the messages of the server for one query, in bytes.
const maxReplyLen = 16 << 20

// Connect implements driver.Connector. The driver indexes messages without checking their length, and database/sql may
// connect in a goroutine of its own, where a panic would end the agent.
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
	password, err := c.endpoint.Password.Resolve(ctx, c.store)
	if err != nil {
		return nil, err
	}
	config := mysql.NewConfig()
	config.Net, config.Addr = c.endpoint.address()
	config.User, config.Passwd, config.DBName = c.endpoint.User, password, c.endpoint.Database
	config.Logger = &mysql.NopLogger{} // it repeats the returned errors
	config.DialFunc = c.dial
	config.ConnectionAttributes = "program_name:rtcollector"
	if c.endpoint.TLS != nil {
		if config.TLS, err = c.endpoint.TLS.Client(c.endpoint.Host); err != nil {
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

// dial opens the network connection for the driver. With TLS the packets are encrypted, so we can only count the bytes.
func (c *connector) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := guard.Dial(ctx, &net.Dialer{KeepAlive: 30 * time.Second}, network, addr)
	if err != nil {
		return nil, err
	}
	if c.endpoint.TLS == nil {
		return guard.NewMySQL(conn, c.budget), nil
	}
	return c.budget.Conn(conn), nil
}

// Driver implements driver.Connector.
func (c *connector) Driver() driver.Driver { return mysql.MySQLDriver{} }

// openDB returns a database that opens one connection when it is first used, and keeps it.
func openDB(p Endpoint, store secret.Resolver, budget *guard.Budget) *sql.DB {
	db := sql.OpenDB(&connector{p, store, budget})
	db.SetMaxOpenConns(1)
	db.SetMaxIdleConns(1)
	return db
}

// explainError adds to an error which server it concerns and what to do. The text contains no credentials.
func (p *Endpoint) explainError(err error) error {
	_, addr := p.address()
	var unresolved *secret.ResolveError
	var reply *mysql.MySQLError
	var lookup *net.DNSError
	var timeout net.Error
	withAdvice := func(advice string) error { return fmt.Errorf("mariadb %s %s: %w", addr, advice, err) }
	switch {
	case err == nil:
		return nil
	case errors.As(err, &unresolved), errors.Is(err, context.Canceled):
	case errors.As(err, &reply):
		if advice := findAdvice(reply, p.User); advice != "" {
			return withAdvice(advice)
		}
	case tlsx.Advice(err) != "":
		return withAdvice(tlsx.Advice(err))
	case guard.IsLimit(err):
		return fmt.Errorf("mariadb %s %w: if this is one of your queries, let it return less", addr, err)
	case errors.Is(err, guard.ErrBusy):
		return fmt.Errorf("mariadb %s %w", addr, err)
	case errors.Is(err, mysql.ErrNoTLS):
		return withAdvice("does not support TLS: enable it there (ssl_cert, ssl_key), or remove tls")
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, fs.ErrNotExist) && errors.As(err, new(*net.OpError)):
		return withAdvice("is not reachable: is it running, and does it listen on this address (bind_address, port, skip_networking)?")
	case errors.As(err, &lookup) && !lookup.IsTimeout:
		return withAdvice("has an unknown host name: correct host, or the name server")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return withAdvice("did not answer in time: raise timeout, or look in SHOW PROCESSLIST for what it waits for")
	case errors.Is(err, mysql.ErrMalformPkt), errors.Is(err, mysql.ErrPktSync), errors.Is(err, mysql.ErrPktTooLarge), errors.Is(err, mysql.ErrUnknownPlugin):
		return withAdvice("does not answer like a MariaDB server: correct host and port")
	case isBroken(err):
		return withAdvice("closed the connection: it was stopped, or it is not a MariaDB server")
	}
	return fmt.Errorf("mariadb %s: %w", addr, err)
}

// isBroken reports whether the error means that the connection has ended.
func isBroken(err error) bool {
	for _, end := range []error{driver.ErrBadConn, mysql.ErrInvalidConn, sql.ErrConnDone, io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, end) {
			return true
		}
	}
	return false
}

// findAdvice returns what an error of the server means and what to do, or "" (MariaDB documentation, "Error Codes"; codes
// from 3000 on are from MySQL).
func findAdvice(e *mysql.MySQLError, user string) string {
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
		return "refuses the user or the password: correct user and password (or the user exists only for another host: CREATE USER)"
	case hostNotAllowed:
		return "accepts no connections from this host: run CREATE USER '" + user + "'@'<host>' there"
	case hostBlocked:
		return "has blocked this host after many errors: run FLUSH HOSTS there"
	case tooManyConnections:
		return "has no connection left: raise max_connections there"
	case shuttingDown:
		return "was stopped"
	case noDatabase:
		return "has no such database: correct database"
	case deniedDatabase, deniedTable, deniedPrivilege:
		return "refuses this to the user: " + grantFor(e.Message, user)
	case statementTime, executionTime:
		return "cancelled a query: it exceeded its time limit (timeout, max_statement_time)"
	}
	return ""
}

// grantFor returns the statement that grants the missing right that a message names: "Access denied; you need (at least one
// of) the SUPER, SLAVE MONITOR privilege(s) for this operation", "SELECT command denied to user 'u'@'h' for table `d`.`t`".
func grantFor(message, user string) string {
	to := " TO " + quoteName(user)
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

// quoteName returns a name as an SQL string.
func quoteName(name string) string { return "'" + strings.ReplaceAll(name, "'", "''") + "'" }
