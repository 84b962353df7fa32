package mariadbinput

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/match"
	"github.com/rtcollector/rtcollector/internal/sqlseries"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

func TestFlavour(t *testing.T) {
	for release, want := range map[string]struct {
		flavour
		replica string
	}{
		"10.11.19-MariaDB-0+deb12u1-log": {flavour{true, 101119}, "SHOW ALL SLAVES STATUS"},
		"12.0.2-MariaDB":                 {flavour{true, 120002}, "SHOW ALL SLAVES STATUS"},
		"5.7.44-log":                     {flavour{false, 50744}, "SHOW SLAVE STATUS"},
		"8.0.21":                         {flavour{false, 80021}, "SHOW SLAVE STATUS"},
		"8.0.22":                         {flavour{false, 80022}, "SHOW REPLICA STATUS"},
		"8.4.3-3-Percona":                {flavour{false, 80403}, "SHOW REPLICA STATUS"},
		"":                               {flavour{}, "SHOW SLAVE STATUS"},
		"1.2.3.4.5":                      {flavour{false, 10203}, "SHOW SLAVE STATUS"},
	} {
		if f := parseFlavour(release); f != want.flavour || f.replicaStatusSQL() != want.replica {
			t.Errorf("%q is %+v, %s", release, f, f.replicaStatusSQL())
		}
	}
	for want, got := range map[string]string{
		"SET SESSION max_statement_time = 1.500": flavour{mariadb: true}.limitSQL(1500 * time.Millisecond),
		"SET SESSION max_statement_time = 0.001": flavour{mariadb: true}.limitSQL(-time.Second),
		"SET SESSION max_execution_time = 1500":  flavour{}.limitSQL(1500 * time.Millisecond),
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// MariaDB and old MySQL use the words slave and master, MySQL since 8.0.22 replica and source. Debian has no package of MySQL,
// so its columns are from the documentation.
func TestReplicaSpellings(t *testing.T) {
	for name, columns := range map[string][]string{
		"MariaDB":   {"Connection_name", "Slave_IO_Running", "Slave_SQL_Running", "Seconds_Behind_Master", "Relay_Log_Space"},
		"MySQL 5.7": {"Channel_Name", "Slave_IO_Running", "Slave_SQL_Running", "Seconds_Behind_Master", "Relay_Log_Space"},
		"MySQL 8.4": {"Channel_Name", "Replica_IO_Running", "Replica_SQL_Running", "Seconds_Behind_Source", "Relay_Log_Space"},
	} {
		r := newReplicaChannels(telemetry.NewFactory("h", "mariadb", nil), telemetry.Label{Key: "server", Value: "db"})
		b := telemetry.NewBatch(time.Now(), time.Now(), 0)
		for _, row := range [][]string{{"", "Yes", "Yes", "7", "1000"}, {"west", "Connecting", "No", "NULL", "0"}} {
			var values [][]byte
			for _, text := range row {
				if text == "NULL" {
					values = append(values, nil)
					continue
				}
				values = append(values, []byte(text))
			}
			if err := r.addChannel(b, columns, values); err != nil {
				t.Error(err)
			}
		}
		want := map[string]float64{
			"mariadb_replica_io_running_db": 1, "mariadb_replica_sql_running_db": 1, "mariadb_replica_lag_seconds_db": 7, "mariadb_replica_relay_log_space_db": 1000,
			"mariadb_replica_io_running_db_west": 0, "mariadb_replica_sql_running_db_west": 0, "mariadb_replica_relay_log_space_db_west": 0,
		}
		if diff := cmp.Diff(want, plugintest.ByKey(b)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestKinds(t *testing.T) {
	for name, want := range map[string]sqlseries.Metric{
		"threads_connected":                   {Unit: telemetry.None, Kind: telemetry.Gauge},
		"threads_created":                     {Unit: telemetry.None, Kind: telemetry.Counter},
		"connections":                         {Unit: telemetry.None, Kind: telemetry.Counter},
		"uptime":                              {Unit: telemetry.Seconds, Kind: telemetry.Gauge},
		"bytes_sent":                          {Unit: telemetry.Bytes, Kind: telemetry.Counter},
		"open_tables":                         {Unit: telemetry.None, Kind: telemetry.Gauge},
		"opened_tables":                       {Unit: telemetry.None, Kind: telemetry.Counter},
		"innodb_buffer_pool_pages_dirty":      {Unit: telemetry.None, Kind: telemetry.Gauge},
		"innodb_buffer_pool_pages_flushed":    {Unit: telemetry.None, Kind: telemetry.Counter},
		"innodb_buffer_pool_pages_made_young": {Unit: telemetry.None, Kind: telemetry.Counter},
		"innodb_buffer_pool_read_requests":    {Unit: telemetry.None, Kind: telemetry.Counter},
		"innodb_row_lock_current_waits":       {Unit: telemetry.None, Kind: telemetry.Gauge},
		"innodb_row_lock_time":                {Unit: telemetry.Milliseconds, Kind: telemetry.Counter},
		"innodb_row_lock_time_max":            {Unit: telemetry.Milliseconds, Kind: telemetry.Gauge},
		"rpl_semi_sync_master_status":         {Unit: telemetry.None, Kind: telemetry.Gauge},
		"wsrep_local_recv_queue":              {Unit: telemetry.None, Kind: telemetry.Gauge},
		"wsrep_local_commits":                 {Unit: telemetry.None, Kind: telemetry.Counter},
	} {
		want.Name = "mariadb_" + name
		if got := statusMetric(statusRules(), name); got != want {
			t.Errorf("%s is %+v", name, got)
		}
	}
}

func TestFlags(t *testing.T) {
	for text, want := range map[string]string{"ON": "1", "Primary": "1", "OFF": "0", "non-Primary": "0", "Synced": "", "": ""} {
		if got := string(parseSwitch([]byte(text))); got != want {
			t.Errorf("%q is %q", text, got)
		}
	}
}

func TestVariableSet(t *testing.T) {
	f := telemetry.NewFactory("h", "mariadb", nil)
	n := newStatusVariables(f, telemetry.Label{Key: "server", Value: "db"}, match.NewList("*"))
	b := telemetry.NewBatch(time.Now(), time.Now(), 0)
	for name, text := range map[string]string{"Uptime": "7", "wsrep_local_index": "18446744073709551615", "Slave_running": "ON", "Ssl_cipher": "", "wsrep_cluster_status": "Primary"} {
		n.addVariable(b, []byte(name), []byte(text))
	}
	want := map[string]float64{"mariadb_uptime_db": 7, "mariadb_slave_running_db": 1, "mariadb_wsrep_cluster_status_db": 1}
	if diff := cmp.Diff(want, plugintest.ByKey(b)); diff != "" {
		t.Error(diff)
	}
}

func TestConfigProblems(t *testing.T) {
	plugintest.Configs(t, Plugin, map[string]string{
		"{socket: /x, host: y}":    "replaces host and port",
		"{socket: /x, tls: {}}":    "is not used with a local socket",
		"port: 0":                  "must be 1 to 65535",
		"host: ''":                 "must not be empty",
		"{mariadb: {port: 99999}}": "must be 1 to 65535",
		"queries: [{name: a, sql: x}, {name: a, sql: y}]": "two queries are named",
		"hostname: secret:x":                              "secret",
	})
}

func TestAdvice(t *testing.T) {
	for _, tt := range []struct {
		number        uint16
		message, want string
	}{
		{1045, "Access denied for user 'u'@'h' (using password: YES)", "correct user and password"},
		{1040, "Too many connections", "raise max_connections"},
		{1130, "Host 'x' is not allowed to connect", "CREATE USER 'u'@'<host>'"},
		{1227, "Access denied; you need (at least one of) the SUPER, REPLICATION CLIENT privilege(s) for this operation", "GRANT REPLICATION CLIENT ON *.* TO 'u'"},
		{1142, "SELECT command denied to user 'u'@'h' for table `d`.`t`", "GRANT SELECT ON `d`.`t` TO 'u'"},
		{1044, "Access denied for user 'u'@'h' to database 'd'", "GRANT SELECT ON `d`.* TO 'u'"},
		{1969, "Query execution was interrupted (max_statement_time exceeded)", "exceeded its time limit"},
		{1064, "You have an error in your SQL syntax", ""},
	} {
		got := findAdvice(&mysql.MySQLError{Number: tt.number, Message: tt.message}, "u")
		if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
			t.Errorf("%d: %q, want %q", tt.number, got, tt.want)
		}
	}
}

func TestExplain(t *testing.T) {
	p := Endpoint{Host: "db", Port: 1}
	lookup := &net.DNSError{Err: "no such host", Name: "db", IsNotFound: true}
	for want, err := range map[string]error{
		"mariadb db:1 has an unknown host name: correct host": lookup,
		"mariadb db:1 did not answer in time":                 context.DeadlineExceeded,
		"mariadb db:1 closed the connection":                  mysql.ErrInvalidConn,
		"mariadb db:1 does not answer like a MariaDB":         mysql.ErrMalformPkt,
	} {
		if got := p.explainError(fmt.Errorf("x: %w", err)); !errors.Is(got, err) || !strings.HasPrefix(got.Error(), want) {
			t.Errorf("%v, want %s", got, want)
		}
	}
	if p.explainError(nil) != nil {
		t.Error("nil is explained as an error")
	}
}

func FuzzFlavour(f *testing.F) {
	for _, text := range []string{"10.11.19-MariaDB", "8.0.22", "...", "99999999999999.1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if v := parseFlavour(text).version; v < 0 || v > 999_999 {
			t.Errorf("%q: %d", text, v)
		}
	})
}

func FuzzGrant(f *testing.F) {
	f.Add("Access denied; you need (at least one of) the SUPER, SLAVE MONITOR privilege(s) for this operation")
	f.Add("SELECT command denied to user 'u'@'h' for table `d`.`t`")
	f.Fuzz(func(t *testing.T, message string) {
		if got := grantFor(message, "u"); !strings.HasPrefix(got, "GRANT ") || !strings.HasSuffix(got, " TO 'u'") {
			t.Errorf("%q: %s", message, got)
		}
	})
}
