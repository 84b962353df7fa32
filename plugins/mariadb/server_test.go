//go:build unix

package mariadbinput

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

const password = "pass'word"

// server is a real MariaDB in a directory of its own.
type server struct {
	dir  string
	port int
	args []string
	cmd  *exec.Cmd
	done chan struct{}
	t    testing.TB
}

func needMariaDB(t testing.TB) {
	t.Helper()
	for _, command := range []string{"mariadbd", "mariadb-install-db", "mariadb"} {
		if _, err := exec.LookPath(command); err != nil {
			t.Skipf("no %s here: install Debian's mariadb-server", command)
		}
	}
}

// startServer starts a server with these arguments beside its own, and a user rtc who may see what the input reads.
func startServer(t testing.TB, args ...string) *server {
	t.Helper()
	needMariaDB(t)
	s := &server{port: redistest.FreePort(t), t: t}
	dir, err := os.MkdirTemp("", "rtc-mariadb-")
	if err != nil {
		t.Fatal(err)
	}
	s.dir = dir
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	own := []string{"--no-defaults", "--datadir=" + dir + "/data"}
	if os.Getuid() == 0 {
		if u, err := user.Lookup("mysql"); err == nil {
			uid, _ := strconv.Atoi(u.Uid)
			gid, _ := strconv.Atoi(u.Gid)
			_ = os.Chown(dir, uid, gid)
		}
		own = append(own, "--user=mysql")
	}
	install := exec.Command("mariadb-install-db", append(own, "--auth-root-authentication-method=normal", "--skip-test-db")...)
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("mariadb-install-db: %v\n%s", err, out)
	}
	s.args = append(own, "--port="+strconv.Itoa(s.port), "--bind-address=127.0.0.1", "--socket="+s.socket(), "--pid-file="+dir+"/pid",
		"--innodb-buffer-pool-size=16M", "--innodb-flush-log-at-trx-commit=0", "--userstat=1")
	s.args = append(s.args, args...)
	s.run()
	s.mysql("CREATE USER rtc@'%' IDENTIFIED BY 'pass''word'; GRANT PROCESS, SLAVE MONITOR ON *.* TO rtc@'%'; CREATE USER plain@'%' IDENTIFIED BY 'plain';" +
		"DELETE FROM mysql.global_priv WHERE user = ''; FLUSH PRIVILEGES")
	return s
}

func (s *server) socket() string { return filepath.Join(s.dir, "s.sock") }
func (s *server) addr() string   { return "127.0.0.1:" + strconv.Itoa(s.port) }

// run starts the process, again after it was stopped.
func (s *server) run() {
	s.t.Helper()
	log, err := os.Create(filepath.Join(s.dir, "log"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.cmd = exec.Command("mariadbd", s.args...)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	_ = log.Close()
	done := make(chan struct{})
	s.done = done
	go func(cmd *exec.Cmd) { _ = cmd.Wait(); close(done) }(s.cmd)
	s.t.Cleanup(s.kill)
	redistest.Until(s.t, "MariaDB answers", func(context.Context) error {
		select {
		case <-done:
			text, _ := os.ReadFile(log.Name())
			s.t.Fatalf("mariadbd has ended:\n%s", text)
		default:
		}
		out, err := s.client("SELECT 1").CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	})
}

// kill ends the server like a power cut.
func (s *server) kill() {
	_ = s.cmd.Process.Kill()
	<-s.done
}

func (s *server) signal(sig syscall.Signal) { _ = s.cmd.Process.Signal(sig) }

func (s *server) client(sql string) *exec.Cmd {
	return exec.Command("mariadb", "--no-defaults", "-u", "root", "--socket="+s.socket(), "-N", "-B", "-e", sql)
}

// mysql asks the server's own client, as root.
func (s *server) mysql(sql string) string {
	s.t.Helper()
	out, err := s.client(sql).CombinedOutput()
	if err != nil {
		s.t.Fatalf("mariadb: %v\n%s", err, out)
	}
	return strings.TrimSpace(string(out))
}

// config is the input's configuration for this server, with more keys.
func (s *server) config(more string) string {
	return fmt.Sprintf("host: 127.0.0.1\nport: %d\nuser: rtc\npassword: \"%s\"\n%s", s.port, password, more)
}

// pair is a primary with some data and a replica with a channel of its own name; all tests that do no harm share it.
type pair struct{ primary, replica *server }

var shared = sync.OnceValue(func() *pair {
	t := packageTest
	p := &pair{
		primary: startServer(t, "--log-bin=bin", "--server-id=1"),
		replica: startServer(t, "--server-id=2"),
	}
	p.primary.mysql("CREATE DATABASE shop; CREATE TABLE shop.orders (id INT PRIMARY KEY, country VARCHAR(9), price DECIMAL(9,2));" +
		"INSERT INTO shop.orders SELECT seq, IF(seq % 2, 'ch', 'de'), seq / 4 FROM shop.seq_1_to_1000; CREATE TABLE shop.secret (id INT);" +
		"GRANT SELECT ON shop.orders TO rtc@'%'; CREATE USER repl@'%' IDENTIFIED BY 'repl'; GRANT REPLICATION SLAVE ON *.* TO repl@'%'")
	at := strings.Fields(p.primary.mysql("SHOW MASTER STATUS"))                  // behind what both have
	for channel, port := range map[string]int{"": p.primary.port, "'west'": 1} { // nobody is there
		p.replica.mysql(fmt.Sprintf("CHANGE MASTER %s TO master_host = '127.0.0.1', master_port = %d, master_user = 'repl', master_password = 'repl',"+
			"master_log_file = '%s', master_log_pos = %s", channel, port, at[0], at[1]))
	}
	p.replica.mysql("START SLAVE")
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
	needMariaDB(t)
	return shared()
}

func TestMain(m *testing.M) {
	code := m.Run()
	packageTest.stop()
	os.Exit(code)
}
