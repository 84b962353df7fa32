package mariadbinput

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/sqlseries"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// flavour is the kind and version of the server, on which the statements and column names depend.
type flavour struct {
	mariadb bool
	version int // 101119 is 10.11.19
}

// parseFlavour parses the result of VERSION(): "10.11.19-MariaDB-deb12u1", "8.0.39", "5.7.44-log".
func parseFlavour(release string) flavour {
	f := flavour{mariadb: strings.Contains(release, "MariaDB")}
	parts := [3]int{}
	i := 0
	for _, c := range release {
		switch {
		case c >= '0' && c <= '9':
			parts[i] = min(10*parts[i]+int(c-'0'), 99)
			continue
		case c == '.' && i < 2:
			i++
			continue
		}
		break
	}
	f.version = parts[0]*10_000 + parts[1]*100 + parts[2]
	return f
}

// replicaStatusSQL returns the statement that lists all channels.
func (f flavour) replicaStatusSQL() string {
	const renamed = 80_022 // MySQL 8.0.22
	switch {
	case f.mariadb:
		return "SHOW ALL SLAVES STATUS"
	case f.version >= renamed:
		return "SHOW REPLICA STATUS"
	}
	return "SHOW SLAVE STATUS"
}

// limitSQL returns the statement that limits the time of the following statements at the server. The driver does not cancel
// a statement when its context ends.
func (f flavour) limitSQL(d time.Duration) string {
	d = max(d, time.Millisecond) // 0 would mean no limit
	if f.mariadb {
		return fmt.Sprintf("SET SESSION max_statement_time = %.3f", d.Seconds())
	}
	return fmt.Sprintf("SET SESSION max_execution_time = %d", d.Milliseconds())
}

// resetLimitSQL returns the statement that removes the limit.
func (f flavour) resetLimitSQL() string {
	if f.mariadb {
		return "SET SESSION max_statement_time = DEFAULT"
	}
	return "SET SESSION max_execution_time = DEFAULT"
}

// replicaColumn is a column of a channel's status, with its names in all versions, in lower case.
type replicaColumn struct {
	sqlseries.Metric
	names  []string
	isFlag bool // "Yes" is 1, anything else is 0
}

func replicaColumns() []replicaColumn {
	m := func(name string, unit telemetry.Unit) sqlseries.Metric {
		return sqlseries.Metric{Name: "mariadb_replica_" + name, Unit: unit}
	}
	return []replicaColumn{
		{Metric: m("io_running", telemetry.None), names: []string{"slave_io_running", "replica_io_running"}, isFlag: true},
		{Metric: m("sql_running", telemetry.None), names: []string{"slave_sql_running", "replica_sql_running"}, isFlag: true},
		{Metric: m("lag_seconds", telemetry.Seconds), names: []string{"seconds_behind_master", "seconds_behind_source"}},
		{Metric: m("delay", telemetry.Seconds), names: []string{"sql_delay"}},
		{Metric: m("relay_log_space", telemetry.Bytes), names: []string{"relay_log_space"}},
		{Metric: m("last_io_errno", telemetry.None), names: []string{"last_io_errno"}},
		{Metric: m("last_sql_errno", telemetry.None), names: []string{"last_sql_errno"}},
	}
}

// replicaChannels turns the channels through which this server replicates into samples.
type replicaChannels struct {
	columns []replicaColumn
	set     *sqlseries.Set
	values  [][]byte
}

func newReplicaChannels(f *telemetry.Factory, server telemetry.Label) *replicaChannels {
	r := &replicaChannels{columns: replicaColumns()}
	metrics := make([]sqlseries.Metric, len(r.columns))
	for i, c := range r.columns {
		metrics[i] = c.Metric
	}
	r.set = sqlseries.NewSet(f, []telemetry.Label{server}, []string{"channel"}, metrics, nil)
	r.values = make([][]byte, len(r.columns))
	return r
}

// addChannel adds the samples of one channel. Its name is Connection_name in MariaDB and Channel_Name in MySQL. The default
// channel has an empty name.
func (r *replicaChannels) addChannel(out *telemetry.Batch, names []string, row [][]byte) error {
	find := func(wanted []string) []byte {
		i := slices.IndexFunc(names, func(name string) bool { return slices.Contains(wanted, strings.ToLower(name)) })
		if i < 0 {
			return nil
		}
		return row[i]
	}
	for i, c := range r.columns {
		r.values[i] = find(c.names)
		if c.isFlag && r.values[i] != nil {
			r.values[i] = yesToDigit(r.values[i])
		}
	}
	r.set.Add(out, [][]byte{find([]string{"connection_name", "channel_name"})}, r.values)
	return nil
}

func yesToDigit(text []byte) []byte {
	if string(text) == "Yes" {
		return []byte("1")
	}
	return []byte("0")
}
