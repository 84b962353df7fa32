//go:build unix

package postgresinput

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/rtcollector/rtcollector/internal/servicetest"
)

const password = "pass'word"

// testServer is a real PostgreSQL in its own directory.
type testServer struct{ *servicetest.Daemon }

// newServer returns a server that has not been started.
func newServer(t testing.TB) *testServer {
	t.Helper()
	servicetest.RequireCommands(t, "postgresql", "initdb", "postgres", "pg_basebackup", "pg_isready", "psql")
	s := &testServer{servicetest.NewUnprivileged(t)}
	s.Env = []string{"PGPASSWORD=" + password, "LC_ALL=C.UTF-8"}
	s.Args, s.StopSignal = []string{"postgres", "-D", "data"}, os.Interrupt
	s.Ready = func(context.Context) error {
		return s.command("pg_isready", "-q", "-h", "127.0.0.1", "-p", s.Port).Run()
	}
	return s
}

func (s *testServer) command(name string, args ...string) *exec.Cmd {
	return s.Command(append([]string{name}, args...)...)
}

// start starts the server as a primary with additional configuration.
func (s *testServer) start(config ...string) *testServer {
	s.Output(s.command("initdb", "-D", "data", "-A", "scram-sha-256", "-U", "postgres", "--no-sync", "--pwfile="+s.WriteFile("password", password)))
	s.configure(config...)
	s.Run()
	return s
}

// configure writes the settings that differ from the defaults. Of two values for a setting the last one counts.
func (s *testServer) configure(lines ...string) {
	own := []string{
		"listen_addresses = '127.0.0.1'", "port = $PORT", "unix_socket_directories = '$DIR'",
		"wal_level = replica", "max_wal_senders = 5", "fsync = off", "track_io_timing = on", "autovacuum = off",
		"shared_preload_libraries = 'pg_stat_statements'", "logging_collector = off",
	}
	s.WriteFile("data/postgresql.auto.conf", strings.Join(append(own, lines...), "\n")+"\n")
}

// startStandby starts a standby of the server that streams through a slot.
func startStandby(t testing.TB, of *testServer, slot string) *testServer {
	t.Helper()
	s := newServer(t)
	s.Output(s.command("pg_basebackup", "-d", "host=127.0.0.1 user=postgres application_name="+slot+" port="+of.Port,
		"-D", "data", "-R", "-C", "-S", slot, "-X", "stream", "-c", "fast", "--no-sync"))
	standby, err := os.ReadFile(filepath.Join(s.Dir, "data", "postgresql.auto.conf"))
	if err != nil {
		t.Fatal(err)
	}
	s.configure(strings.Split(string(standby[strings.Index(string(standby), "primary_conninfo"):]), "\n")...)
	s.Run()
	return s
}

// crash ends the server as a power failure would.
func (s *testServer) crash() { s.SignalAndWait(syscall.SIGQUIT) }

// psql runs statements, separated by ";", in the server's own client and returns its output.
func (s *testServer) psql(database, sql string) string { return s.Output(s.psqlCommand(database, sql)) }

func (s *testServer) psqlCommand(database, sql string) *exec.Cmd {
	return s.command("psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", s.Port, "-U", "postgres", "-d", database, "-c", sql)
}

// inputConfig returns the configuration of an input for this server, with more keys.
func (s *testServer) inputConfig(more string) string {
	return fmt.Sprintf("host: 127.0.0.1\nport: %s\nuser: postgres\npassword: \"%s\"\n%s", s.Port, password, more)
}

// serverPair is a primary with some data and a standby. All tests that do not damage it share it.
type serverPair struct{ primary, standby *testServer }

var shared = servicetest.Shared[*serverPair]{Start: func(t testing.TB) *serverPair {
	p := &serverPair{primary: newServer(t).start()}
	p.primary.psql("postgres", "CREATE DATABASE shop")
	p.primary.psql("shop", `CREATE EXTENSION pg_stat_statements; CREATE SCHEMA web;
		CREATE TABLE web.orders (id int PRIMARY KEY, note text, price numeric);
		INSERT INTO web.orders SELECT i, repeat('x', 100), i / 3.0 FROM generate_series(1, 5000) i;
		DELETE FROM web.orders WHERE id % 10 = 0; ANALYZE web.orders; CREATE INDEX late ON web.orders (price);
		CREATE TABLE web.small (id int); INSERT INTO web.small SELECT 1; CREATE TABLE web.secret (id int);
		CREATE ROLE plain LOGIN PASSWORD 'plain'`)
	p.primary.psql("shop", "VACUUM web.small")
	p.standby = startStandby(t, p.primary, "rep1")
	return p
}}

func sharedServers(t testing.TB) *serverPair {
	t.Helper()
	return shared.Get(t)
}

func TestMain(m *testing.M) { os.Exit(shared.Run(m)) }
