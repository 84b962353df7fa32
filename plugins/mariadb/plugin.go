// Package mariadbinput reports the statistics of a MariaDB or MySQL server: status and system variables, processes,
// replication, users, and the results of the user's own queries.
//
//   - config.go: the settings. plugin.go: [Plugin], the gather, and [source], a query that runs repeatedly.
//   - sources.go lists the queries of the input. status.go: status and system variables. replica.go: replication, and the
//     differences between MariaDB and MySQL.
//   - conn.go: the connection and advice for its errors. safe.go turns panics of the driver into errors.
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
	endpoint Endpoint
	factory  *telemetry.Factory
	log      *slog.Logger
	server   telemetry.Label
	db       *sql.DB
	budget   *guard.Budget // of one query

	up             *telemetry.Series
	info           *metric.Info
	release        string
	flavour        flavour
	sources        []source
	mustCheckRight bool // whether the user has the right PROCESS must still be checked
}

// source is a query that runs repeatedly.
type source struct {
	name      string
	interval  time.Duration
	statement func(flavour) string
	beginRows func(columns []string) error // may be nil
	addRow    func(out *telemetry.Batch, columns []string, values [][]byte) error
	endRows   func(*telemetry.Batch) error // may be nil; returns the problems of the rows

	hasRun  bool
	nextRun int64 // when the query is due again, as Batch.Time
	lastErr error // of the last run

	runner *sqlseries.Runner // of a query of the user; otherwise nil
}

func build(env plugins.Env, c Config) (*input, error) {
	p := c.endpoint()
	budget := guard.NewBudget(maxReplyLen)
	in := &input{
		endpoint: p, factory: env.Factory, log: env.Log, mustCheckRight: c.CollectProcesses, db: openDB(p, env.Secrets, budget), budget: budget,
		server: telemetry.Label{Key: sqlseries.ServerLabel, Value: p.serverLabel()},
	}
	in.up = env.Factory.Gauge("mariadb_up", telemetry.None, in.server)
	in.info = metric.NewInfo(env.Factory, "mariadb_info", in.server)
	in.sources = append(in.sources, newStatusSource(env.Factory, in.server, &c))
	if len(c.Variables) > 0 {
		in.sources = append(in.sources, newVariablesSource(env.Factory, in.server, &c))
	}
	if c.CollectProcesses {
		in.sources = append(in.sources, newProcessSource(env.Factory, in.server), newLongestQuerySource(env.Factory, in.server))
	}
	if c.CollectReplication {
		in.sources = append(in.sources, newReplicaSource(env.Factory, in.server))
	}
	if c.UserStatistics {
		in.sources = append(in.sources, newUserSource(env.Factory, in.server))
	}
	for _, q := range c.Queries {
		in.sources = append(in.sources, newQuerySource(env.Factory, in.server, q))
	}
	return in, nil
}

// Close implements io.Closer.
func (in *input) Close() error { return in.db.Close() }

// Gather implements plugins.Gatherer.
func (in *input) Gather(ctx context.Context, out *telemetry.Batch) error {
	var release string
	in.budget.Renew()
	if err := in.db.QueryRowContext(ctx, "SELECT VERSION()").Scan(&release); err != nil { // database/sql retries it on a new connection
		out.Add(in.up, 0)
		return in.explainError(err)
	}
	if release != in.release {
		in.release, in.flavour = release, parseFlavour(release)
	}
	in.info.Add(out, telemetry.Label{Key: "version", Value: release})
	in.warnMissingRight(ctx)
	alive, err := in.gatherSources(ctx, out)
	out.Add(in.up, metric.Bool(alive))
	return err
}

// processRightQuery reports whether the user has the right PROCESS. A user with a role may have it through the role.
const processRightQuery = `SELECT CURRENT_ROLE() IS NOT NULL OR EXISTS (SELECT 1 FROM information_schema.USER_PRIVILEGES
	WHERE PRIVILEGE_TYPE = 'PROCESS' AND GRANTEE LIKE CONCAT("'", SUBSTRING_INDEX(CURRENT_USER(), '@', 1), "'@%"))`

// warnMissingRight warns once if the user lacks the right PROCESS: the server then returns fewer processes instead of an
// error.
func (in *input) warnMissingRight(ctx context.Context) {
	if !in.mustCheckRight || !in.flavour.mariadb {
		return
	}
	in.mustCheckRight = false
	var may bool
	if err := in.db.QueryRowContext(ctx, processRightQuery).Scan(&may); err == nil && !may {
		in.log.Warn("the user sees only its own processes", "server", in.server.Value, "do", "GRANT PROCESS ON *.* TO "+quoteName(in.endpoint.User))
	}
}

// gatherSources runs the queries that are due. If the connection fails, alive is false and the other queries wait for the
// next gather.
func (in *input) gatherSources(ctx context.Context, out *telemetry.Batch) (alive bool, err error) {
	var errs []error
	for i := range in.sources {
		in.budget.Renew()
		err := in.sources[i].gather(ctx, in.db, in.flavour, out)
		if err == nil {
			continue
		}
		errs = append(errs, in.explainError(err))
		if ctx.Err() != nil || isConnectionLost(err) {
			return false, errors.Join(errs...)
		}
	}
	return true, errors.Join(errs...)
}

// explainError adds to an error what to do. If a limit was exceeded, the driver only reports an invalid connection.
func (in *input) explainError(err error) error {
	if limit := in.budget.Exceeded(); limit != nil {
		err = fmt.Errorf("%w (%w)", limit, err)
	}
	return in.endpoint.explainError(err)
}

// isConnectionLost reports whether the error concerns the connection, and not only one query.
func isConnectionLost(err error) bool {
	const shuttingDown, killed = 1053, 1927
	var reply *mysql.MySQLError
	if errors.As(err, &reply) {
		return reply.Number == shuttingDown || reply.Number == killed
	}
	return isBroken(err)
}

// gather runs the query if it is due.
func (s *source) gather(ctx context.Context, db *sql.DB, f flavour, out *telemetry.Batch) error {
	if s.runner != nil {
		if !s.runner.Due(out) {
			return s.runner.Err()
		}
		return s.runner.End(out, s.runUserQuery(ctx, db, f, out))
	}
	if s.hasRun && out.Time < s.nextRun {
		return s.lastErr
	}
	err := s.runQuery(ctx, db, s.statement(f), out)
	if err == nil {
		s.hasRun, s.nextRun = true, out.Time+s.interval.Milliseconds()
	}
	if s.endRows != nil {
		err = errors.Join(err, s.endRows(out))
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", s.name, err)
	}
	s.lastErr = err
	return err
}

// runUserQuery runs a query of the user. The server gets a slightly shorter time limit than the context: it does not notice
// when the client stops waiting, and this way the connection survives.
func (s *source) runUserQuery(ctx context.Context, db *sql.DB, f flavour, out *telemetry.Batch) (err error) {
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
		if limited.Err() != nil && isBroken(err) {
			err = limited.Err() // the driver closes a connection after its deadline, and then reports it as closed
		}
	}()
	if deadline, ok := limited.Deadline(); ok {
		if _, err := conn.ExecContext(limited, f.limitSQL(time.Until(deadline)*9/10)); err != nil {
			return err
		}
		defer func() {
			if _, err := conn.ExecContext(ctx, f.resetLimitSQL()); err != nil {
				_ = conn.Raw(func(any) error { return driver.ErrBadConn }) // close the connection, because the limit still applies to it
			}
		}()
	}
	return s.runQuery(limited, conn, s.runner.SQL, out)
}

// queryer is a database, or one connection to it.
type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// runQuery runs one statement and passes its rows on. The bytes of a row are only valid until the next row.
func (s *source) runQuery(ctx context.Context, db queryer, statement string, out *telemetry.Batch) (err error) {
	rows, err := db.QueryContext(ctx, statement)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	if s.beginRows != nil {
		if err := s.beginRows(columns); err != nil {
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
		if failed := s.addRow(out, columns, values); failed != nil && err == nil {
			err = failed
		}
	}
	return errors.Join(err, rows.Err())
}
