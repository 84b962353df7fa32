//go:build unix

package postgresinput

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/rtcollector/rtcollector/internal/redisconn/redistest"
)

// binaries is where Debian's postgresql-15 (or another version) has what it does not put on the path.
const binaries = "/usr/lib/postgresql/*/bin/initdb"

const password = "pass'word"

// server is a real PostgreSQL in a directory of its own.
type server struct {
	bin, dir string
	port     int
	cmd      *exec.Cmd
	done     chan struct{}
	as       *syscall.Credential // PostgreSQL refuses to run as root
	t        testing.TB
}

// newServer finds the binaries and a directory; the server is not there yet.
func newServer(t testing.TB) *server {
	t.Helper()
	found, _ := filepath.Glob(binaries)
	if len(found) == 0 {
		t.Skip("no PostgreSQL here: install Debian's postgresql-15")
	}
	s := &server{bin: filepath.Dir(found[len(found)-1]), port: redistest.FreePort(t), t: t}
	dir, err := os.MkdirTemp("", "rtc-pg-")
	if err != nil {
		t.Fatal(err)
	}
	s.dir = dir
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if os.Getuid() == 0 {
		s.as = postgresUser(t)
		_ = os.Chown(dir, int(s.as.Uid), int(s.as.Gid))
	}
	return s
}

func postgresUser(t testing.TB) *syscall.Credential {
	u, err := user.Lookup("postgres")
	if err != nil {
		t.Skip("no user postgres here: install Debian's postgresql-15")
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

func (s *server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, name), args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "PGPASSWORD="+password, "LC_ALL=C.UTF-8")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.as}
	return cmd
}

func (s *server) do(name string, args ...string) {
	s.t.Helper()
	if out, err := s.command(name, args...).CombinedOutput(); err != nil {
		s.t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

func (s *server) file(name, content string) string {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		s.t.Fatal(err)
	}
	if s.as != nil {
		_ = os.Chown(path, int(s.as.Uid), int(s.as.Gid))
	}
	return path
}

// startPrimary starts a primary with this additional configuration.
func startPrimary(t testing.TB, config ...string) *server {
	t.Helper()
	s := newServer(t)
	s.do("initdb", "-D", "data", "-A", "scram-sha-256", "-U", "postgres", "--no-sync", "--pwfile="+s.file("password", password))
	s.configure(config...)
	hba, err := os.OpenFile(filepath.Join(s.dir, "data", "pg_hba.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer hba.Close()
	fmt.Fprintln(hba, "host replication all 127.0.0.1/32 scram-sha-256")
	s.run()
	return s
}

// configure writes what differs from the defaults; the last word counts.
func (s *server) configure(lines ...string) {
	own := []string{
		"listen_addresses = '127.0.0.1'", "port = " + strconv.Itoa(s.port), "unix_socket_directories = '" + s.dir + "'",
		"wal_level = replica", "max_wal_senders = 5", "fsync = off", "track_io_timing = on", "autovacuum = off",
		"shared_preload_libraries = 'pg_stat_statements'", "logging_collector = off",
	}
	s.file("data/postgresql.auto.conf", strings.Join(append(own, lines...), "\n")+"\n")
}

// startStandby starts a standby of the server that streams through a slot.
func (s *server) startStandby(slot string) *server {
	s.t.Helper()
	r := newServer(s.t)
	r.do("pg_basebackup", "-d", "host=127.0.0.1 user=postgres application_name="+slot+" port="+strconv.Itoa(s.port),
		"-D", "data", "-R", "-C", "-S", slot, "-X", "stream", "-c", "fast", "--no-sync")
	standby, err := os.ReadFile(filepath.Join(r.dir, "data", "postgresql.auto.conf"))
	if err != nil {
		s.t.Fatal(err)
	}
	r.configure(strings.Split(string(standby[strings.Index(string(standby), "primary_conninfo"):]), "\n")...)
	r.run()
	return r
}

// run starts the process, again after it was stopped.
func (s *server) run() {
	s.t.Helper()
	log, err := os.Create(filepath.Join(s.dir, "log"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.cmd = s.command("postgres", "-D", "data")
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	_ = log.Close()
	done := make(chan struct{})
	s.done = done
	go func(cmd *exec.Cmd) { _ = cmd.Wait(); close(done) }(s.cmd)
	s.t.Cleanup(s.stop)
	redistest.Until(s.t, "PostgreSQL answers", func(context.Context) error {
		select {
		case <-done:
			text, _ := os.ReadFile(log.Name())
			s.t.Fatalf("postgres has ended:\n%s", text)
		default:
		}
		return s.command("pg_isready", "-q", "-h", "127.0.0.1", "-p", strconv.Itoa(s.port)).Run()
	})
}

// stop ends the server at once, in good order.
func (s *server) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGINT)
	<-s.done
}

// kill ends the server like a power cut: the postmaster's children notice that it is gone.
func (s *server) kill() {
	_ = s.cmd.Process.Signal(syscall.SIGQUIT)
	<-s.done
}

// psql asks the server's own client. Statements are separated by ";".
func (s *server) psql(database, sql string) string {
	s.t.Helper()
	out, err := s.psqlCommand(database, sql).CombinedOutput()
	if err != nil {
		s.t.Fatalf("psql: %v\n%s", err, out)
	}
	return strings.TrimSpace(string(out))
}

func (s *server) psqlCommand(database, sql string) *exec.Cmd {
	return s.command("psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", strconv.Itoa(s.port), "-U", "postgres", "-d", database, "-c", sql)
}

func (s *server) addr() string { return "127.0.0.1:" + strconv.Itoa(s.port) }

// config is the input's configuration for this server, with more keys.
func (s *server) config(more string) string {
	return fmt.Sprintf("host: 127.0.0.1\nport: %d\nuser: postgres\npassword: \"%s\"\n%s", s.port, password, more)
}

// pair is a primary with some data and a standby; all tests that do no harm share it.
type pair struct{ primary, standby *server }

// shared starts the pair once; it lives as long as the package's tests.
var shared = sync.OnceValue(func() *pair {
	t := packageTest
	p := &pair{primary: startPrimary(t)}
	p.primary.psql("postgres", "CREATE DATABASE shop")
	p.primary.psql("shop", `CREATE EXTENSION pg_stat_statements; CREATE SCHEMA web;
		CREATE TABLE web.orders (id int PRIMARY KEY, note text, price numeric);
		INSERT INTO web.orders SELECT i, repeat('x', 100), i / 3.0 FROM generate_series(1, 5000) i;
		DELETE FROM web.orders WHERE id % 10 = 0; ANALYZE web.orders; CREATE INDEX late ON web.orders (price);
		CREATE TABLE web.small (id int); INSERT INTO web.small SELECT 1; CREATE TABLE web.secret (id int);
		CREATE ROLE plain LOGIN PASSWORD 'plain'`)
	p.primary.psql("shop", "VACUUM web.small")
	p.standby = p.primary.startStandby("rep1")
	return p
})

// packageTest stands for the whole package: what is started with it is stopped when all tests are done.
var packageTest = &wholePackage{}

type wholePackage struct {
	testing.TB
	cleanups []func()
}

func (p *wholePackage) Helper()                  {}
func (p *wholePackage) Cleanup(f func())         { p.cleanups = append(p.cleanups, f) }
func (p *wholePackage) Context() context.Context { return context.Background() }
func (p *wholePackage) Fatal(args ...any)        { p.stop(); panic(fmt.Sprint(args...)) }
func (p *wholePackage) Fatalf(format string, args ...any) {
	p.stop()
	panic(fmt.Sprintf(format, args...))
}

func (p *wholePackage) stop() {
	for i := len(p.cleanups) - 1; i >= 0; i-- {
		p.cleanups[i]()
	}
}

func servers(t testing.TB) *pair {
	t.Helper()
	if found, _ := filepath.Glob(binaries); len(found) == 0 {
		t.Skip("no PostgreSQL here: install Debian's postgresql-15")
	}
	if os.Getuid() == 0 {
		postgresUser(t)
	}
	return shared()
}

func TestMain(m *testing.M) {
	code := m.Run()
	packageTest.stop()
	os.Exit(code)
}
