package hostfs

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

func TestRoots(t *testing.T) {
	none := FromEnv(func(string) string { return "" })
	if none != (Root{Proc: "/proc", Sys: "/sys", Run: "/run", Root: "/"}) {
		t.Errorf("%+v", none)
	}
	moved := FromEnv(func(name string) string { return "/host/" + strings.ToLower(strings.TrimPrefix(name, "HOST_")) })
	if moved != (Root{Proc: "/host/proc", Sys: "/host/sys", Run: "/host/run", Root: "/host/root"}) {
		t.Errorf("%+v", moved)
	}
	dir := t.TempDir()
	if at := At(dir); at.Root != dir || at.Proc != filepath.Join(dir, "proc") || at.Run != filepath.Join(dir, "run") {
		t.Errorf("%+v", at)
	}
}

func TestFiles(t *testing.T) {
	for got, want := range map[string]string{
		At("x").ProcFile("net", "dev").Path():                           "x/proc/net/dev",
		At("x").SysFile("block").Path():                                 "x/sys/block",
		At("x").ProcDir().Path():                                        "x/proc",
		At("x").ProcDir("pressure").Path():                              "x/proc/pressure",
		At("x").HostFile("net", "dev").Path():                           "x/proc/1/net/dev",
		FromEnv(func(string) string { return "" }).HostFile("a").Path(): "/proc/self/a",
		SelfFile("statm").Path():                                        "/proc/self/statm",
	} {
		if filepath.ToSlash(got) != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestReadGrowsAndShrinks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	f := NewFile(path)
	for _, size := range []int{0, 10, 4095, 4096, 4097, 100_000, 3} {
		want := bytes.Repeat([]byte{'x'}, size)
		if err := os.WriteFile(path, want, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := f.Read(); err != nil || !bytes.Equal(got, want) {
			t.Errorf("size %d: %d bytes, %v", size, len(got), err)
		}
	}
}

func TestReadErrors(t *testing.T) {
	dir := t.TempDir()
	f := NewFile(filepath.Join(dir, "gone"))
	_, err := f.Read()
	if !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), "read "+f.Path()+": ") {
		t.Errorf("a missing file: %v", err)
	}
	if _, err := NewFile(dir).Read(); err == nil {
		t.Error("a directory can be read")
	}
	if err := os.WriteFile(f.Path(), []byte("back"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := f.Read(); err != nil || string(got) != "back" {
		t.Errorf("the file came back: %q, %v", got, err)
	}
}

// TestReadKeepsOneOpen checks that many reads keep only one file open.
func TestReadKeepsOneOpen(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("counts /proc/self/fd")
	}
	f := SelfFile("stat")
	read := func() int {
		if _, err := f.Read(); err != nil {
			t.Fatal(err)
		}
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	before := read()
	for range 100 {
		read()
	}
	if after := read(); after > before {
		t.Errorf("%d open files, then %d", before, after)
	}
}

func TestCloseClosesTheFile(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("reads /proc")
	}
	f := SelfFile("stat")
	for range 2 {
		if _, err := f.Read(); err != nil || f.keptOpen == nil {
			t.Fatalf("read: %v, kept: %v", err, f.keptOpen)
		}
		file := f.keptOpen
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		if _, err := file.Stat(); !errors.Is(err, os.ErrClosed) {
			t.Errorf("it is still open: %v", err)
		}
	}
	if err := f.Close(); err != nil {
		t.Errorf("closed twice: %v", err)
	}
}

// TestBufferFitsTheContent reads a file of many records, which the kernel gives in several pieces: they must not enlarge the buffer.
func TestBufferFitsTheContent(t *testing.T) {
	f := FromEnv(func(string) string { return "" }).ProcFile("self", "smaps")
	for range 3 {
		data, err := f.Read()
		if err != nil {
			t.Skip(err)
		}
		if len(f.buf) < len(data) || len(f.buf) > 2*max(len(data), fileBufferSize) { // a buffer that is much too large is released
			t.Errorf("a buffer of %d bytes for %d", len(f.buf), len(data))
		}
	}
	_ = f.Close()
}

// TestKeepsFileWithoutValue reads an attribute that exists and has no value: the loopback interface has no speed.
func TestKeepsFileWithoutValue(t *testing.T) {
	f := FromEnv(func(string) string { return "" }).SysValue("class", "net", "lo", "speed")
	if _, err := f.Read(); !errors.Is(err, syscall.EINVAL) {
		t.Skipf("the speed of lo: %v", err)
	}
	kept := f.keptOpen
	if kept == nil {
		t.Fatal("it is not kept open")
	}
	if _, err := f.Read(); !errors.Is(err, syscall.EINVAL) || f.keptOpen != kept {
		t.Errorf("read again: %v, and it was opened again: %v", err, f.keptOpen != kept)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

func TestValueOfAnySize(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	f := NewValue(path)
	for _, size := range []int{0, 3, valueBufferSize, valueBufferSize + 1, 10_000} {
		want := bytes.Repeat([]byte{'x'}, size)
		if err := os.WriteFile(path, want, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := f.Read(); err != nil || !bytes.Equal(got, want) {
			t.Errorf("size %d: %d bytes, %v", size, len(got), err)
		}
	}
}

// TestKeptFileIsReadAgain reads a file whose content changes while it is open.
func TestKeptFileIsReadAgain(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("reads /proc")
	}
	const comm = "/proc/self/comm" // a file below /proc that every user may write
	old, err := os.ReadFile(comm)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.WriteFile(comm, bytes.TrimSpace(old), 0) })
	f := SelfFile("comm")
	for _, want := range []string{"longer-name", "short"} {
		if err := os.WriteFile(comm, []byte(want), 0); err != nil {
			t.Skip(err)
		}
		if got, err := f.Read(); err != nil || string(got) != want+"\n" {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
	}
	if f.keptOpen == nil {
		t.Error("it was not kept open")
	}
}

func TestReplacedFileIsFound(t *testing.T) {
	dir := t.TempDir()
	f := NewFile(filepath.Join(dir, "file"))
	for _, want := range []string{"one", "two"} {
		other := filepath.Join(dir, "new")
		if err := os.WriteFile(other, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(other, f.Path()); err != nil {
			t.Fatal(err)
		}
		if got, err := f.Read(); err != nil || string(got) != want {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
	}
}

func TestReadOfAKernelFileAllocatesNothing(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("reads /proc")
	}
	f := SelfFile("stat")
	_, _ = f.Read()
	if n := testing.AllocsPerRun(100, func() { _, _ = f.Read() }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestDirListsNames(t *testing.T) {
	dir := t.TempDir()
	d := NewDir(dir)
	for n := range 3000 { // more than one system call returns
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("a name with blanks %d", n)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if n != 0 && n != 2999 {
			continue
		}
		names, err := d.Names()
		if err != nil || len(names) != n+1 {
			t.Fatalf("%d names, %v; want %d", len(names), err, n+1)
		}
		seen := map[string]bool{}
		for _, name := range names {
			seen[string(name)] = true
		}
		if len(seen) != n+1 || !seen["a name with blanks 0"] {
			t.Errorf("%d distinct names of %d", len(seen), n+1)
		}
	}
	d.SetPath(filepath.Dir(dir))
	if names, err := d.Names(); err != nil || d.Path() != filepath.Dir(dir) || len(names) != 1 {
		t.Errorf("moved to the parent: %q, %v", names, err)
	}
	if d := NewDir(filepath.Join(dir, "none")); true {
		if _, err := d.Names(); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a missing directory: %v", err)
		}
	}
}

// readStatHeads reads the file "stat" of every entry except "unwanted".
func readStatHeads(t *testing.T, dir string) (map[string]string, error) {
	t.Helper()
	got := map[string]string{}
	err := NewDir(dir).ReadHeads("stat", func(name []byte) bool { return string(name) != "unwanted" },
		func(name, head []byte) { got[string(name)] = string(head) })
	return got, err
}

func TestDirReadsTheHeadsOfItsEntries(t *testing.T) {
	dir := t.TempDir()
	for path, content := range map[string]string{
		"1/stat": "one", "2/stat": "", "3/other": "x", "unwanted/stat": "x", "long/stat": strings.Repeat("x", headSize) + "beyond", "file": "x",
	} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(path)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, path), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := readStatHeads(t, dir)
	want := map[string]string{"1": "one", "2": "", "long": strings.Repeat("x", headSize)}
	if !maps.Equal(got, want) || err != nil {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
	if _, err := readStatHeads(t, filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), "list ") {
		t.Errorf("a missing directory: %v", err)
	}
}

// A process that ends between open and read causes ESRCH. No test can hit that moment.
func TestHeadsSkipsVanishedEntries(t *testing.T) {
	d := NewDir("proc")
	d.setBelowPath([]byte("7"), "stat")
	for err, leftOut := range map[syscall.Errno]bool{syscall.ESRCH: true, syscall.ENOENT: true, syscall.EPERM: true, syscall.EACCES: true,
		syscall.EMFILE: false, syscall.EIO: false} {
		if got := d.headError(err); (got == nil) != leftOut {
			t.Errorf("%v becomes %v", err, got)
		}
	}
}

func TestHeadsNamesUnreadableFile(t *testing.T) {
	dir := t.TempDir()
	stat := filepath.Join(dir, "7", "stat")
	if err := os.MkdirAll(stat, 0o755); err != nil { // a directory can be opened but not read
		t.Fatal(err)
	}
	if _, err := readStatHeads(t, dir); err == nil || !strings.HasPrefix(err.Error(), "read "+stat+": ") {
		t.Errorf("%v, want one about %s", err, stat)
	}
	if os.Geteuid() == 0 || runtime.GOOS == "windows" {
		return // nothing is hidden from root
	}
	if err := os.Chmod(filepath.Join(dir, "7"), 0); err != nil {
		t.Fatal(err)
	}
	if got, err := readStatHeads(t, dir); len(got) > 0 || err != nil {
		t.Errorf("a hidden entry: %v, %v", got, err)
	}
}

func TestMissingFilesAreNoError(t *testing.T) {
	dir := t.TempDir()
	if data, err := NewFile(filepath.Join(dir, "none")).ReadOptional(); data != nil || err != nil {
		t.Errorf("%q, %v", data, err)
	}
	if _, err := NewFile(dir).ReadOptional(); err == nil {
		t.Error("an unreadable file is not an error")
	}
	if err := IgnoreMissing(&os.PathError{Op: "open", Path: "/proc/pressure/cpu", Err: syscall.EOPNOTSUPP}); err != nil {
		t.Errorf("an unsupported file: %v", err)
	}
	if err := IgnoreMissing(fs.ErrPermission); err == nil {
		t.Error("a forbidden file is not an error")
	}
}

// A reader must not keep a large buffer for a file that was large once.
func TestLargeBufferIsReleased(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dev")
	f := NewFile(path)
	for _, size := range []int{1 << 20, fileBufferSize - 1} {
		want := size
		for range 2 { // the first read releases the buffer, the second allocates one that fits
			if err := os.WriteFile(path, bytes.Repeat([]byte{'x'}, size), 0o600); err != nil {
				t.Fatal(err)
			}
			if data, err := f.Read(); err != nil || len(data) != size {
				t.Fatalf("%d bytes, %v", len(data), err)
			}
		}
		if len(f.buf) < want || len(f.buf) > 2*want {
			t.Errorf("a buffer of %d bytes for %d", len(f.buf), size)
		}
	}
}

func TestReadLinks(t *testing.T) {
	dir := t.TempDir()
	want := map[string]string{}
	for i := range 300 { // more than one piece of the directory
		name, target := fmt.Sprintf("link %d", i), fmt.Sprintf("socket:[%d]", i)
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Skip(err)
		}
		want[name] = target
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	if err := NewDir(dir).ReadLinks(func(name, target []byte) { got[string(name)] = string(target) }); err != nil || !maps.Equal(got, want) {
		t.Errorf("%d links of %d, %v", len(got), len(want), err)
	}
	if err := NewDir(filepath.Join(dir, "none")).ReadLinks(nil); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}
