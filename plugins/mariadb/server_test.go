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

// testServer is a real MariaDB in its own directory.
type testServer struct{ *servicetest.Daemon }

// newServer returns a server that has not been started.
func newServer(t testing.TB) *testServer {
	t.Helper()
	servicetest.RequireCommands(t, "mariadb-server", "mariadbd", "mariadb-install-db", "mariadb")
	s := &testServer{servicetest.NewUnprivileged(t)}
	s.Args = []string{"mariadbd", "--no-defaults", "--datadir=$DIR/data", "--port=$PORT", "--bind-address=127.0.0.1", "--socket=$DIR/s.sock",
		"--pid-file=$DIR/pid", "--innodb-buffer-pool-size=16M", "--innodb-flush-log-at-trx-commit=0", "--userstat=1"}
	s.Ready = func(context.Context) error { return s.clientCommand("SELECT 1").Run() }
	return s
}

// start starts the server with more arguments, and creates a user rtc with the rights that the input needs.
func (s *testServer) start(args ...string) *testServer {
	s.Output(s.Command("mariadb-install-db", "--no-defaults", "--datadir=$DIR/data", "--auth-root-authentication-method=normal", "--skip-test-db"))
	s.Args = append(s.Args, args...)
	s.Run()
	s.mysql("CREATE USER rtc@'%' IDENTIFIED BY 'pass''word'; GRANT PROCESS, SLAVE MONITOR ON *.* TO rtc@'%'; CREATE USER plain@'%' IDENTIFIED BY 'plain';" +
		"DELETE FROM mysql.global_priv WHERE user = ''; FLUSH PRIVILEGES")
	return s
}

func (s *testServer) socketPath() string { return s.Expand("$DIR/s.sock") }

func (s *testServer) clientCommand(sql string) *exec.Cmd {
	return exec.Command("mariadb", "--no-defaults", "-u", "root", "--socket="+s.socketPath(), "-N", "-B", "-e", sql)
}

// mysql runs statements in the server's own client, as root, and returns its output.
func (s *testServer) mysql(sql string) string { return s.Output(s.clientCommand(sql)) }

// inputConfig returns the configuration of an input for this server, with more keys.
func (s *testServer) inputConfig(more string) string {
	return fmt.Sprintf("host: 127.0.0.1\nport: %s\nuser: rtc\npassword: \"%s\"\n%s", s.Port, password, more)
}

// serverPair is a primary with some data and a replica with a named channel. All tests that do not damage it share it.
type serverPair struct{ primary, replica *testServer }

var shared = servicetest.Shared[*serverPair]{Start: func(t testing.TB) *serverPair {
	p := &serverPair{
		primary: newServer(t).start("--log-bin=bin", "--server-id=1"),
		replica: newServer(t).start("--server-id=2"),
	}
	p.primary.mysql("CREATE DATABASE shop; CREATE TABLE shop.orders (id INT PRIMARY KEY, country VARCHAR(9), price DECIMAL(9,2));" +
		"INSERT INTO shop.orders SELECT seq, IF(seq % 2, 'ch', 'de'), seq / 4 FROM shop.seq_1_to_1000; CREATE TABLE shop.secret (id INT);" +
		"GRANT SELECT ON shop.orders TO rtc@'%'; CREATE USER repl@'%' IDENTIFIED BY 'repl'; GRANT REPLICATION SLAVE ON *.* TO repl@'%'")
	at := strings.Fields(p.primary.mysql("SHOW MASTER STATUS"))                       // after the data that both have
	for channel, port := range map[string]string{"": p.primary.Port, "'west'": "1"} { // no server listens there
		p.replica.mysql(fmt.Sprintf("CHANGE MASTER %s TO master_host = '127.0.0.1', master_port = %s, master_user = 'repl', master_password = 'repl',"+
			"master_log_file = '%s', master_log_pos = %s", channel, port, at[0], at[1]))
	}
	p.replica.mysql("START SLAVE")
	return p
}}

func sharedServers(t testing.TB) *serverPair {
	t.Helper()
	return shared.Get(t)
}

func TestMain(m *testing.M) { os.Exit(shared.Run(m)) }
