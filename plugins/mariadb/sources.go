package mariadbinput

import (
	"fmt"
	"time"

	"github.com/rtcollector/rtcollector/internal/sqlseries"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// fixedStatement returns a statement that does not depend on the flavour.
func fixedStatement(statement string) func(flavour) string {
	return func(flavour) string { return statement }
}

func newStatusSource(f *telemetry.Factory, server telemetry.Label, c *Config) source {
	n := newStatusVariables(f, server, c.wantedStatus())
	return source{name: "status", statement: fixedStatement("SHOW GLOBAL STATUS"), beginRows: checkColumns(2), addRow: n.addRow}
}

// newVariablesSource returns the source of the system variables. It runs rarely, because they hardly ever change.
func newVariablesSource(f *telemetry.Factory, server telemetry.Label, c *Config) source {
	n := newSystemVariables(f, server, c.Variables)
	return source{name: "variables", interval: time.Minute, statement: fixedStatement("SHOW GLOBAL VARIABLES"), beginRows: checkColumns(2), addRow: n.addRow}
}

// checkColumns returns a function that returns an error unless the result has the expected number of columns.
func checkColumns(want int) func([]string) error {
	return func(columns []string) error {
		if len(columns) != want {
			return fmt.Errorf("the result has %d columns instead of %d: is this a MariaDB server?", len(columns), want)
		}
		return nil
	}
}

func (n *variableSet) addRow(out *telemetry.Batch, _ []string, values [][]byte) error {
	n.addVariable(out, values[0], values[1])
	return nil
}

// newTableSource returns a source whose statement selects the labels first, then the values.
func newTableSource(f *telemetry.Factory, server telemetry.Label, name, statement string, labels []string, metrics []sqlseries.Metric) source {
	set := sqlseries.NewSet(f, []telemetry.Label{server}, labels, metrics, nil)
	return source{
		name: name, statement: fixedStatement(statement), beginRows: checkColumns(len(labels) + len(metrics)), endRows: set.End,
		addRow: func(out *telemetry.Batch, _ []string, values [][]byte) error {
			set.Add(out, values[:len(labels)], values[len(labels):])
			return nil
		},
	}
}

// newProcessSource returns the source that counts connections by command and state, without our own connection.
func newProcessSource(f *telemetry.Factory, server telemetry.Label) source {
	return newTableSource(f, server, "processes", "SELECT COMMAND, COALESCE(STATE, ''), COUNT(*) FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID() GROUP BY 1, 2",
		[]string{"command", "state"}, []sqlseries.Metric{{Name: "mariadb_processes"}})
}

// maxQueryTime bounds the time of a query, in seconds. When the clock was set back after a query began, the server reports
// -1 as an unsigned number of 32 bits.
const maxQueryTime = 1e9

func newLongestQuerySource(f *telemetry.Factory, server telemetry.Label) source {
	return newTableSource(f, server, "processes",
		"SELECT COALESCE(MAX(TIME), 0) FROM information_schema.PROCESSLIST WHERE COMMAND IN ('Query', 'Execute') AND ID <> CONNECTION_ID()",
		nil, []sqlseries.Metric{{Name: "mariadb_longest_query", Unit: telemetry.Seconds, Max: maxQueryTime}})
}

func newReplicaSource(f *telemetry.Factory, server telemetry.Label) source {
	r := newReplicaChannels(f, server)
	return source{name: "replication", statement: flavour.replicaStatusSQL, addRow: r.addChannel, endRows: r.set.End}
}

// newUserSource returns the source of the user statistics, which need the plugin userstat (MariaDB documentation,
// "Information Schema USER_STATISTICS Table").
func newUserSource(f *telemetry.Factory, server telemetry.Label) source {
	counter := func(name string, unit telemetry.Unit) sqlseries.Metric {
		return sqlseries.Metric{Name: "mariadb_user_" + name, Unit: unit, Kind: telemetry.Counter}
	}
	none, bytes, seconds := telemetry.None, telemetry.Bytes, telemetry.Seconds
	return newTableSource(f, server, "user statistics", `SELECT USER, CONCURRENT_CONNECTIONS, TOTAL_CONNECTIONS, CONNECTED_TIME, BUSY_TIME, CPU_TIME, BYTES_RECEIVED, BYTES_SENT,
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

func newQuerySource(f *telemetry.Factory, server telemetry.Label, q sqlseries.Query) source {
	r := sqlseries.NewRunner(f, []telemetry.Label{server}, q)
	return source{
		runner: r, beginRows: r.Begin,
		addRow: func(out *telemetry.Batch, _ []string, values [][]byte) error { return r.Add(out, values) },
	}
}
