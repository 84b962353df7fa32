package postgresinput

import (
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/sqlseries"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// view describes one query of the default set. The columns that it selects depend on the server's version.
type view struct {
	name          string // in messages
	labels        []column
	columns       []column
	fromClause    string
	since, before int // versions of the server, as server_version_num; 0: any
	interval      time.Duration
}

// column is a label or a metric: its name and the SQL expression for it.
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

// from returns the column for servers of this version and later.
func (c column) from(version int) column {
	c.since = version
	return c
}

// until returns the column for servers before this version.
func (c column) until(version int) column {
	c.before = version
	return c
}

func isWithin(version, since, before int) bool {
	return version >= since && (before == 0 || version < before)
}

// The versions in which statistics changed, as server_version_num.
const (
	v10 = 100_000
	v12 = 120_000
	v13 = 130_000
	v14 = 140_000
	v16 = 160_000
	v17 = 170_000
	v18 = 180_000
)

// statement is the query of a view for one version of the server.
type statement struct {
	name     string
	sql      string
	labels   []string
	metrics  []sqlseries.Metric
	interval time.Duration
}

// buildStatement returns the query for a version of the server. Ok is false if that version does not have the view.
func (v *view) buildStatement(version int) (s statement, ok bool) {
	s = statement{name: v.name, interval: v.interval}
	var columns []string
	for _, l := range v.labels {
		columns = append(columns, l.sql)
		s.labels = append(s.labels, l.Name)
	}
	for _, c := range v.columns {
		if isWithin(version, c.since, c.before) {
			columns = append(columns, c.sql)
			s.metrics = append(s.metrics, c.Metric)
		}
	}
	s.sql = "SELECT " + strings.Join(columns, ", ")
	if v.fromClause != "" {
		s.sql += " FROM " + v.fromClause
	}
	if version < v10 {
		s.sql = rewriteFor96(s.sql)
	}
	return s, isWithin(version, v.since, v.before) && len(s.metrics) > 0
}

// rewriteFor96 returns a query with the names of 9.6, in which WAL was called xlog and an LSN a location (release notes of
// version 10).
func rewriteFor96(sql string) string {
	return strings.NewReplacer(
		"pg_current_wal_lsn", "pg_current_xlog_location", "pg_wal_lsn_diff", "pg_xlog_location_diff",
		"pg_last_wal_receive_lsn", "pg_last_xlog_receive_location", "pg_last_wal_replay_lsn", "pg_last_xlog_replay_location",
		"sent_lsn", "sent_location", "write_lsn", "write_location", "flush_lsn", "flush_location", "replay_lsn", "replay_location",
		clientBackends, "true",
	).Replace(sql)
}

// clientBackends excludes the server's own processes, which 9.6 does not list.
const clientBackends = "backend_type = 'client backend'"

// planStatements returns the queries for a version of the server. The cheapest come first, because a slow query delays only
// those after it.
func planStatements(c *Config, version int) []statement {
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
		if s, ok := views[i].buildStatement(version); ok {
			out = append(out, s)
		}
	}
	return out
}
