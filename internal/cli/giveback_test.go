package cli

import (
	"os"
	"runtime/debug"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rtcollector/rtcollector/internal/scan"
)

func TestProgramSpans(t *testing.T) {
	const maps = `00400000-00fc0000 r-xp 00000000 fe:00 1234                               /opt/rt collector/rtcollector
00fc0000-01b6f000 r--p 00bc0000 fe:00 1234                               /opt/rt collector/rtcollector
01b6f000-01bf0000 rw-p 0176f000 fe:00 1234                               /opt/rt collector/rtcollector
01bf0000-03c35000 rw-p 00000000 00:00 0
7f194e8c0000-7f194ec00000 r--p 00000000 fe:00 99                         /usr/lib/locale/locale-archive
7ffd1000-7ffd3000 r-xp 00000000 00:00 0                                  [vdso]
zz-01 r-xp 0 0 1 /opt/rt collector/rtcollector
5000-4000 r-xp 0 0 1 /opt/rt collector/rtcollector
6000
`
	want := []span{{0x400000, 0xfc0000}, {0xfc0000, 0x1b6f000}}
	if diff := cmp.Diff(want, programSpans([]byte(maps), "/opt/rt collector/rtcollector"), cmp.AllowUnexported(span{})); diff != "" {
		t.Error(diff)
	}
}

// TestGiveBack: pages of the program's file are gone afterwards, and what is needed of it comes back.
func TestGiveBack(t *testing.T) {
	before, ok := residentFile(t)
	if !ok {
		t.Skip("no RssFile in /proc/self/status")
	}
	giveBack()
	if after, _ := residentFile(t); after > before*3/4 {
		t.Errorf("%d KiB of files are resident, %d before", after, before)
	}
}

func residentFile(t *testing.T) (kib uint64, ok bool) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip(err)
	}
	return scan.Value(status, "RssFile:")
}

func FuzzProgramSpans(f *testing.F) {
	f.Add([]byte("00400000-00fc0000 r-xp 00000000 fe:00 1234 /a b\n"), "/a b")
	f.Fuzz(func(t *testing.T, maps []byte, exe string) {
		for _, s := range programSpans(maps, exe) {
			if s.from >= s.to {
				t.Error(s)
			}
		}
	})
}

func TestGOGCIsTheUsers(t *testing.T) {
	before := debug.SetGCPercent(100)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	for set, want := range map[bool]int{true: 100, false: gcPercent} {
		debug.SetGCPercent(100)
		(&App{Getenv: func(string) (string, bool) { return "200", set }}).saveMemory()
		if got := debug.SetGCPercent(100); got != want {
			t.Errorf("with GOGC set: %v, the heap grows by %d %%, want %d", set, got, want)
		}
	}
}
