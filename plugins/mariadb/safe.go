package mariadbinput

import (
	"context"
	"database/sql/driver"
	"fmt"

	"github.com/go-sql-driver/mysql"
)

// safeConn is a connection of the driver whose panics are errors. The driver indexes what a server sent without measuring it.
// database/sql would not survive a panic: it has one connection, and never gives it out again.
type safeConn struct {
	driver.Conn
	broken bool
}

// guard turns a panic into an error, and ends the connection.
func (c *safeConn) guard(err *error) {
	if r := recover(); r != nil {
		c.broken = true
		_ = c.Close()
		*err = fmt.Errorf("%w (%v)", mysql.ErrMalformPkt, r)
	}
}

// QueryContext implements driver.QueryerContext.
func (c *safeConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (rows driver.Rows, err error) {
	defer c.guard(&err)
	rows, err = c.Conn.(driver.QueryerContext).QueryContext(ctx, query, args) //nolint:forcetypeassert // the driver's has it
	if err != nil {
		return nil, err
	}
	return &safeRows{rows, c}, nil
}

// ExecContext implements driver.ExecerContext.
func (c *safeConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (result driver.Result, err error) {
	defer c.guard(&err)
	return c.Conn.(driver.ExecerContext).ExecContext(ctx, query, args) //nolint:forcetypeassert // the driver's has it
}

// ResetSession implements driver.SessionResetter.
func (c *safeConn) ResetSession(ctx context.Context) (err error) {
	defer c.guard(&err)
	return c.Conn.(driver.SessionResetter).ResetSession(ctx) //nolint:forcetypeassert // the driver's has it
}

// IsValid implements driver.Validator.
func (c *safeConn) IsValid() bool {
	return !c.broken && c.Conn.(driver.Validator).IsValid() //nolint:forcetypeassert // the driver's has it
}

// safeRows are the rows of an answer, likewise.
type safeRows struct {
	driver.Rows
	conn *safeConn
}

// Next implements driver.Rows.
func (r *safeRows) Next(dest []driver.Value) (err error) {
	defer r.conn.guard(&err)
	return r.Rows.Next(dest)
}

// Close implements driver.Rows.
func (r *safeRows) Close() (err error) {
	defer r.conn.guard(&err)
	return r.Rows.Close()
}
