package processes

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/hostfs"
	"github.com/rtcollector/rtcollector/internal/procclass"
	"github.com/rtcollector/rtcollector/internal/servicetest"
)

func host() hostfs.Root { return hostfs.FromEnv(func(string) string { return "" }) }

// startCopy starts a copy of sleep under another file name, with these arguments after argv[0].
func startCopy(t *testing.T, name string, argv ...string) int {
	t.Helper()
	original, err := exec.LookPath("sleep")
	if err != nil {
		t.Skip("needs sleep")
	}
	data, err := os.ReadFile(original)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, data, 0o700); err != nil {
		t.Fatal(err)
	}
	return startProcess(t, file, argv...)
}

func startProcess(t *testing.T, file string, argv ...string) int {
	t.Helper()
	cmd := &exec.Cmd{Path: file, Args: argv}
	_, err := cmd.StdinPipe() // stays open, so that a shell that reads goes on
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd.Process.Pid
}

// waitForProgram reads a process until it runs its program; until then it is a copy of this one.
func waitForProgram(t *testing.T, pid int, file string) (p Process) {
	t.Helper()
	servicetest.Until(t, "the program", func(context.Context) (err error) {
		p, err = Read(host(), pid)
		if err == nil && (filepath.Base(p.Subject.Exe) != file || p.Cmdline(1) == "") { // execve(2) sets the arguments last
			err = errors.New("not yet")
		}
		return err
	})
	return p
}

func rules(t *testing.T) *procclass.Rules {
	t.Helper()
	c := procclass.DefaultConfig()
	r, err := c.Load()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestRealProcesses compares processes with odd names with ps(1).
func TestRealProcesses(t *testing.T) {
	r := rules(t)
	for name, want := range map[string]string{
		"a) R 1 (b": "other/unknown", "two words": "other/unknown", "x\ny": "other/unknown", " lead": "other/unknown", "kworker/0:1": "",
		"clickhouse-server": "db/clickhouse", "redis-server": "cache/redis", "blackbox_exporter": "monitoring/exporter", "café": "other/unknown",
	} {
		if want == "" {
			continue // no file can have this name
		}
		t.Run(name, func(t *testing.T) {
			pid := startCopy(t, name, "title of its own", "600", "60")
			p := waitForProgram(t, pid, name)
			if got := r.Classify(&p.Subject).String(); got != want {
				t.Errorf("class %s, want %s", got, want)
			}
			if p.Subject.Comm != name[:min(len(name), 15)] || p.PID != pid || p.Parent != os.Getpid() || p.UID != uint32(os.Geteuid()) || len(p.Failures) > 0 {
				t.Errorf("%+v", p)
			}
			out := strings.Fields(servicetest.CommandOutput(t, "ps", "-o", "rss=,uid=,ppid=,args=", "-p", fmt.Sprint(pid)))
			again, err := Read(host(), pid)
			if err != nil {
				t.Fatal(err)
			}
			want := []string{fmt.Sprint(again.RSS >> 10), fmt.Sprint(again.UID), fmt.Sprint(again.Parent), "title", "of", "its", "own", "600", "60"}
			if diff := cmp.Diff(want, out); diff != "" {
				t.Errorf("-ours +ps\n%s", diff)
			}
			if got := p.Cmdline(100); got != "title of its own 600 60" {
				t.Errorf("command line %q", got)
			}
		})
	}
}

// TestReplacedProgram: the file of a program that was upgraded is gone.
func TestReplacedProgram(t *testing.T) {
	pid := startCopy(t, "nginx", "nginx: master process", "600")
	p := waitForProgram(t, pid, "nginx")
	if err := os.Remove(p.Subject.Exe); err != nil {
		t.Fatal(err)
	}
	p, err := Read(host(), pid)
	if err != nil || !strings.HasSuffix(p.Subject.Exe, " (deleted)") {
		t.Fatalf("%+v, %v", p.Subject, err)
	}
	if got := rules(t).Classify(&p.Subject).String(); got != "web/nginx" {
		t.Error(got)
	}
}

// TestZombie: a process that has ended has neither program nor command line, but a name.
func TestZombie(t *testing.T) {
	file, err := exec.LookPath("true")
	if err != nil {
		t.Skip("needs true")
	}
	pid := startProcess(t, file, "true")
	var p Process
	servicetest.Until(t, "the end of the process", func(context.Context) error {
		if p, err = Read(host(), pid); err == nil && p.State != 'Z' {
			return errors.New("not yet")
		}
		return err
	})
	if err != nil || p.Name() != "true" || p.Subject.Exe != "" || p.Subject.Argv != nil || p.RSS != 0 || len(p.Failures) > 0 {
		t.Errorf("%+v, %v", p, err)
	}
}

// TestScan: all processes are found once, and those of ps too unless they have ended.
func TestScan(t *testing.T) {
	list, err := Scan(t.Context(), host())
	if err != nil || !slices.ContainsFunc(list, func(p Process) bool { return p.PID == os.Getpid() }) {
		t.Fatalf("%d processes, %v", len(list), err)
	}
	if !slices.IsSortedFunc(list, func(a, b Process) int { return a.PID - b.PID }) {
		t.Error("not by PID")
	}
	if _, err := Read(host(), maxPID); !errors.Is(err, ErrGone) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Scan(ctx, host()); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := Scan(t.Context(), hostfs.At(t.TempDir())); err == nil {
		t.Error("a host without processes")
	}
}

// TestRecordAndOpen: a recorded host has the same processes and classes, and no credentials.
func TestRecordAndOpen(t *testing.T) {
	const secret = "hunter2hunter2"
	pid := startCopy(t, "redis-server", "redis-server", "600", "60")
	waitForProgram(t, pid, "redis-server")
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("needs sh")
	}
	sleeping := startProcess(t, shell, "sh", "-c", "read x", "--password="+secret)
	waitForProgram(t, sleeping, filepath.Base(mustResolve(t, shell)))
	file := filepath.Join(t.TempDir(), "host.tar.gz")
	var buf bytes.Buffer
	done, err := Record(t.Context(), host(), &buf)
	if err != nil || done.Processes < 2 {
		t.Fatalf("%+v, %v", done, err)
	}
	if err := os.WriteFile(file, buf.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := Open(file)
	if err != nil {
		t.Fatal(err)
	}
	list, err := Scan(t.Context(), r.Root)
	if err != nil || len(list) != done.Processes {
		t.Errorf("%d processes, recorded %d, %v", len(list), done.Processes, err)
	}
	var live, recorded []Process
	for _, p := range []int{pid, os.Getpid()} {
		now, err1 := Read(host(), p)
		then, err2 := Read(r.Root, p)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		for _, one := range []*Process{&now, &then} {
			one.CPU, one.RSS, one.State = 0, 0, 0 // of this process they change
		}
		live, recorded = append(live, now), append(recorded, then)
	}
	if diff := cmp.Diff(live, recorded); diff != "" {
		t.Errorf("-live +recorded\n%s", diff)
	}
	if p, err := Read(r.Root, sleeping); err != nil || !strings.Contains(p.Cmdline(200), "[redacted]") {
		t.Errorf("%+v, %v", p, err)
	}
	err = filepath.WalkDir(r.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte(secret)) {
			t.Errorf("%s has a credential", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	users, err := os.ReadFile(filepath.Join(r.dir, "etc", "passwd"))
	if err != nil || !strings.Contains(string(users), "root:x:0:::::\n") || strings.Contains(string(users), "/root") {
		t.Errorf("%.100s, %v", users, err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(r.dir); !errors.Is(err, os.ErrNotExist) {
		t.Error("the temporary directory is still there")
	}
}

func mustResolve(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestUnreadable: what may not be read is left out and counted. Root may read everything, so links that lead nowhere stand for it.
func TestUnreadable(t *testing.T) {
	dir := t.TempDir()
	process := filepath.Join(dir, "proc", "5")
	if err := os.MkdirAll(filepath.Join(process, "cmdline"), 0o700); err != nil { // a directory: reading it fails
		t.Fatal(err)
	}
	stat := "5 (x) S 1 5 5 0 -1 4194304 1 0 0 0 12 34 0 0 20 0 1 0 800 0 0 0\n"
	for name, text := range map[string]string{"stat": stat, "exe": "no link", "cgroup": "0::/system.slice/x.service\n"} {
		if err := os.WriteFile(filepath.Join(process, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p, err := Read(hostfs.At(dir), 5)
	want := []Failure{{"cmdline", "is a directory"}, {"exe", "invalid argument"}}
	if diff := cmp.Diff(want, p.Failures); err != nil || diff != "" || p.Subject.Place.Unit != "x.service" || p.CPU != 460*time.Millisecond {
		t.Errorf("%+v, %v, -want +got\n%s", p, err, diff)
	}
	done, err := Record(t.Context(), hostfs.At(dir), io.Discard)
	if err != nil || done.Processes != 1 || len(done.Failures) != 6 {
		t.Errorf("%+v, %v", done, err)
	}
	s := Summarize([]Process{p, p}, []procclass.Class{{Group: "other", Subgroup: "unknown"}, {Group: "db", Subgroup: "x"}})
	if len(s.Classes) != 2 || s.Classes[0].Group != "db" || len(s.Unknown) != 1 || s.Unknown[0].Name != "x" || len(s.Failures) != 2 || s.Failures[0].Count != 2 {
		t.Errorf("%+v", s)
	}
}

// TestHostileRecordings: a recording may come from anywhere.
func TestHostileRecordings(t *testing.T) {
	stat := tar.Header{Name: "proc/1/stat", Typeflag: tar.TypeReg, Size: 3}
	with := func(more ...tar.Header) []tar.Header { return append([]tar.Header{stat}, more...) }
	outside := filepath.Join(t.TempDir(), "outside")
	for name, headers := range map[string][]tar.Header{
		"parent":          with(tar.Header{Name: "proc/../../x", Typeflag: tar.TypeReg}),
		"parent process":  with(tar.Header{Name: "proc/../stat", Typeflag: tar.TypeReg}),
		"absolute":        with(tar.Header{Name: outside, Typeflag: tar.TypeReg}),
		"other file":      with(tar.Header{Name: "proc/1/environ", Typeflag: tar.TypeReg}),
		"other directory": with(tar.Header{Name: "etc/shadow", Typeflag: tar.TypeReg}),
		"leading zero":    with(tar.Header{Name: "proc/01/stat", Typeflag: tar.TypeReg}),
		"large pid":       with(tar.Header{Name: "proc/99999999/stat", Typeflag: tar.TypeReg}),
		"twice":           with(stat),
		"link for a file": with(tar.Header{Name: "proc/1/status", Typeflag: tar.TypeSymlink, Linkname: outside}),
		"hard link":       with(tar.Header{Name: "proc/1/status", Typeflag: tar.TypeLink, Linkname: "proc/1/stat"}),
		"link of process": with(tar.Header{Name: "proc/2", Typeflag: tar.TypeSymlink, Linkname: "/etc"}),
		"directory":       with(tar.Header{Name: "proc/1/exe", Typeflag: tar.TypeDir}),
		"device":          with(tar.Header{Name: "proc/1/status", Typeflag: tar.TypeChar}),
		"file for exe":    with(tar.Header{Name: "proc/1/exe", Typeflag: tar.TypeReg, Size: 3}),
		"below exe":       with(tar.Header{Name: "proc/1/exe", Typeflag: tar.TypeSymlink, Linkname: "/tmp"}, tar.Header{Name: "proc/1/exe/x", Typeflag: tar.TypeReg}),
		"long link":       with(tar.Header{Name: "proc/1/exe", Typeflag: tar.TypeSymlink, Linkname: strings.Repeat("x", maxTarget+1)}),
		"large":           with(tar.Header{Name: "proc/1/status", Typeflag: tar.TypeReg, Size: maxProcessFile + 1}),
		"no process":      {{Name: "proc/stat", Typeflag: tar.TypeReg}},
		"nothing":         {},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := unpack(dir, bytes.NewReader(pack(t, headers))); err == nil {
				t.Error("accepted")
			}
			if _, err := os.Lstat(outside); err == nil {
				t.Error("a file outside was written")
			}
		})
	}
	if err := unpack(t.TempDir(), bytes.NewReader(pack(t, with(tar.Header{Name: "proc/1/exe", Typeflag: tar.TypeSymlink, Linkname: "/x"})))); err != nil {
		t.Error(err)
	}
	whole := pack(t, with())
	for _, data := range [][]byte{nil, []byte("no gzip"), whole[:len(whole)-12]} {
		if err := unpack(t.TempDir(), bytes.NewReader(data)); err == nil {
			t.Errorf("%d bytes are accepted", len(data))
		}
	}
	if _, err := Open(filepath.Join(t.TempDir(), "nope")); err == nil {
		t.Error("a file that does not exist")
	}
}

func pack(t testing.TB, headers []tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	zip := gzip.NewWriter(&b)
	w := tar.NewWriter(zip)
	for i := range headers {
		if err := w.WriteHeader(&headers[i]); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(make([]byte, headers[i].Size)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), zip.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestParsePID(t *testing.T) {
	for text, want := range map[string]int{"1": 1, " 42 ": 42, "0": 0, "-1": 0, "": 0, "x": 0, "4194305": 0, "99999999999999999999": 0, "+5": 0, "1.5": 0} {
		if got, err := ParsePID(text); got != want || (err == nil) != (want > 0) {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
}

// FuzzUnpack: nothing is written outside of the directory, however the bytes are.
func FuzzUnpack(f *testing.F) {
	f.Add(pack(f, []tar.Header{{Name: "proc/1/stat", Typeflag: tar.TypeReg, Size: 3}, {Name: "proc/1/exe", Typeflag: tar.TypeSymlink, Linkname: "/x"}, {Name: "etc/passwd", Typeflag: tar.TypeReg}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		top := t.TempDir()
		dir := filepath.Join(top, "in")
		_ = unpack(dir, bytes.NewReader(data))
		if entries, err := os.ReadDir(top); err != nil || len(entries) > 1 {
			t.Fatalf("%v, %v", entries, err)
		}
		_, _ = Scan(t.Context(), hostfs.At(dir))
	})
}

func BenchmarkScan(b *testing.B) {
	for b.Loop() {
		if _, err := Scan(b.Context(), host()); err != nil {
			b.Fatal(err)
		}
	}
}
