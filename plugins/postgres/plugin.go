// Package postgresinput reports the statistics of a PostgreSQL server: databases, connections, locks, WAL, replication,
// vacuum, and the results of the user's own queries.
//
//   - config.go: the settings. plugin.go: [Plugin], the gather, and the queries as sources of samples.
//   - view.go: [view] describes a query of the default set for all versions. server_views.go, detail_views.go list them.
//   - conn.go: the connection, within limits for what the server may send. explain.go: advice for its errors.
package postgresinput

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rtcollector/rtcollector/internal/sqlseries"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins"
)

//go:embed README.md
var readme string

// Plugin is the input's definition.
var Plugin = plugins.Poll("postgres", "PostgreSQL: databases, connections, locks, WAL, replication, vacuum, your own queries", defaults, build).
	As("postgresql").OnRequest().Doc(readme + sqlseries.Readme)

type input struct {
	config     Config
	factory    *telemetry.Factory
	log        *slog.Logger
	connection *connection

	server            string // the label: host:port
	up                *telemetry.Series
	release           string // of the server for which info and sources were made
	info              *telemetry.Series
	sources           []source
	warnedMissingRole bool
}

func build(env plugins.Env, c Config) (*input, error) {
	in := &input{config: c, factory: env.Factory, log: env.Log, connection: newConnection(c, env.Secrets)}
	if c.URL.IsZero() { // otherwise the address is part of a secret that is not resolved yet
		in.setServer(serverAddress(c.Host, c.Port))
	}
	return in, nil
}

// setServer sets the address of the server, which may have changed since the last connection.
func (in *input) setServer(server string) {
	if server != in.server {
		in.server, in.release = server, ""
		in.up = in.factory.Gauge("postgres_up", telemetry.None, in.serverLabel())
	}
}

// Close implements io.Closer.
func (in *input) Close() error {
	in.connection.close()
	return nil
}

// Gather implements plugins.Gatherer.
func (in *input) Gather(ctx context.Context, out *telemetry.Batch) error {
	if !in.connection.isWorking(ctx) {
		if err := in.connect(ctx); err != nil {
			out.Add(in.up, 0)
			return err
		}
	}
	err := in.gatherSources(ctx, out)
	out.Add(in.info, 1)
	up := 1.0
	if !in.connection.isOpen() {
		up = 0
	}
	out.Add(in.up, up)
	return err
}

// gatherSources runs the queries that are due. If the connection fails, the other queries wait for the next gather. After a
// query of the user has exceeded its own timeout, it connects again, so that the other queries are not affected.
func (in *input) gatherSources(ctx context.Context, out *telemetry.Batch) error {
	var errs []error
	for _, s := range in.sources {
		err := s.gather(ctx, in.connection, out)
		if err != nil {
			errs = append(errs, explainError(in.server, in.connection.user, err))
		}
		if in.connection.isOpen() {
			continue
		}
		if ctx.Err() != nil || !isTimeout(err) {
			break
		}
		if err := in.connect(ctx); err != nil {
			errs = append(errs, err)
			break
		}
	}
	return errors.Join(errs...)
}

func isTimeout(err error) bool { return errors.Is(err, context.DeadlineExceeded) }

// source is a query that runs repeatedly: one of the default set, or one of the user.
type source interface {
	gather(ctx context.Context, c *connection, out *telemetry.Batch) error
}

// connect opens the connection. If the server or its version has changed, it makes the series again.
func (in *input) connect(ctx context.Context) error {
	config, err := in.config.connConfig(ctx, in.connection.store)
	if err != nil {
		return explainError(cmp.Or(in.server, "(url)"), in.config.User, err)
	}
	in.setServer(serverAddress(config.Host, int(config.Port)))
	if err := in.connection.dial(ctx, config); err != nil {
		return explainError(in.server, config.User, err)
	}
	if release := in.connection.conn.ParameterStatus("server_version"); release != in.release || in.sources == nil {
		in.buildSources(release)
	}
	if err := in.warnMissingRole(ctx); err != nil {
		return explainError(in.server, config.User, err)
	}
	return nil
}

// buildSources makes the queries for a release, and their series.
func (in *input) buildSources(release string) {
	in.release = release
	in.info = in.factory.Info("postgres_info", []telemetry.Label{in.serverLabel()}, telemetry.Label{Key: "version", Value: release})
	in.sources = nil
	for _, s := range planStatements(&in.config, parseVersion(release)) {
		in.sources = append(in.sources, newViewSource(in.factory, in.serverLabel(), s, &in.config))
	}
	for _, q := range in.config.Queries {
		in.sources = append(in.sources, newQuerySource(in.factory, in.serverLabel(), q))
	}
}

func (in *input) serverLabel() telemetry.Label {
	return telemetry.Label{Key: sqlseries.ServerLabel, Value: in.server}
}

// warnMissingRole warns once if the user lacks pg_monitor: the server then returns NULL in many columns instead of an error.
// It returns an error only if the connection failed.
func (in *input) warnMissingRole(ctx context.Context) error {
	if in.warnedMissingRole || parseVersion(in.release) < v10 {
		return nil
	}
	var member boolResult
	err := in.connection.query(ctx, "SELECT pg_has_role(current_user, 'pg_monitor', 'USAGE')", &member)
	if err == nil && !member {
		in.warnedMissingRole = true
		in.log.Warn("the user sees only its own connections and few replication metrics", "server", in.server,
			"do", grantMonitor+" TO "+quoteIdentifier(in.connection.user))
	}
	if in.connection.isOpen() {
		return nil
	}
	return err
}

// boolResult is the result of a query with one boolean.
type boolResult bool

func (*boolResult) beginRows(columns []pgconn.FieldDescription) error {
	return checkColumns(columns, 1)
}

// checkColumns returns an error unless the result has the expected number of columns.
func checkColumns(columns []pgconn.FieldDescription, want int) error {
	if len(columns) != want {
		return fmt.Errorf("the result has %d columns instead of %d: is this a PostgreSQL server?", len(columns), want)
	}
	return nil
}

func (f *boolResult) addRow(values [][]byte) error {
	*f = string(values[0]) == "t"
	return nil
}

// viewSource is a query of the default set and its series.
type viewSource struct {
	statement
	set     *sqlseries.Set
	out     *telemetry.Batch
	nextRun int64 // when the query is due again, as Batch.Time
	hasRun  bool  // the query has run, and next is set
	lastErr error // of the last run
}

func newViewSource(f *telemetry.Factory, server telemetry.Label, s statement, c *Config) *viewSource {
	var isWanted func([]telemetry.Label) bool
	if len(c.Databases) > 0 && len(s.labels) > 0 && s.labels[0] == "database" {
		isWanted = func(l []telemetry.Label) bool { return c.Databases.Match(l[0].Value) }
	}
	return &viewSource{statement: s, set: sqlseries.NewSet(f, []telemetry.Label{server}, s.labels, s.metrics, isWanted)}
}

func (v *viewSource) gather(ctx context.Context, c *connection, out *telemetry.Batch) error {
	if v.hasRun && out.Time < v.nextRun {
		return v.lastErr
	}
	v.out, v.lastErr = out, nil
	err := c.query(ctx, v.sql, v)
	rowErr := v.set.End(out)
	if err == nil {
		v.hasRun, v.nextRun = true, out.Time+v.interval.Milliseconds()
	}
	if err = errors.Join(err, rowErr); err != nil {
		err = fmt.Errorf("%s: %w", v.name, err)
	}
	v.lastErr = err
	return err
}

func (v *viewSource) beginRows(columns []pgconn.FieldDescription) error {
	return checkColumns(columns, len(v.labels)+len(v.metrics))
}

func (v *viewSource) addRow(values [][]byte) error {
	v.set.Add(v.out, values[:len(v.labels)], values[len(v.labels):])
	return nil
}

// querySource is a query of the user.
type querySource struct {
	*sqlseries.Runner
	out   *telemetry.Batch
	names []string
}

func newQuerySource(f *telemetry.Factory, server telemetry.Label, q sqlseries.Query) *querySource {
	return &querySource{Runner: sqlseries.NewRunner(f, []telemetry.Label{server}, q)}
}

func (q *querySource) gather(ctx context.Context, c *connection, out *telemetry.Batch) error {
	if !q.Due(out) {
		return q.Err()
	}
	q.out = out
	if q.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(q.Timeout))
		defer cancel()
	}
	return q.End(out, c.query(ctx, q.SQL, q))
}

func (q *querySource) beginRows(columns []pgconn.FieldDescription) error {
	q.names = q.names[:0]
	for _, c := range columns {
		q.names = append(q.names, c.Name)
	}
	return q.Begin(q.names)
}

func (q *querySource) addRow(values [][]byte) error { return q.Add(q.out, values) }
