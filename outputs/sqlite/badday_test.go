package sqlite_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rtcollector/rtcollector/internal/connlog"
	"github.com/rtcollector/rtcollector/internal/servicetest"
	"github.com/rtcollector/rtcollector/internal/telemetry"
	"github.com/rtcollector/rtcollector/outputs"
	"github.com/rtcollector/rtcollector/outputs/sqlite"
)

// checkRetries checks that an error asks for a retry and says what to do.
func checkRetries(t *testing.T, err error, says string) {
	t.Helper()
	var reject *outputs.RejectError
	if err == nil || outputs.IsPermanent(err) || errors.As(err, &reject) || !strings.Contains(err.Error(), says) {
		t.Errorf("error %v, want a retry with %q", err, says)
	}
}

// run runs statements with the sqlite3 command.
func run(t *testing.T, path, sql string) string {
	t.Helper()
	return servicetest.CommandOutput(t, sqlite3(t), path, sql)
}

// lock locks a file in another process until the returned function is called.
func lock(t *testing.T, path string) (unlock func()) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), sqlite3(t), "-cmd", ".bail on", path)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(in, "BEGIN EXCLUSIVE; SELECT 'locked';")
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "locked\n" {
		t.Fatalf("%q, %v", line, err)
	}
	return func() {
		fmt.Fprintln(in, "COMMIT;")
		_ = in.Close()
		_ = cmd.Wait()
	}
}

func TestLocked(t *testing.T) {
	f := open(t, config(t))
	events := f.number(toTelemetry(newMaker().connections(start, time.Hour, 10)))
	unlock := lock(t, f.path)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := f.WriteEvents(ctx, events); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a write that ends: %v", err)
	}
	f.SetPatience(10 * time.Millisecond)
	checkRetries(t, f.WriteEvents(t.Context(), events), "another process has locked the file; end it, or wait")
	unlock()
	if err := f.WriteEvents(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	if ids, _ := f.readAll(t, outputs.EventQuery{}); len(ids) != len(events) {
		t.Errorf("%d of %d events", len(ids), len(events))
	}
}

// A write waits for a lock that is held for a short time.
func TestLockedForAMoment(t *testing.T) {
	f := open(t, config(t))
	unlock := lock(t, f.path)
	done := make(chan error, 1)
	events := f.number(toTelemetry(newMaker().connections(start, time.Hour, 10)))
	go func() { done <- f.WriteEvents(t.Context(), events) }()
	unlock()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestForeignFiles(t *testing.T) {
	for name, tc := range map[string]struct{ make, says string }{
		"of another program": {"CREATE TABLE a (b); INSERT INTO a VALUES (1)", "is an SQLite database of another program: set another path"},
		"newer": {"CREATE TABLE a (b); INSERT INTO a VALUES (1); PRAGMA application_id = 0x72746331; PRAGMA user_version = 2",
			"was written by a newer rtcollector: update this one, or set another path (its tables have version 2, this program knows 1)"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, config(t))
			run(t, f.path, tc.make)
			checkRetries(t, f.Open(t.Context()), tc.says)
			err := f.reader.ReadEvents(t.Context(), outputs.EventQuery{}, nil)
			if err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("the reader says %v", err)
			}
			if got := run(t, f.path, "SELECT * FROM a; PRAGMA journal_mode"); got != "1\ndelete\n" {
				t.Errorf("the file was changed: %s", got)
			}
		})
	}
}

func TestDamagedFiles(t *testing.T) {
	for name, text := range map[string][]byte{"text": bytes.Repeat([]byte("hello "), 2000), "a header only": []byte("SQLite format 3\x00")} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, config(t))
			if err := os.WriteFile(f.path, text, 0o600); err != nil {
				t.Fatal(err)
			}
			checkRetries(t, f.Open(t.Context()), "is damaged or no database: move it away, and a new one is made")
			if now, err := os.ReadFile(f.path); err != nil || !bytes.Equal(now, text) {
				t.Errorf("the file was changed: %v", err)
			}
		})
	}
	t.Run("in the middle", func(t *testing.T) {
		f := open(t, config(t))
		events := f.number(toTelemetry(newMaker().connections(start, time.Hour, 1000)))
		if err := errors.Join(f.WriteEvents(t.Context(), events), f.Close()); err != nil {
			t.Fatal(err)
		}
		file, err := os.OpenFile(f.path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		size, _ := file.Seek(0, io.SeekEnd)
		for at := int64(8192); at < size; at += 4096 {
			if _, err := file.WriteAt(bytes.Repeat([]byte{0xff}, 2000), at); err != nil {
				t.Fatal(err)
			}
		}
		_ = file.Close()
		const says = "is damaged or no database: move it away"
		err = f.Open(t.Context())
		if err == nil {
			err = f.WriteEvents(t.Context(), events)
		}
		checkRetries(t, err, says)
		err = f.reader.ReadEvents(t.Context(), outputs.EventQuery{To: telemetry.Debug}, func(outputs.FoundEvent) error { return nil })
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("the reader says %v", err)
		}
		if err := os.Rename(f.path, f.path+".old"); err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
		if err := errors.Join(f.Open(t.Context()), f.WriteEvents(t.Context(), events)); err != nil {
			t.Errorf("after the file was moved away: %v", err)
		}
	})
}

// What is written to a file that was moved away is not lost: the next write makes a new file.
func TestMovedFile(t *testing.T) {
	f := open(t, config(t))
	f.write(t, toTelemetry(newMaker().connections(start, time.Hour, 3))...)
	for _, name := range []string{"", "-wal", "-shm"} {
		if err := os.Rename(f.path+name, f.path+".old"+name); err != nil {
			t.Fatal(err)
		}
	}
	events := f.number(toTelemetry(newMaker().connections(start.Add(time.Hour), time.Hour, 3)))
	if err := f.WriteEvents(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	if ids, _ := f.readAll(t, outputs.EventQuery{}); len(ids) != len(events) {
		t.Errorf("%d of %d events", len(ids), len(events))
	}
}

func TestPlacesWithoutAFile(t *testing.T) {
	c := config(t)
	c.Path = filepath.Join(t.TempDir(), "none", "events.db")
	f := newFixture(t, c)
	checkRetries(t, f.Open(t.Context()), ".db: no such file or directory (create the folder "+filepath.Dir(c.Path)+")")
	err := f.reader.ReadEvents(t.Context(), outputs.EventQuery{}, nil)
	if err == nil || !strings.Contains(err.Error(), "events.db does not exist: check the path, or start an agent") {
		t.Error(err)
	}
	c.Path = t.TempDir()
	f = newFixture(t, c)
	checkRetries(t, f.Open(t.Context()), "is a directory (name a file, not a folder)")
	c = config(t)
	f = newFixture(t, c)
	if err := os.WriteFile(c.Path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.reader.ReadEvents(t.Context(), outputs.EventQuery{}, nil); err == nil || !strings.Contains(err.Error(), "holds no events yet") {
		t.Error(err)
	}
	if err := f.Open(t.Context()); err != nil { // an empty file is used
		t.Error(err)
	}
}

// Names that mean something else to SQLite are names of files.
func TestOddNames(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, path := range []string{":memory:", "a?mode=memory", "%41.db", "#x", "é b"} {
		f := open(t, sqlite.Config{Path: path})
		f.write(t, toTelemetry(newMaker().connections(start, time.Hour, 3))...)
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(path); err != nil || info.Size() < 4096 {
			t.Errorf("%s: %v", path, err)
		}
		if got := f.readConnections(t, outputs.ConnectionQuery{}); len(got) == 0 {
			t.Errorf("%s: nothing is read", path)
		}
	}
}

func TestPermissions(t *testing.T) {
	f := open(t, config(t))
	f.write(t, toTelemetry(newMaker().connections(start, time.Hour, 3))...)
	for _, name := range []string{"", "-wal", "-shm"} {
		if info, err := os.Stat(f.path + name); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if left, err := filepath.Glob(f.path + "*"); err != nil || len(left) != 1 {
		t.Errorf("after closing there are %v, %v", left, err)
	}
}

// crashPath is the environment variable that makes TestCrash the writer that is killed.
const crashPath = "RTC_TEST_SQLITE_CRASH"

// TestCrash kills a writer in the middle. Everything that it was told is settled is there, and the file is sound.
func TestCrash(t *testing.T) {
	if path := os.Getenv(crashPath); path != "" {
		f := open(t, sqlite.Config{Path: path})
		for m := newMaker(); ; {
			f.write(t, toTelemetry(m.connections(start.Add(time.Duration(f.seq)*time.Second), time.Minute, 100))...)
			fmt.Println("settled", f.seq)
		}
	}
	c := config(t)
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestCrash$")
	cmd.Env = append(os.Environ(), crashPath+"="+c.Path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	settled, lines := 0, bufio.NewScanner(out)
	for n := 0; lines.Scan(); {
		if text, ok := strings.CutPrefix(lines.Text(), "settled "); ok {
			settled, _ = strconv.Atoi(text)
			if n++; n == 20 {
				_ = cmd.Process.Kill() // what it still prints counts too
			}
		}
	}
	_ = cmd.Wait()
	f := open(t, c)
	got := f.readConnections(t, outputs.ConnectionQuery{})
	if settled == 0 || len(got) < settled {
		t.Errorf("%d events were settled, %d are there", settled, len(got))
	}
	checkTotals(t, f, outputs.ConnectionQuery{}, got)
	if out := run(t, f.path, "PRAGMA integrity_check"); out != "ok\n" {
		t.Error(out)
	}
}

// Old events, totals and what belongs to them are removed; the totals stay longer.
func TestPruning(t *testing.T) {
	c := config(t)
	f := open(t, c)
	now := time.Now()
	old := newMaker().connections(now.Add(-10*24*time.Hour), time.Hour, 600)
	f.write(t, toTelemetry(old)...)
	f.write(t, telemetry.Event{Time: now.Add(-10 * 24 * time.Hour), Message: "old"})
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	c.KeepEvents, c.KeepTotals = sqlite.Defaults().KeepEvents, sqlite.Defaults().KeepTotals
	g := newFixture(t, c)
	g.seq = f.seq
	if err := g.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	fresh := newMaker().connections(now.Add(-time.Hour), time.Hour, 600)
	for i := range fresh {
		fresh[i].RunID, fresh[i].Cmdline = "fresh", "fresh"
	}
	g.write(t, toTelemetry(fresh)...)
	err := g.WriteEvents(t.Context(), g.number(toTelemetry(old[:5])))
	var reject *outputs.RejectError
	if !errors.As(err, &reject) || reject.N != 5 || reject.Reasons["too_old"] != 5 || !strings.Contains(err.Error(), "older than keep_events, 168h0m0s") {
		t.Errorf("too old: %v", err)
	}
	g.write(t)
	for range 3 {
		g.write(t, telemetry.Event{Time: now, Message: "new"})
	}
	got := g.readConnections(t, outputs.ConnectionQuery{})
	if len(got) != len(fresh) || got[0].RunID != "fresh" {
		t.Errorf("%d events are left, want %d", len(got), len(fresh))
	}
	var opened int64
	since, err := g.reader.ReadTotals(t.Context(), outputs.ConnectionQuery{Since: now.Add(-20 * 24 * time.Hour).Truncate(time.Hour).Add(time.Minute)}, func(_ connlog.Group, sum connlog.Totals) error {
		opened += sum.Opened
		return nil
	})
	var want connlog.Totals
	for _, e := range append(old, fresh...) {
		want.Count(&e)
	}
	if err != nil || opened != want.Opened || !since.Equal(now.Add(-20*24*time.Hour).Truncate(time.Hour)) {
		t.Errorf("%d connections since %v, want %d; %v", opened, since, want.Opened, err)
	}
	until := now.Add(-5 * 24 * time.Hour)
	opened = 0
	if _, err = g.reader.ReadTotals(t.Context(), outputs.ConnectionQuery{Until: until}, func(_ connlog.Group, sum connlog.Totals) error {
		opened += sum.Opened
		return nil
	}); err != nil || opened == 0 || opened >= want.Opened {
		t.Errorf("%d connections until %v, %v", opened, until, err)
	}
	counts := run(t, g.path, "SELECT count(*) FROM texts WHERE text LIKE '%--session%'; SELECT count(*) FROM processes; SELECT count(*) FROM documents; SELECT count(*) FROM runs; "+
		"SELECT count(*) FROM texts WHERE text = 'host-5.example.com'")
	if !strings.HasSuffix(counts, "3\n1\n1\n") || !strings.HasPrefix(counts, "0\n") {
		t.Errorf("left: %s", counts)
	}
	if out := run(t, g.path, "PRAGMA integrity_check"); out != "ok\n" {
		t.Error(out)
	}
}

// TestMaxSize: the file stays about as large as allowed, with the newest events.
func TestMaxSize(t *testing.T) {
	c := config(t)
	c.MaxSize = 1 << 20
	f := open(t, c)
	m := newMaker()
	var last []connlog.Event
	ahead := m.connection(time.Now().AddDate(1, 0, 0).Truncate(time.Millisecond))[:1] // of a clock that is ahead
	f.write(t, toTelemetry(ahead)...)
	written := 0
	for i := range 10 {
		last = m.connections(start.Add(time.Duration(i)*time.Hour), time.Hour, 1000)
		f.write(t, toTelemetry(last)...)
		written += len(last)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(f.path)
	if err != nil || info.Size() > 2<<20 {
		t.Errorf("%d bytes, %v", info.Size(), err)
	}
	got := f.readConnections(t, outputs.ConnectionQuery{})
	for _, e := range got {
		if e.Comm == "" || e.Cmdline == "" || e.Ancestry == "" || e.RunID == "" || !e.Local.IsValid() {
			t.Fatalf("a part of an event is gone: %+v", e)
		}
	}
	if len(got) < 500 || len(got) > written*9/10 || got[len(got)-2].Time != last[len(last)-1].Time || got[len(got)-1].Time != ahead[0].Time {
		t.Errorf("%d of %d events are left", len(got), written)
	}
	if out := run(t, f.path, "PRAGMA integrity_check"); out != "ok\n" {
		t.Error(out)
	}
}

// An hour with very many groups keeps a bounded number of totals, and counts the others together.
func TestManyGroups(t *testing.T) {
	f := open(t, config(t))
	var events []connlog.Event
	for i := range 3000 {
		events = append(events, connlog.Event{Time: start, Kind: connlog.Connect, Direction: connlog.Out, Proto: connlog.TCP, Provider: "p", Domain: fmt.Sprint(i), TxBytes: -1, RxBytes: -1})
	}
	f.write(t, toTelemetry(events)...)
	groups, opened, rest := 0, int64(0), int64(0)
	_, err := f.reader.ReadTotals(t.Context(), outputs.ConnectionQuery{}, func(g connlog.Group, sum connlog.Totals) error {
		if groups++; g.Destination == "" {
			rest = sum.Opened
		}
		opened += sum.Opened
		return nil
	})
	if err != nil || groups != 1001 || opened != 3000 || rest != 2000 {
		t.Errorf("%d groups, %d connections, %d in the rest; %v", groups, opened, rest, err)
	}
}
