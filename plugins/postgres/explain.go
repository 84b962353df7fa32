package postgresinput

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/rtcollector/rtcollector/internal/guard"
	"github.com/rtcollector/rtcollector/internal/secret"
	"github.com/rtcollector/rtcollector/internal/tlsx"
)

// explainError adds to an error which server it concerns and what to do. The text contains no credentials.
func explainError(server, user string, err error) error {
	var unresolved *secret.ResolveError
	var reply *pgconn.PgError
	var lookup *net.DNSError
	var timeout net.Error
	var tooLong *pgproto3.ExceededMaxBodyLenErr
	withAdvice := func(advice string, cause error) error { return fmt.Errorf("postgres %s %s: %w", server, advice, cause) }
	switch {
	case err == nil:
		return nil
	case errors.As(err, &unresolved), errors.Is(err, context.Canceled):
		return fmt.Errorf("postgres %s: %w", server, err)
	case errors.As(err, &reply):
		if advice := findAdvice(reply, user); advice != "" {
			return withAdvice(advice, firstCause(err))
		}
		return fmt.Errorf("postgres %s: %w", server, firstCause(err))
	case tlsx.Advice(err) != "":
		return withAdvice(tlsx.Advice(err), firstCause(err))
	case strings.Contains(err.Error(), "server refused TLS"):
		return withAdvice("does not support TLS: enable it there (ssl = on), or remove tls, or set sslmode: prefer", firstCause(err))
	case errors.As(err, &tooLong):
		return withAdvice(fmt.Sprintf("announces a message of %d bytes, more than the limit of %d: is this a PostgreSQL server?", tooLong.ActualBodyLen, maxMessageLen), firstCause(err))
	case guard.IsLimit(err):
		return fmt.Errorf("postgres %s %w: if this is one of your queries, let it return less", server, firstCause(err))
	case errors.Is(err, guard.ErrBusy):
		return fmt.Errorf("postgres %s: %w", server, firstCause(err))
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, fs.ErrNotExist) && errors.As(err, new(*net.OpError)):
		return withAdvice("is not reachable: is it running, and does it listen on this address (listen_addresses, port)?", firstCause(err))
	case errors.As(err, &lookup) && !lookup.IsTimeout:
		return withAdvice("has an unknown host name: correct host, or the name server", firstCause(err))
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return withAdvice("did not answer in time: raise timeout, or look in pg_stat_activity for what it waits for", firstCause(err))
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return withAdvice("closed the connection: it was stopped, or it is not a PostgreSQL server", firstCause(err))
	}
	return fmt.Errorf("postgres %s: %w", server, firstCause(err))
}

// firstCause returns the error of the first attempt to connect, in one line. pgconn lists all attempts, each on its own line.
func firstCause(err error) error {
	var connect *pgconn.ConnectError
	if !errors.As(err, &connect) {
		return err
	}
	var reply *pgconn.PgError
	if errors.As(err, &reply) {
		return reply
	}
	for e := errors.Unwrap(connect); e != nil; {
		many, joined := e.(interface{ Unwrap() []error }) //nolint:errorlint // one layer at a time
		switch {
		case joined && len(many.Unwrap()) > 0:
			e = many.Unwrap()[0]
		case !strings.Contains(e.Error(), "\n"):
			return e
		default:
			e = errors.Unwrap(e)
		}
	}
	return err
}

// findAdvice returns what an error of the server means and what to do, or "" (PostgreSQL documentation, appendix "Error
// Codes").
func findAdvice(e *pgconn.PgError, user string) string {
	switch e.Code {
	case "28P01":
		return "refuses the user or the password: correct user and password"
	case "28000":
		return "does not accept this user from this host: correct user and password, or add a line to its pg_hba.conf and reload"
	case "3D000":
		return "has no such database: correct dbname"
	case "53300":
		return "has no connection left: raise max_connections there, or GRANT pg_use_reserved_connections TO " + quoteIdentifier(user) + " (16 and later)"
	case "57P03":
		return "is starting or stopping, or is a standby that accepts no connections (hot_standby)"
	case "57P01", "57P02":
		return "was stopped"
	case "57014":
		return "cancelled a query: it exceeded statement_timeout"
	case "42501":
		return "refuses this to the user: " + grantFor(e.Message, user)
	case "55000":
		if strings.Contains(e.Message, "shared_preload_libraries") {
			return "does not record statements: add pg_stat_statements to shared_preload_libraries there and restart it"
		}
	case "42P01", "42883":
		if strings.Contains(e.Message, "pg_stat_statements") {
			return "has no pg_stat_statements: run CREATE EXTENSION pg_stat_statements in the database dbname, or remove statements"
		}
	case "42703":
		if strings.Contains(e.Message, "exec_time") || strings.Contains(e.Message, "wal_bytes") {
			return "has an old pg_stat_statements: run ALTER EXTENSION pg_stat_statements UPDATE in the database dbname"
		}
	}
	return ""
}

// grantFor returns the statement that grants the missing right that a message names ("permission denied for table
// invoices").
func grantFor(message, user string) string {
	to := " TO " + quoteIdentifier(user)
	_, denied, _ := strings.Cut(message, "permission denied for ")
	kind, object, _ := strings.Cut(denied, " ")
	switch kind {
	case "table", "relation", "view":
		if !strings.HasPrefix(object, "pg_") {
			return "GRANT SELECT ON " + object + to
		}
	case "materialized", "foreign":
		return "GRANT SELECT ON " + object[strings.LastIndexByte(object, ' ')+1:] + to
	case "schema":
		return "GRANT USAGE ON SCHEMA " + object + to
	case "function":
		if !strings.HasPrefix(object, "pg_") {
			return "GRANT EXECUTE ON FUNCTION " + object + to
		}
	case "database":
		return "GRANT CONNECT ON DATABASE " + object + to
	}
	return grantMonitor + to
}

// grantMonitor grants everything that the default set needs (PostgreSQL 10 and later).
const grantMonitor = "GRANT pg_monitor"

// quoteIdentifier returns a name as an SQL identifier.
func quoteIdentifier(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
