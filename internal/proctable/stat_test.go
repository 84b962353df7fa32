package proctable

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// The files of processes with odd names, as the kernel wrote them.
func TestOddNames(t *testing.T) {
	const dir = "testdata/stat-odd-names"
	var cases []struct {
		File       string `json:"file"`
		Comm       string `json:"comm_hex"`
		PID        int    `json:"pid"`
		Parent     int    `json:"ppid"`
		State      string `json:"state"`
		User       uint64 `json:"utime_ticks"`
		System     uint64 `json:"stime_ticks"`
		Threads    uint64 `json:"threads"`
		Start      uint64 `json:"starttime_ticks"`
		KernelName string `json:"comm_utf8"`
	}
	data, err := os.ReadFile(filepath.Join(dir, "expected.json"))
	if err != nil || json.Unmarshal(data, &cases) != nil || len(cases) != 16 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	for _, c := range cases {
		stat, err := os.ReadFile(filepath.Join(dir, c.File))
		if err != nil {
			t.Fatal(err)
		}
		s, ok := ParseStat(stat)
		comm, _ := hex.DecodeString(c.Comm)
		want := Stat{PID: c.PID, State: c.State[0], Parent: c.Parent, User: c.User, System: c.System, Threads: c.Threads, Start: c.Start}
		if !ok || string(s.Comm) != string(comm) || s.Start != want.Start || s.Parent != want.Parent || s.PID != want.PID ||
			s.State != want.State || s.User != want.User || s.System != want.System || s.Threads != want.Threads || s.IsKernelThread() {
			t.Errorf("%s: %+v, want %+v with name %q", c.File, s, want, comm)
		}
		name := displayName(string(s.Comm), []string{"/usr/bin/odd"}, s.PID)
		if !utf8.ValidString(name) || name == "" || len(comm) == 0 && name != "odd" || c.KernelName != "" && name != c.KernelName {
			t.Errorf("%s: shown as %q", c.File, name)
		}
		status, err := os.ReadFile(filepath.Join(dir, strings.Replace(c.File, "stat", "status", 1)))
		if err != nil {
			t.Fatal(err)
		}
		if uid, ok := parseUID(status); strings.Contains(string(status), "\nUid:") && (!ok || uid != 0) {
			t.Errorf("%s: user %d, %v", c.File, uid, ok)
		}
	}
}

func TestParseStat(t *testing.T) {
	const rest = " 1 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 3 0 5021 4096 77"
	for text, want := range map[string]byte{
		"1 (a) S" + rest:         'S',
		"1 (a b) D" + rest:       'D',
		"1 ((sd-pam)) S" + rest:  'S',
		"1 (a) R 1 (b) T" + rest: 'T',
		"1 () S" + rest:          'S',
		"1 (new\nline) S" + rest: 'S',
		"1 (\xff\x00) Z" + rest:  'Z',
		"1 (a) S 0 0 0 0 -1 -2 1 2 3 4 -5 6 -7 8 -51 -20 3 0 5021": 'S',
		"1 (a) S 0 0 0 0 -1 -2 1 2 3 4 -5 6 -7 8 -51 -20 3":        0,
		"99999999 (a) S" + rest:                                    0,
		"x (a) S" + rest:                                           0,
		"1 (a) SS" + rest:                                          0,
		"1 (a)" + rest:                                             0, // no letter: the parent's PID is not one
		"1 (a) S 1 1 1 0":                                          0,
		"1 (a":                                                     0,
		"1 a S" + rest:                                             0,
		"1 (a) S x" + rest:                                         0,
		"":                                                         0,
	} {
		s, ok := ParseStat([]byte(text))
		if ok != (want != 0) || ok && (s.State != want || s.Threads != 3 || s.Start != 5021) || ok && strings.HasSuffix(text, rest) && (s.MinorFaults != 1 || s.MajorFaults != 3 || s.RSS != 77) {
			t.Errorf("%q is %+v (%v), want %q", text, s, ok, want)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("4242 (a) R 1 (b) S 77 10627 30493 0 -1 4194368 288 0 0 0 1234 567 0 0 20 0 3 0 807287 18685952"))
	f.Add([]byte("1 () S"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if s, ok := ParseStat(data); ok && (s.PID < 0 || s.PID > maxPID || s.Parent > maxPID || !strings.Contains(string(data), string(s.Comm))) {
			t.Errorf("%+v", s)
		}
	})
}
