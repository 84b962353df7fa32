package system

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/plugins/plugintest"
)

func TestConformance(t *testing.T) {
	plugintest.Run(t, Plugin,
		plugintest.Case{Name: "no users", Root: "testdata/vm-6.18", Allocs: 12},
		plugintest.Case{Name: "utmp", Root: "testdata/server-2.6.32", Allocs: 4},
		plugintest.Case{Name: "utmp of arm64", Root: "testdata/armboard-4.9", Allocs: 4},
		plugintest.Case{Name: "systemd", Root: "testdata/debian13-6.12", Allocs: 100}, // sessions are read again while the directory is recent
		plugintest.Case{Name: "this machine", Allocs: 12},
		plugintest.Case{Name: "macOS", Host: "macos-15", Then: "macos-15-later", Allocs: 30},
		plugintest.Case{Name: "older macOS", Host: "macos-14", Allocs: 30},
		plugintest.Case{Name: "macOS on Intel", Host: "macos-13", Allocs: 30},
		plugintest.Case{Name: "FreeBSD", Host: "freebsd-14", Then: "freebsd-14-later", Allocs: 30},
		plugintest.Case{Name: "Windows", Host: "windows-2022", Then: "windows-2022-later", Allocs: 30},
	)
}

func TestGather(t *testing.T) {
	for tree, want := range map[string]map[string]float64{
		"server-2.6.32": {"system_load1": 12.5, "system_load5": 8.03, "system_load15": 4.1, "system_n_users": 3, "system_n_unique_users": 2,
			"system_n_cpus": 8, "system_uptime": 12345678, "system_uname": 1},
		"armboard-4.9": {"system_load1": 0, "system_load5": 0.01, "system_load15": 0.05, "system_n_users": 3, "system_n_unique_users": 2,
			"system_n_cpus": 3, "system_uptime": 59, "system_uname": 1, "system_os": 1},
		"debian13-6.12": {"system_load1": 0.2, "system_load5": 0.18, "system_load15": 0.12, "system_n_users": 3, "system_n_unique_users": 2,
			"system_n_cpus": 1, "system_uptime": 350735, "system_uname": 1, "system_os": 1},
	} {
		env := plugintest.Env("system", filepath.Join("testdata", tree))
		if diff := cmp.Diff(want, plugintest.Start(t, Plugin, "", env).Gather(0)); diff != "" {
			t.Errorf("%s: %s", tree, diff)
		}
	}
}

// TestMaskedFiles covers a container that hides everything: unknown values are left out, and nothing is an error.
func TestMaskedFiles(t *testing.T) {
	got := plugintest.Start(t, Plugin, "", plugintest.Env("system", t.TempDir())).Gather(0)
	want := map[string]float64{"system_n_users": 0, "system_n_unique_users": 0, "system_n_cpus": float64(runtime.NumCPU())}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestSessionsAreReadAgainWhenTheyChange(t *testing.T) {
	const session = "run/systemd/sessions/"
	dir := plugintest.Files(t, "", map[string]string{session + "1": "USER=a\nCLASS=user\n"})
	old := time.Now().Add(-time.Hour)
	touch := func(at time.Time) {
		if err := os.Chtimes(filepath.Join(dir, session), at, at); err != nil {
			t.Fatal(err)
		}
	}
	touch(old)
	p := plugintest.Start(t, Plugin, "", plugintest.Env("system", dir))
	if got := p.Gather(0)["system_n_users"]; got != 1 {
		t.Errorf("one session counts as %v", got)
	}
	plugintest.Files(t, dir, map[string]string{session + "2": "USER=b\nCLASS=user\n", session + "2.ref": "USER=c\nCLASS=user\n"})
	touch(old)
	if got := p.Gather(1)["system_n_users"]; got != 1 {
		t.Errorf("an unchanged directory was read again: %v", got)
	}
	touch(old.Add(time.Minute))
	if got := p.Gather(2)["system_n_users"]; got != 2 {
		t.Errorf("two sessions count as %v", got)
	}
}

// Two sessions can start within one tick of the file system's clock, so a directory that changed just now is read again.
func TestSimultaneousSessionsAreCounted(t *testing.T) {
	const sessions = "run/systemd/sessions/"
	dir := plugintest.Files(t, "", map[string]string{sessions + "1": "USER=a\nCLASS=user\n"})
	justNow := time.Now().Add(time.Hour) // however long the test takes, it stays recent
	p := plugintest.Start(t, Plugin, "", plugintest.Env("system", dir))
	for i := range 2 {
		plugintest.Files(t, dir, map[string]string{sessions + strconv.Itoa(i+1): "USER=a\nCLASS=user\n"})
		if err := os.Chtimes(filepath.Join(dir, sessions), justNow, justNow); err != nil {
			t.Fatal(err)
		}
		if got := p.Gather(float64(i))["system_n_users"]; got != float64(i+1) {
			t.Errorf("%d sessions count as %v", i+1, got)
		}
	}
}

func TestParseCPUList(t *testing.T) {
	for list, want := range map[string]int{"0\n": 1, "0-1\n": 2, "0-3,5,8-9\n": 7, "": 0, "\n": 0, "3-1\n": 0, "0-5,3-1": 0, "0-": 0, "a": 0, "0,,1": 0, "0-99999999999": 0} {
		got, ok := parseCPUList([]byte(list))
		if ok != (want > 0) || ok && got != want {
			t.Errorf("%q has %d CPUs (%v), want %d", list, got, ok, want)
		}
	}
}

func TestParseLoadavgAndUptime(t *testing.T) {
	for _, text := range []string{"", "0.1 0.2", "0.1 0.2 x", "a b c", "0.1 -1 3"} {
		if loads, ok := parseLoadavg([]byte(text)); ok {
			t.Errorf("loadavg %q is %v", text, loads)
		}
	}
	for _, text := range []string{"", "x 1", "-5.0 1"} {
		if up, ok := parseUptime([]byte(text)); ok {
			t.Errorf("uptime %q is %v", text, up)
		}
	}
}

func TestParseUtmpOfEitherSize(t *testing.T) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Skip("recorded on machines with the bytes in the other order")
	}
	for tree, size := range map[string]int{"server-2.6.32": recordSize32, "armboard-4.9": recordSize64} {
		data, err := os.ReadFile(filepath.Join("testdata", tree, "run/utmp"))
		if err != nil {
			t.Fatal(err)
		}
		for _, arch := range []string{"amd64", "arm64"} {
			var names []string
			for _, n := range parseUtmp(nil, data, utmpSizes(arch)) {
				names = append(names, string(bytes.TrimRight(n[:], "\x00")))
			}
			if diff := cmp.Diff([]string{"alice", "bob", "alice"}, names); diff != "" {
				t.Errorf("%s on %s: %s", tree, arch, diff)
			}
		}
		if names := parseUtmp(nil, data[:len(data)-1], utmpSizes("amd64")); names != nil {
			t.Errorf("a truncated file: %v", names)
		}
		if len(data)%size != 0 {
			t.Errorf("the size of %s is not a multiple of %d", tree, size)
		}
	}
}

func TestParseUtmpWithoutAName(t *testing.T) {
	record := make([]byte, recordSize32)
	binary.NativeEndian.PutUint16(record, typeUser)
	if names := parseUtmp(nil, record, utmpSizes("amd64")); names != nil {
		t.Errorf("a session without a user counts: %v", names)
	}
	record[nameOffset] = 'x'
	if names := parseUtmp(nil, record, utmpSizes("amd64")); len(names) != 1 {
		t.Errorf("a session of x does not count: %v", names)
	}
}

func TestParseSession(t *testing.T) {
	for text, want := range map[string]bool{
		"USER=a\nCLASS=user\nSTATE=active\n":  true,
		"CLASS=user\nUSER=a":                  true,
		"USER=a\nCLASS=greeter\n":             false,
		"USER=a\nCLASS=user\nSTATE=closing\n": false,
		"CLASS=user\n":                        false,
		"USER=a\n":                            false,
		"":                                    false,
	} {
		if _, ok := parseSession([]byte(text)); ok != want {
			t.Errorf("%q is a user's session: %v", text, ok)
		}
	}
}

func FuzzParseUtmp(f *testing.F) {
	plugintest.Seed(f, "testdata/*/run/utmp")
	f.Fuzz(func(t *testing.T, data []byte) {
		names := parseUtmp(nil, data, utmpSizes("amd64"))
		if len(names) > len(data)/recordSize32 {
			t.Errorf("%d names in %d bytes", len(names), len(data))
		}
	})
}

func FuzzParseText(f *testing.F) {
	for _, seed := range []string{"0.09 0.31 0.30 1/89 3938\n", "1086.31 1790.25\n", "0-3,5\n", "USER=a\nCLASS=user\nSTATE=active\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if n, ok := parseCPUList(data); ok && (n < 1 || n > maxCPUs) {
			t.Errorf("%d CPUs", n)
		}
		if up, ok := parseUptime(data); ok && up < 0 {
			t.Errorf("uptime %v", up)
		}
		if loads, ok := parseLoadavg(data); ok && (loads[0] < 0 || loads[1] < 0 || loads[2] < 0) {
			t.Errorf("loads %v", loads)
		}
		if name, ok := parseSession(data); ok && name[0] == 0 {
			t.Error("a session of nobody")
		}
	})
}
