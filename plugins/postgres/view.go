package postgresinput

import (
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/sqlseries"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// view is one query of the default set: what it selects depends on the server's version.
type view struct {
	name          string // in messages
	labels        []column
	columns       []column
	from          string
	since, before int // versions of the server, as server_version_num; 0: any
	every         time.Duration
}

// column is a label or a metric: an expression, and what it is called.
type column struct {
	sqlseries.Metric
	sql           string
	since, before int
}

func label(name, sql string) column {
	return column{Metric: sqlseries.Metric{Name: name}, sql: sql}
}

func gauge(name, sql string, unit telemetry.Unit) column {
	return column{Metric: sqlseries.Metric{Name: name, Unit: unit, Kind: telemetry.Gauge}, sql: sql}
}

func counter(name, sql string, unit telemetry.Unit) column {
	return column{Metric: sqlseries.Metric{Name: name, Unit: unit, Kind: telemetry.Counter}, sql: sql}
}

// from and until bound the versions that a column exists in.
func (c column) from(version int) column {
	c.since = version
	return c
}

func (c column) until(version int) column {
	c.before = version
	return c
}

func within(version, since, before int) bool {
	return version >= since && (before == 0 || version < before)
}

// The versions in which statistics moved, as server_version_num.
const (
	v10 = 100_000
	v12 = 120_000
	v13 = 130_000
	v14 = 140_000
	v16 = 160_000
	v17 = 170_000
	v18 = 180_000
)

// statement is a view as it is asked of one server.
type statement struct {
	name    string
	sql     string
	labels  []string
	metrics []sqlseries.Metric
	every   time.Duration
}

// statement returns the query for a version of the server; ok is false when it has nothing of it.
func (v *view) statement(version int) (s statement, ok bool) {
	s = statement{name: v.name, every: v.every}
	var columns []string
	for _, l := range v.labels {
		columns = append(columns, l.sql)
		s.labels = append(s.labels, l.Name)
	}
	for _, c := range v.columns {
		if within(version, c.since, c.before) {
			columns = append(columns, c.sql)
			s.metrics = append(s.metrics, c.Metric)
		}
	}
	s.sql = "SELECT " + strings.Join(columns, ", ")
	if v.from != "" {
		s.sql += " FROM " + v.from
	}
	if version < v10 {
		s.sql = before10(s.sql)
	}
	return s, within(version, v.since, v.before) && len(s.metrics) > 0
}

// before10 writes a query as 9.6 knows it: what is called WAL now was xlog, and an LSN a location (release notes of 10).
func before10(sql string) string {
	return strings.NewReplacer(
		"pg_current_wal_lsn", "pg_current_xlog_location", "pg_wal_lsn_diff", "pg_xlog_location_diff",
		"pg_last_wal_receive_lsn", "pg_last_xlog_receive_location", "pg_last_wal_replay_lsn", "pg_last_xlog_replay_location",
		"sent_lsn", "sent_location", "write_lsn", "write_location", "flush_lsn", "flush_location", "replay_lsn", "replay_location",
		clientBackends, "true",
	).Replace(sql)
}

// clientBackends leaves out the server's own processes, which 9.6 does not list.
const clientBackends = "backend_type = 'client backend'"

// plan is what is asked of a server of this version, the cheapest first: a slow one costs only those behind it.
func plan(c *Config, version int) []statement {
	views := []view{serverView(), databaseView(), activityView(), transactionView(), lockView(), walView()}
	if c.CollectBgwriter {
		views = append(views, bgwriterView(), checkpointerView(), archiverView())
	}
	if c.CollectIO {
		views = append(views, ioView())
	}
	if c.CollectReplication {
		views = append(views, positionView(), standbysView(), recoveryView(), slotView())
	}
	views = append(views, vacuumView(), sizeView())
	if c.Statements > 0 {
		views = append(views, statementView(c.Statements))
	}
	if c.Tables > 0 {
		views = append(views, tableView(c.Tables))
	}
	if c.Indexes > 0 {
		views = append(views, indexView(c.Indexes))
	}
	var out []statement
	for i := range views {
		if s, ok := views[i].statement(version); ok {
			out = append(out, s)
		}
	}
	return out
}
