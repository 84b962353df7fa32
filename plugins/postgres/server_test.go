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

// server is a real PostgreSQL in a directory of its own.
type server struct{ *servicetest.Daemon }

// newServer returns a server that has not been started.
func newServer(t testing.TB) *server {
	t.Helper()
	servicetest.RequireCommands(t, "postgresql", "initdb", "postgres", "pg_basebackup", "pg_isready", "psql")
	s := &server{servicetest.NewUnprivileged(t)}
	s.Env = []string{"PGPASSWORD=" + password, "LC_ALL=C.UTF-8"}
	s.Args, s.StopSignal = []string{"postgres", "-D", "data"}, os.Interrupt
	s.Ready = func(context.Context) error {
		return s.command("pg_isready", "-q", "-h", "127.0.0.1", "-p", s.Port).Run()
	}
	return s
}

func (s *server) command(name string, args ...string) *exec.Cmd {
	return s.Command(append([]string{name}, args...)...)
}

// start starts it as a primary with this additional configuration.
func (s *server) start(config ...string) *server {
	s.Output(s.command("initdb", "-D", "data", "-A", "scram-sha-256", "-U", "postgres", "--no-sync", "--pwfile="+s.WriteFile("password", password)))
	s.configure(config...)
	s.Run()
	return s
}

// configure writes what differs from the defaults; the last word counts.
func (s *server) configure(lines ...string) {
	own := []string{
		"listen_addresses = '127.0.0.1'", "port = $PORT", "unix_socket_directories = '$DIR'",
		"wal_level = replica", "max_wal_senders = 5", "fsync = off", "track_io_timing = on", "autovacuum = off",
		"shared_preload_libraries = 'pg_stat_statements'", "logging_collector = off",
	}
	s.WriteFile("data/postgresql.auto.conf", strings.Join(append(own, lines...), "\n")+"\n")
}

// startStandby starts a standby of the server that streams through a slot.
func startStandby(t testing.TB, of *server, slot string) *server {
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

// crash ends the server like a power cut; the postmaster's children notice it.
func (s *server) crash() { s.SignalAndWait(syscall.SIGQUIT) }

// psql asks the server's own client. Statements are separated by ";".
func (s *server) psql(database, sql string) string { return s.Output(s.psqlCommand(database, sql)) }

func (s *server) psqlCommand(database, sql string) *exec.Cmd {
	return s.command("psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", s.Port, "-U", "postgres", "-d", database, "-c", sql)
}

// config is the input's configuration for this server, with more keys.
func (s *server) config(more string) string {
	return fmt.Sprintf("host: 127.0.0.1\nport: %s\nuser: postgres\npassword: \"%s\"\n%s", s.Port, password, more)
}

// pair is a primary with some data and a standby; all tests that do no harm share it.
type pair struct{ primary, standby *server }

var shared = servicetest.Shared[*pair]{Start: func(t testing.TB) *pair {
	p := &pair{primary: newServer(t).start()}
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

func servers(t testing.TB) *pair {
	t.Helper()
	return shared.Get(t)
}

func TestMain(m *testing.M) { os.Exit(shared.Run(m)) }
