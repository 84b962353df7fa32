// Package postgresinput reports on a PostgreSQL server: databases, connections, locks, WAL, replication, vacuum, and what
// queries of the user's own return.
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

	server  string // what the series are labelled with: host:port
	up      *telemetry.Series
	release string // of the server that the rest was made for
	info    *telemetry.Series
	sources []source
	warned  bool
}

func build(env plugins.Env, c Config) (*input, error) {
	in := &input{config: c, factory: env.Factory, log: env.Log, connection: newConnection(c, env.Secrets)}
	if c.URL.IsZero() { // else its address is a secret that is not known yet
		in.name(address(c.Host, c.Port))
	}
	return in, nil
}

// name takes the address of the server, which may be another than at the last connection.
func (in *input) name(server string) {
	if server != in.server {
		in.server, in.release = server, ""
		in.up = in.factory.Gauge("postgres_up", telemetry.None, in.label())
	}
}

// Close implements io.Closer.
func (in *input) Close() error {
	in.connection.close()
	return nil
}

// Gather implements plugins.Gatherer.
func (in *input) Gather(ctx context.Context, out *telemetry.Batch) error {
	if !in.connection.answers(ctx) {
		if err := in.connect(ctx); err != nil {
			out.Add(in.up, 0)
			return err
		}
	}
	err := in.ask(ctx, out)
	out.Add(in.info, 1)
	up := 1.0
	if !in.connection.alive() {
		up = 0
	}
	out.Add(in.up, up)
	return err
}

// ask runs all that is due. When the connection ends, the rest is left for the next gather; but for a query of the user's
// that had its own time and used it up, which must not cost the others.
func (in *input) ask(ctx context.Context, out *telemetry.Batch) error {
	var errs []error
	for _, s := range in.sources {
		err := s.ask(ctx, in.connection, out)
		if err != nil {
			errs = append(errs, explain(in.server, in.connection.user, err))
		}
		if in.connection.alive() {
			continue
		}
		if ctx.Err() != nil || !timedOut(err) {
			break
		}
		if err := in.connect(ctx); err != nil {
			errs = append(errs, err)
			break
		}
	}
	return errors.Join(errs...)
}

func timedOut(err error) bool { return errors.Is(err, context.DeadlineExceeded) }

// source is a query that is asked again and again: one of the default set, or the user's.
type source interface {
	ask(ctx context.Context, c *connection, out *telemetry.Batch) error
}

// connect makes a connection, and the series anew when the server is not the one, or not of the version, of the last.
func (in *input) connect(ctx context.Context) error {
	config, err := in.config.resolve(ctx, in.connection.store)
	if err != nil {
		return explain(cmp.Or(in.server, "(url)"), in.config.User, err)
	}
	in.name(address(config.Host, int(config.Port)))
	if err := in.connection.dial(ctx, config); err != nil {
		return explain(in.server, config.User, err)
	}
	if release := in.connection.conn.ParameterStatus("server_version"); release != in.release || in.sources == nil {
		in.prepare(release)
	}
	if err := in.warn(ctx); err != nil {
		return explain(in.server, config.User, err)
	}
	return nil
}

// prepare makes what is asked of this release, and its series.
func (in *input) prepare(release string) {
	in.release = release
	in.info = in.factory.Info("postgres_info", []telemetry.Label{in.label()}, telemetry.Label{Key: "version", Value: release})
	in.sources = nil
	for _, s := range plan(&in.config, version(release)) {
		in.sources = append(in.sources, newLiveView(in.factory, in.label(), s, &in.config))
	}
	for _, q := range in.config.Queries {
		in.sources = append(in.sources, newLiveQuery(in.factory, in.label(), q))
	}
}

func (in *input) label() telemetry.Label {
	return telemetry.Label{Key: sqlseries.Server, Value: in.server}
}

// warn says once what a user without rights will not see: there is no error, just nothing in the columns. It returns the error
// that ended the connection.
func (in *input) warn(ctx context.Context) error {
	if in.warned || version(in.release) < v10 {
		return nil
	}
	var member flag
	err := in.connection.query(ctx, "SELECT pg_has_role(current_user, 'pg_monitor', 'USAGE')", &member)
	if err == nil && !member {
		in.warned = true
		in.log.Warn("this user sees only its own connections, and little of replication", "server", in.server,
			"do", monitor+" TO "+identifier(in.connection.user))
	}
	if in.connection.alive() {
		return nil
	}
	return err
}

// flag takes the answer to a yes-no question.
type flag bool

func (*flag) begin(columns []pgconn.FieldDescription) error { return expectColumns(columns, 1) }

// expectColumns returns an error if there is another number of columns than was asked for.
func expectColumns(columns []pgconn.FieldDescription, want int) error {
	if len(columns) != want {
		return fmt.Errorf("%d columns come, and %d were asked for: is that a PostgreSQL?", len(columns), want)
	}
	return nil
}

func (f *flag) row(values [][]byte) error {
	*f = string(values[0]) == "t"
	return nil
}

// liveView is a query of the default set and its series.
type liveView struct {
	statement
	set  *sqlseries.Set
	out  *telemetry.Batch
	next int64 // when it is due again, as Batch.Time
	done bool
	err  error // of the rows of the last answer
}

func newLiveView(f *telemetry.Factory, server telemetry.Label, s statement, c *Config) *liveView {
	var wants func([]telemetry.Label) bool
	if len(c.Databases) > 0 && len(s.labels) > 0 && s.labels[0] == "database" {
		wants = func(l []telemetry.Label) bool { return c.Databases.Match(l[0].Value) }
	}
	return &liveView{statement: s, set: sqlseries.NewSet(f, []telemetry.Label{server}, s.labels, s.metrics, wants)}
}

func (v *liveView) ask(ctx context.Context, c *connection, out *telemetry.Batch) error {
	if v.done && out.Time < v.next {
		return v.err
	}
	v.out, v.err = out, nil
	err := c.query(ctx, v.sql, v)
	wrong := v.set.End(out)
	if err == nil {
		v.done, v.next = true, out.Time+v.every.Milliseconds()
	}
	if err = errors.Join(err, wrong); err != nil {
		err = fmt.Errorf("%s: %w", v.name, err)
	}
	v.err = err
	return err
}

func (v *liveView) begin(columns []pgconn.FieldDescription) error {
	return expectColumns(columns, len(v.labels)+len(v.metrics))
}

func (v *liveView) row(values [][]byte) error {
	v.set.Add(v.out, values[:len(v.labels)], values[len(v.labels):])
	return nil
}

// liveQuery is a query of the user's.
type liveQuery struct {
	*sqlseries.Runner
	out   *telemetry.Batch
	names []string
}

func newLiveQuery(f *telemetry.Factory, server telemetry.Label, q sqlseries.Query) *liveQuery {
	return &liveQuery{Runner: sqlseries.NewRunner(f, []telemetry.Label{server}, q)}
}

func (q *liveQuery) ask(ctx context.Context, c *connection, out *telemetry.Batch) error {
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

func (q *liveQuery) begin(columns []pgconn.FieldDescription) error {
	q.names = q.names[:0]
	for _, c := range columns {
		q.names = append(q.names, c.Name)
	}
	return q.Begin(q.names)
}

func (q *liveQuery) row(values [][]byte) error { return q.Add(q.out, values) }
