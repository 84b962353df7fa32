package mariadbinput

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rtcollector/rtcollector/internal/sqlseries"
	"github.com/rtcollector/rtcollector/internal/telemetry"
)

// flavour is which server answers, and of which version: they say the same in different words.
type flavour struct {
	mariadb bool
	version int // 101119 is 10.11.19
}

// flavourOf reads what VERSION() returns: "10.11.19-MariaDB-deb12u1", "8.0.39", "5.7.44-log".
func flavourOf(release string) flavour {
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

// replicaStatus is the statement that lists all channels.
func (f flavour) replicaStatus() string {
	const renamed = 80_022 // MySQL 8.0.22
	switch {
	case f.mariadb:
		return "SHOW ALL SLAVES STATUS"
	case f.version >= renamed:
		return "SHOW REPLICA STATUS"
	}
	return "SHOW SLAVE STATUS"
}

// limit is the statement that bounds the next ones on the server, since the driver does not cancel what it no longer waits for.
func (f flavour) limit(d time.Duration) string {
	d = max(d, time.Millisecond) // 0 is no limit
	if f.mariadb {
		return fmt.Sprintf("SET SESSION max_statement_time = %.3f", d.Seconds())
	}
	return fmt.Sprintf("SET SESSION max_execution_time = %d", d.Milliseconds())
}

// unlimited takes the limit back.
func (f flavour) unlimited() string {
	if f.mariadb {
		return "SET SESSION max_statement_time = DEFAULT"
	}
	return "SET SESSION max_execution_time = DEFAULT"
}

// replicaColumn is one thing that is told of a channel, under all names that it has had, in small letters.
type replicaColumn struct {
	sqlseries.Metric
	names []string
	flag  bool // "Yes" is 1, all else 0
}

func replicaColumns() []replicaColumn {
	m := func(name string, unit telemetry.Unit) sqlseries.Metric {
		return sqlseries.Metric{Name: "mariadb_replica_" + name, Unit: unit}
	}
	return []replicaColumn{
		{Metric: m("io_running", telemetry.None), names: []string{"slave_io_running", "replica_io_running"}, flag: true},
		{Metric: m("sql_running", telemetry.None), names: []string{"slave_sql_running", "replica_sql_running"}, flag: true},
		{Metric: m("lag_seconds", telemetry.Seconds), names: []string{"seconds_behind_master", "seconds_behind_source"}},
		{Metric: m("delay", telemetry.Seconds), names: []string{"sql_delay"}},
		{Metric: m("relay_log_space", telemetry.Bytes), names: []string{"relay_log_space"}},
		{Metric: m("last_io_errno", telemetry.None), names: []string{"last_io_errno"}},
		{Metric: m("last_sql_errno", telemetry.None), names: []string{"last_sql_errno"}},
	}
}

// replicas turns the channels through which this server replicates into samples.
type replicas struct {
	columns []replicaColumn
	set     *sqlseries.Set
	values  [][]byte
}

func newReplicas(f *telemetry.Factory, server telemetry.Label) *replicas {
	r := &replicas{columns: replicaColumns()}
	metrics := make([]sqlseries.Metric, len(r.columns))
	for i, c := range r.columns {
		metrics[i] = c.Metric
	}
	r.set = sqlseries.NewSet(f, []telemetry.Label{server}, []string{"channel"}, metrics, nil)
	r.values = make([][]byte, len(r.columns))
	return r
}

// add takes one channel. MariaDB calls its name Connection_name, MySQL Channel_Name; the usual one is empty.
func (r *replicas) add(out *telemetry.Batch, names []string, row [][]byte) error {
	find := func(wanted []string) []byte {
		i := slices.IndexFunc(names, func(name string) bool { return slices.Contains(wanted, strings.ToLower(name)) })
		if i < 0 {
			return nil
		}
		return row[i]
	}
	for i, c := range r.columns {
		r.values[i] = find(c.names)
		if c.flag && r.values[i] != nil {
			r.values[i] = yes(r.values[i])
		}
	}
	r.set.Add(out, [][]byte{find([]string{"connection_name", "channel_name"})}, r.values)
	return nil
}

func yes(text []byte) []byte {
	if string(text) == "Yes" {
		return []byte("1")
	}
	return []byte("0")
}
