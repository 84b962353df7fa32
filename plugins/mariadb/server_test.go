//go:build unix

package mariadbinput

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/rtcollector/rtcollector/internal/servicetest"
)

const password = "pass'word"

// server is a real MariaDB in a directory of its own.
type server struct{ *servicetest.Daemon }

// newServer returns a server that is not there yet.
func newServer(t testing.TB) *server {
	t.Helper()
	servicetest.RequireCommands(t, "mariadb-server", "mariadbd", "mariadb-install-db", "mariadb")
	s := &server{servicetest.NewUnprivileged(t)}
	s.Args = []string{"mariadbd", "--no-defaults", "--datadir=$DIR/data", "--port=$PORT", "--bind-address=127.0.0.1", "--socket=$DIR/s.sock",
		"--pid-file=$DIR/pid", "--innodb-buffer-pool-size=16M", "--innodb-flush-log-at-trx-commit=0", "--userstat=1"}
	s.Ready = func(context.Context) error { return s.client("SELECT 1").Run() }
	return s
}

// start starts it with more arguments, and makes a user rtc who may see what the input reads.
func (s *server) start(args ...string) *server {
	s.Output(s.Command("mariadb-install-db", "--no-defaults", "--datadir=$DIR/data", "--auth-root-authentication-method=normal", "--skip-test-db"))
	s.Args = append(s.Args, args...)
	s.Run()
	s.mysql("CREATE USER rtc@'%' IDENTIFIED BY 'pass''word'; GRANT PROCESS, SLAVE MONITOR ON *.* TO rtc@'%'; CREATE USER plain@'%' IDENTIFIED BY 'plain';" +
		"DELETE FROM mysql.global_priv WHERE user = ''; FLUSH PRIVILEGES")
	return s
}

func (s *server) socket() string { return s.Expand("$DIR/s.sock") }

func (s *server) client(sql string) *exec.Cmd {
	return exec.Command("mariadb", "--no-defaults", "-u", "root", "--socket="+s.socket(), "-N", "-B", "-e", sql)
}

// mysql asks the server's own client, as root.
func (s *server) mysql(sql string) string { return s.Output(s.client(sql)) }

// config is the input's configuration for this server, with more keys.
func (s *server) config(more string) string {
	return fmt.Sprintf("host: 127.0.0.1\nport: %s\nuser: rtc\npassword: \"%s\"\n%s", s.Port, password, more)
}

// pair is a primary with some data and a replica with a channel of its own name; all tests that do no harm share it.
type pair struct{ primary, replica *server }

var shared = servicetest.Shared[*pair]{Start: func(t testing.TB) *pair {
	p := &pair{
		primary: newServer(t).start("--log-bin=bin", "--server-id=1"),
		replica: newServer(t).start("--server-id=2"),
	}
	p.primary.mysql("CREATE DATABASE shop; CREATE TABLE shop.orders (id INT PRIMARY KEY, country VARCHAR(9), price DECIMAL(9,2));" +
		"INSERT INTO shop.orders SELECT seq, IF(seq % 2, 'ch', 'de'), seq / 4 FROM shop.seq_1_to_1000; CREATE TABLE shop.secret (id INT);" +
		"GRANT SELECT ON shop.orders TO rtc@'%'; CREATE USER repl@'%' IDENTIFIED BY 'repl'; GRANT REPLICATION SLAVE ON *.* TO repl@'%'")
	at := strings.Fields(p.primary.mysql("SHOW MASTER STATUS"))                       // behind what both have
	for channel, port := range map[string]string{"": p.primary.Port, "'west'": "1"} { // nobody is there
		p.replica.mysql(fmt.Sprintf("CHANGE MASTER %s TO master_host = '127.0.0.1', master_port = %s, master_user = 'repl', master_password = 'repl',"+
			"master_log_file = '%s', master_log_pos = %s", channel, port, at[0], at[1]))
	}
	p.replica.mysql("START SLAVE")
	return p
}}

func servers(t testing.TB) *pair {
	t.Helper()
	return shared.Get(t)
}

func TestMain(m *testing.M) { os.Exit(shared.Run(m)) }
