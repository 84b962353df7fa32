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

// explain turns an error into a sentence: which server, what is the matter, what to do. There is no credential in it.
func explain(server, user string, err error) error {
	var unresolved *secret.ResolveError
	var reply *pgconn.PgError
	var lookup *net.DNSError
	var timeout net.Error
	var tooLong *pgproto3.ExceededMaxBodyLenErr
	said := func(advice string, cause error) error { return fmt.Errorf("postgres %s %s: %w", server, advice, cause) }
	switch {
	case err == nil:
		return nil
	case errors.As(err, &unresolved), errors.Is(err, context.Canceled):
		return fmt.Errorf("postgres %s: %w", server, err)
	case errors.As(err, &reply):
		if advice := advise(reply, user); advice != "" {
			return said(advice, cause(err))
		}
		return fmt.Errorf("postgres %s: %w", server, cause(err))
	case tlsx.Advice(err) != "":
		return said(tlsx.Advice(err), cause(err))
	case strings.Contains(err.Error(), "server refused TLS"):
		return said("speaks no TLS: switch it on there (ssl = on), or leave out tls, or set sslmode: prefer", cause(err))
	case errors.As(err, &tooLong):
		return said(fmt.Sprintf("announces a message of %d bytes, more than the limit of %d: check that it is a PostgreSQL server", tooLong.ActualBodyLen, maxMessage), cause(err))
	case guard.IsLimit(err):
		return fmt.Errorf("postgres %s %w: let the query return less, if it is one of yours", server, cause(err))
	case errors.Is(err, guard.ErrBusy):
		return fmt.Errorf("postgres %s: %w", server, cause(err))
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, fs.ErrNotExist) && errors.As(err, new(*net.OpError)):
		return said("is not there: is it running, and does it listen there (listen_addresses, port)?", cause(err))
	case errors.As(err, &lookup) && !lookup.IsTimeout:
		return said("has an unknown name: correct host, or the name server", cause(err))
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return said("did not answer in time: raise timeout, or see pg_stat_activity for what it waits for", cause(err))
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return said("closed the connection: it was stopped, or that is no PostgreSQL", cause(err))
	}
	return fmt.Errorf("postgres %s: %w", server, cause(err))
}

// cause is the error of one attempt in one line; pgconn lists all attempts on lines of their own.
func cause(err error) error {
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

// advise says what an error of the server means and what to do: PostgreSQL's documentation, appendix "Error Codes".
func advise(e *pgconn.PgError, user string) string {
	switch e.Code {
	case "28P01":
		return "refuses the user or the password: correct user and password"
	case "28000":
		return "does not let this user in from here: correct user and password, or add a line to its pg_hba.conf (and reload)"
	case "3D000":
		return "has no such database: correct dbname"
	case "53300":
		return "has no connection left: raise max_connections there, or GRANT pg_use_reserved_connections TO " + identifier(user) + " (16 and later)"
	case "57P03":
		return "is starting up or shutting down, or a standby that takes no connections (hot_standby)"
	case "57P01", "57P02":
		return "was stopped"
	case "57014":
		return "gave up a query: it took longer than it may (statement_timeout)"
	case "42501":
		return "refuses this to the user: " + grant(e.Message, user)
	case "55000":
		if strings.Contains(e.Message, "shared_preload_libraries") {
			return "does not record statements: add pg_stat_statements to its shared_preload_libraries and restart it"
		}
	case "42P01", "42883":
		if strings.Contains(e.Message, "pg_stat_statements") {
			return "has no pg_stat_statements: run CREATE EXTENSION pg_stat_statements in the database dbname, or leave out statements"
		}
	case "42703":
		if strings.Contains(e.Message, "exec_time") || strings.Contains(e.Message, "wal_bytes") {
			return "has an old pg_stat_statements: run ALTER EXTENSION pg_stat_statements UPDATE in the database dbname"
		}
	}
	return ""
}

// grant is the statement that gives the right which a message names ("permission denied for table invoices").
func grant(message, user string) string {
	to := " TO " + identifier(user)
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
	return monitor + to
}

// monitor gives all that the default set needs (PostgreSQL 10 and later).
const monitor = "GRANT pg_monitor"

// identifier writes a name as SQL has it.
func identifier(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
