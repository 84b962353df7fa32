package mariadbinput

import (
	"fmt"
	"time"

	"github.com/rtcollector/rtcollector/internal/sqlseries"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

func always(statement string) func(flavour) string { return func(flavour) string { return statement } }

func statusSource(f *telemetry.Factory, server telemetry.Label, c *Config) source {
	n := statusOf(f, server, c.status())
	return source{name: "status", sql: always("SHOW GLOBAL STATUS"), begin: expectColumns(2), row: n.row}
}

// variablesSource asks seldom: they hardly ever change.
func variablesSource(f *telemetry.Factory, server telemetry.Label, c *Config) source {
	n := variablesOf(f, server, c.Variables)
	return source{name: "variables", every: time.Minute, sql: always("SHOW GLOBAL VARIABLES"), begin: expectColumns(2), row: n.row}
}

// expectColumns refuses an answer that has another number of columns than was asked for.
func expectColumns(want int) func([]string) error {
	return func(columns []string) error {
		if len(columns) != want {
			return fmt.Errorf("%d columns come, and %d were asked for: is that a MariaDB?", len(columns), want)
		}
		return nil
	}
}

func (n *named) row(out *telemetry.Batch, _ []string, values [][]byte) error {
	n.add(out, values[0], values[1])
	return nil
}

// table is a query with labels first, then values.
func table(f *telemetry.Factory, server telemetry.Label, name, statement string, labels []string, metrics []sqlseries.Metric) source {
	set := sqlseries.NewSet(f, []telemetry.Label{server}, labels, metrics, nil)
	return source{
		name: name, sql: always(statement), begin: expectColumns(len(labels) + len(metrics)), end: set.End,
		row: func(out *telemetry.Batch, _ []string, values [][]byte) error {
			set.Add(out, values[:len(labels)], values[len(labels):])
			return nil
		},
	}
}

// processSource counts connections by what they do; our own is none of them.
func processSource(f *telemetry.Factory, server telemetry.Label) source {
	return table(f, server, "processes", "SELECT COMMAND, COALESCE(STATE, ''), COUNT(*) FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID() GROUP BY 1, 2",
		[]string{"command", "state"}, []sqlseries.Metric{{Name: "mariadb_processes"}})
}

// longestQuery is less than what the server says when a query began after the clock was set back: -1 as an unsigned number of 32
// bits.
const longestQuery = 1e9

func longestSource(f *telemetry.Factory, server telemetry.Label) source {
	return table(f, server, "processes",
		"SELECT COALESCE(MAX(TIME), 0) FROM information_schema.PROCESSLIST WHERE COMMAND IN ('Query', 'Execute') AND ID <> CONNECTION_ID()",
		nil, []sqlseries.Metric{{Name: "mariadb_longest_query", Unit: telemetry.Seconds, Most: longestQuery}})
}

func replicaSource(f *telemetry.Factory, server telemetry.Label) source {
	r := newReplicas(f, server)
	return source{name: "replication", sql: flavour.replicaStatus, row: r.add, end: r.set.End}
}

// userSource needs MariaDB's plugin userstat (MariaDB's documentation, "Information Schema USER_STATISTICS Table").
func userSource(f *telemetry.Factory, server telemetry.Label) source {
	counter := func(name string, unit telemetry.Unit) sqlseries.Metric {
		return sqlseries.Metric{Name: "mariadb_user_" + name, Unit: unit, Kind: telemetry.Counter}
	}
	none, bytes, seconds := telemetry.None, telemetry.Bytes, telemetry.Seconds
	return table(f, server, "user statistics", `SELECT USER, CONCURRENT_CONNECTIONS, TOTAL_CONNECTIONS, CONNECTED_TIME, BUSY_TIME, CPU_TIME, BYTES_RECEIVED, BYTES_SENT,
		ROWS_READ, ROWS_SENT, ROWS_INSERTED, ROWS_UPDATED, ROWS_DELETED, SELECT_COMMANDS, UPDATE_COMMANDS, OTHER_COMMANDS, COMMIT_TRANSACTIONS, ROLLBACK_TRANSACTIONS,
		DENIED_CONNECTIONS, LOST_CONNECTIONS, ACCESS_DENIED FROM information_schema.USER_STATISTICS`,
		[]string{"user"}, []sqlseries.Metric{
			{Name: "mariadb_user_connections"},
			counter("connections_made", none), counter("connected_time", seconds), counter("busy_time", seconds), counter("cpu_time", seconds),
			counter("bytes_received", bytes), counter("bytes_sent", bytes),
			counter("rows_read", none), counter("rows_sent", none), counter("rows_inserted", none), counter("rows_updated", none), counter("rows_deleted", none),
			counter("select_commands", none), counter("update_commands", none), counter("other_commands", none),
			counter("commits", none), counter("rollbacks", none),
			counter("denied_connections", none), counter("lost_connections", none), counter("access_denied", none),
		})
}

func querySource(f *telemetry.Factory, server telemetry.Label, q sqlseries.Query) source {
	r := sqlseries.NewRunner(f, []telemetry.Label{server}, q)
	return source{
		runner: r, begin: r.Begin,
		row: func(out *telemetry.Batch, _ []string, values [][]byte) error { return r.Add(out, values) },
	}
}
