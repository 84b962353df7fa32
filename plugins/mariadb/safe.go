package mariadbinput

import (
	"context"
	"database/sql/driver"
	"fmt"

	"github.com/go-sql-driver/mysql"
)

// safeConn is a connection of the driver whose panics become errors. The driver indexes messages without checking their
// length. After a panic database/sql would never release its only connection.
type safeConn struct {
	driver.Conn
	broken bool
}

// recoverPanic turns a panic into an error and closes the connection.
func (c *safeConn) recoverPanic(err *error) {
	if r := recover(); r != nil {
		c.broken = true
		_ = c.Close()
		*err = fmt.Errorf("%w (%v)", mysql.ErrMalformPkt, r)
	}
}

// QueryContext implements driver.QueryerContext.
func (c *safeConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (rows driver.Rows, err error) {
	defer c.recoverPanic(&err)
	rows, err = c.Conn.(driver.QueryerContext).QueryContext(ctx, query, args) //nolint:forcetypeassert // the driver's connection implements it
	if err != nil {
		return nil, err
	}
	return &safeRows{rows, c}, nil
}

// ExecContext implements driver.ExecerContext.
func (c *safeConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (result driver.Result, err error) {
	defer c.recoverPanic(&err)
	return c.Conn.(driver.ExecerContext).ExecContext(ctx, query, args) //nolint:forcetypeassert // the driver's connection implements it
}

// ResetSession implements driver.SessionResetter.
func (c *safeConn) ResetSession(ctx context.Context) (err error) {
	defer c.recoverPanic(&err)
	return c.Conn.(driver.SessionResetter).ResetSession(ctx) //nolint:forcetypeassert // the driver's connection implements it
}

// IsValid implements driver.Validator.
func (c *safeConn) IsValid() bool {
	return !c.broken && c.Conn.(driver.Validator).IsValid() //nolint:forcetypeassert // the driver's connection implements it
}

// safeRows are rows of the driver whose panics become errors.
type safeRows struct {
	driver.Rows
	conn *safeConn
}

// Next implements driver.Rows.
func (r *safeRows) Next(dest []driver.Value) (err error) {
	defer r.conn.recoverPanic(&err)
	return r.Rows.Next(dest)
}

// Close implements driver.Rows.
func (r *safeRows) Close() (err error) {
	defer r.conn.recoverPanic(&err)
	return r.Rows.Close()
}
