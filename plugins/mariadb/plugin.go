// Package mariadbinput reports on a MariaDB or MySQL server: status and system variables, processes, replication, users,
// and what queries of the user's own return.
package mariadbinput

import (
	"context"
	"database/sql"
	"database/sql/driver"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/rtcollector/rtcollector/internal/guard"
	"github.com/rtcollector/rtcollector/internal/metric"
	"github.com/rtcollector/rtcollector/internal/sqlseries"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

//go:embed README.md
var readme string

// Plugin is the input's definition.
var Plugin = plugins.Poll("mariadb", "MariaDB and MySQL: status, variables, processes, replication, users, your own queries", defaults, build).
	As("mysql").OnRequest().Doc(readme + sqlseries.Readme)

type input struct {
	place   Place
	factory *telemetry.Factory
	log     *slog.Logger
	server  telemetry.Label
	db      *sql.DB
	budget  *guard.Budget // of one query

	up      *telemetry.Series
	info    *metric.Info
	release string
	flavour flavour
	sources []source
	looks   bool // at processes, and has not asked yet whether it may
}

// source is something that is asked again and again.
type source struct {
	name  string
	every time.Duration
	sql   func(flavour) string
	begin func(columns []string) error // may be nil
	row   func(out *telemetry.Batch, columns []string, values [][]byte) error
	end   func(*telemetry.Batch) error // may be nil; says what was wrong with the rows

	asked bool
	next  int64 // when it is due again, as Batch.Time
	err   error // of the last answer

	runner *sqlseries.Runner // of the user's own
}

func build(env plugins.Env, c Config) (*input, error) {
	p := c.place()
	budget := guard.NewBudget(maxAnswer)
	in := &input{
		place: p, factory: env.Factory, log: env.Log, looks: c.CollectProcesses, db: open(p, env.Secrets, budget), budget: budget,
		server: telemetry.Label{Key: sqlseries.Server, Value: p.server()},
	}
	in.up = env.Factory.Gauge("mariadb_up", telemetry.None, in.server)
	in.info = metric.NewInfo(env.Factory, "mariadb_info", in.server)
	in.sources = append(in.sources, statusSource(env.Factory, in.server, &c))
	if len(c.Variables) > 0 {
		in.sources = append(in.sources, variablesSource(env.Factory, in.server, &c))
	}
	if c.CollectProcesses {
		in.sources = append(in.sources, processSource(env.Factory, in.server), longestSource(env.Factory, in.server))
	}
	if c.CollectReplication {
		in.sources = append(in.sources, replicaSource(env.Factory, in.server))
	}
	if c.UserStatistics {
		in.sources = append(in.sources, userSource(env.Factory, in.server))
	}
	for _, q := range c.Queries {
		in.sources = append(in.sources, querySource(env.Factory, in.server, q))
	}
	return in, nil
}

// Close implements io.Closer.
func (in *input) Close() error { return in.db.Close() }

// Gather implements plugins.Gatherer.
func (in *input) Gather(ctx context.Context, out *telemetry.Batch) error {
	var release string
	in.budget.Renew()
	if err := in.db.QueryRowContext(ctx, "SELECT VERSION()").Scan(&release); err != nil { // tried again on a new connection
		out.Add(in.up, 0)
		return in.explain(err)
	}
	if release != in.release {
		in.release, in.flavour = release, flavourOf(release)
	}
	in.info.Add(out, telemetry.Label{Key: "version", Value: release})
	in.warn(ctx)
	alive, err := in.ask(ctx, out)
	out.Add(in.up, metric.Bool(alive))
	return err
}

// mayLook says whether the user has the right PROCESS; who has a role may have it from there.
const mayLook = `SELECT CURRENT_ROLE() IS NOT NULL OR EXISTS (SELECT 1 FROM information_schema.USER_PRIVILEGES
	WHERE PRIVILEGE_TYPE = 'PROCESS' AND GRANTEE LIKE CONCAT("'", SUBSTRING_INDEX(CURRENT_USER(), '@', 1), "'@%"))`

// warn says once what a user without rights will not see: there is no error, just fewer processes.
func (in *input) warn(ctx context.Context) {
	if !in.looks || !in.flavour.mariadb {
		return
	}
	in.looks = false
	var may bool
	if err := in.db.QueryRowContext(ctx, mayLook).Scan(&may); err == nil && !may {
		in.log.Warn("this user sees only its own processes", "server", in.server.Value, "do", "GRANT PROCESS ON *.* TO "+quoted(in.place.User))
	}
}

// ask runs all that is due, and says whether the server is still there. When it is not, the rest is left for the next gather.
func (in *input) ask(ctx context.Context, out *telemetry.Batch) (alive bool, err error) {
	var errs []error
	for i := range in.sources {
		in.budget.Renew()
		err := in.sources[i].gather(ctx, in.db, in.flavour, out)
		if err == nil {
			continue
		}
		errs = append(errs, in.explain(err))
		if ctx.Err() != nil || lost(err) {
			return false, errors.Join(errs...)
		}
	}
	return true, errors.Join(errs...)
}

// explain turns an error into a sentence. Where a limit was exceeded, the driver says that the connection is invalid.
func (in *input) explain(err error) error {
	if limit := in.budget.Exceeded(); limit != nil {
		err = fmt.Errorf("%w (%w)", limit, err)
	}
	return in.place.explain(err)
}

// lost says whether the error is about the connection, not about one query.
func lost(err error) bool {
	const shuttingDown, killed = 1053, 1927
	var reply *mysql.MySQLError
	if errors.As(err, &reply) {
		return reply.Number == shuttingDown || reply.Number == killed
	}
	return broken(err)
}

// gather asks, if it is time to.
func (s *source) gather(ctx context.Context, db *sql.DB, f flavour, out *telemetry.Batch) error {
	if s.runner != nil {
		if !s.runner.Due(out) {
			return s.runner.Err()
		}
		return s.runner.End(out, s.own(ctx, db, f, out))
	}
	if s.asked && out.Time < s.next {
		return s.err
	}
	err := s.query(ctx, db, s.sql(f), out)
	if err == nil {
		s.asked, s.next = true, out.Time+s.every.Milliseconds()
	}
	if s.end != nil {
		err = errors.Join(err, s.end(out))
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", s.name, err)
	}
	s.err = err
	return err
}

// own asks a query of the user's. The server is told to give up a little earlier than we do, because it does not notice that
// nobody waits, and so that the connection is kept.
func (s *source) own(ctx context.Context, db *sql.DB, f flavour, out *telemetry.Batch) (err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	limited := ctx
	if s.runner.Timeout > 0 {
		var cancel context.CancelFunc
		limited, cancel = context.WithTimeout(ctx, s.runner.Timeout.D())
		defer cancel()
	}
	defer func() {
		if limited.Err() != nil && broken(err) {
			err = limited.Err() // the driver ends a connection whose time has passed, and then finds it ended
		}
	}()
	if deadline, ok := limited.Deadline(); ok {
		if _, err := conn.ExecContext(limited, f.limit(time.Until(deadline)*9/10)); err != nil {
			return err
		}
		defer func() {
			if _, err := conn.ExecContext(ctx, f.unlimited()); err != nil {
				_ = conn.Raw(func(any) error { return driver.ErrBadConn }) // not to be used again: the limit holds there
			}
		}()
	}
	return s.query(limited, conn, s.runner.SQL, out)
}

// asker is a database, or one connection to it.
type asker interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// query runs one statement and hands on its rows, whose bytes are only valid until the next.
func (s *source) query(ctx context.Context, db asker, statement string, out *telemetry.Batch) (err error) {
	rows, err := db.QueryContext(ctx, statement)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	if s.begin != nil {
		if err := s.begin(columns); err != nil {
			return err
		}
	}
	raw, into, values := make([]sql.RawBytes, len(columns)), make([]any, len(columns)), make([][]byte, len(columns))
	for i := range raw {
		into[i] = &raw[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		for i := range raw {
			values[i] = raw[i]
		}
		if failed := s.row(out, columns, values); failed != nil && err == nil {
			err = failed
		}
	}
	return errors.Join(err, rows.Err())
}
